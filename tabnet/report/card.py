"""A data set's card for the index: what the index needs to know, without opening its tables."""

from __future__ import annotations

import altair as alt

from tabnet.report import heatmap, pooling, sentences, words
from tabnet.report.explanation import Explanation
from tabnet.report.images import drawn
from tabnet.report.measured import Card
from tabnet.report.numbers import Numbers

COLUMNS = 480  # of a small heatmap


def card(explanation: Explanation, numbers: Numbers, *, sort_by: str, quantile: float) -> Card:
    """The card of a data set; JSON can hold it."""
    table = numbers.importance
    rows = words.count(explanation.rows, "observation")
    description = f"Consensus mask of {explanation.name}, {rows}"
    chart = consensus(explanation, sort_by=sort_by, quantile=quantile)
    return {
        "name": explanation.name,
        "subtitle": sentences.size(explanation),
        "sentences": [] if table is None else sentences.importance(table)[:2],
        "metrics": numbers.metrics,
        "picture": drawn(chart, description),
    }


def consensus(explanation: Explanation, *, sort_by: str, quantile: float) -> alt.LayerChart:
    """The small heatmap of a data set: its consensus mask, pooled in one pass."""
    bins = min(COLUMNS, explanation.rows)
    order = pooling.order(explanation.key(sort_by))
    pool = pooling.Pool(pooling.bin_of_row(order, bins), bins=bins, width=len(explanation.features))
    pooling.scan(explanation.masks("consensus"), pool)
    return heatmap.heatmap(
        {"Consensus": pool.peak},
        explanation.features,
        quantile={"Consensus": quantile},
        size=explanation.rows,
        columns=COLUMNS,
        title=f"observations, in the order of {words.order_name(sort_by)}",
    )
