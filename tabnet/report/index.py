"""The index of all reports: a page without a script, its figures drawn beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import pandas as pd
from markupsafe import Markup

from tabnet.report import heatmap, images, page, pooling, scoreboard, sentences, theme
from tabnet.report.explanation import Explanation, Numbers

COLUMNS = 480  # of a small heatmap


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A data set of the index."""

    explanation: Explanation
    numbers: Numbers
    sort_by: str
    quantile: float


def consensus(entry: Entry) -> alt.LayerChart:
    """The small heatmap of a data set: its consensus mask, pooled in one pass."""
    explanation = entry.explanation
    bins = min(COLUMNS, explanation.rows)
    order = pooling.order(explanation.key(entry.sort_by))
    pool = pooling.Pool(pooling.bin_of_row(order, bins), bins=bins, width=len(explanation.features))
    pooling.scan(explanation.masks("consensus"), pool)
    return heatmap.heatmap(
        {"Consensus": pool.peak},
        explanation.features,
        quantile={"Consensus": entry.quantile},
        size=explanation.rows,
        columns=COLUMNS,
        title=f"observations, in the order of {entry.sort_by}",
    )


def html(entries: Sequence[Entry]) -> str:
    """The index as one HTML file; reports are expected in folders of the data sets' names."""
    metrics = {e.explanation.name: e.numbers.metrics for e in entries if e.numbers.metrics}
    scores = scoreboard.table(metrics)
    return (
        page.environment()
        .get_template("index.html.jinja")
        .render(
            style=Markup(page.asset("style.css")),
            scores=inline(scoreboard.comparison(scores), "Scores of the data sets", prefix="s"),
            sentences=sentences.comparison(scores),
            rows=_rows(scores, [entry.explanation.name for entry in entries]),
            cards=[_card(entry, prefix=f"c{i}") for i, entry in enumerate(entries)],
        )
    )


def inline(chart: alt.LayerChart, description: str, *, prefix: str) -> Markup:
    """A chart as SVG for an HTML page, in the page's colours; `prefix` keeps its ids its own."""
    text = images.svg(chart.properties(description=description), background="transparent")
    for colour, variable in theme.VARIABLES.items():
        text = text.replace(f'"{colour}"', f'"{variable}"')
    return Markup(text.replace('id="', f'id="{prefix}-').replace("url(#", f"url(#{prefix}-"))


def _rows(scores: pd.DataFrame, names: Sequence[str]) -> list[tuple[str, list[str]]]:
    cells = {
        (row.score, row.dataset): f"{row.consensus:.3f} (seeds {row.mean:.3f} ± {row.std:.3f})"
        for row in scores.itertuples()
    }
    kept = [score for score in scoreboard.NAMES.values() if score in set(scores["score"])]
    return [(score, [cells.get((score, name), "") for name in names]) for score in kept]


def _card(entry: Entry, *, prefix: str) -> dict[str, object]:
    explanation, table = entry.explanation, entry.numbers.importance
    description = f"Consensus mask of {explanation.name}, {explanation.rows} observations"
    return {
        "name": explanation.name,
        "link": f"{page.address(explanation.name)}/report.html",
        "subtitle": sentences.size(explanation),
        "sentences": [] if table is None else sentences.importance(table)[:2],
        "picture": inline(consensus(entry), description, prefix=prefix),
    }
