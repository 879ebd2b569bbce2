"""The figures of a page: charts with their titles and the sentences that go with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from tabnet.report import (
    agreement,
    charts,
    contents,
    group_masks,
    heatmap,
    painted,
    predictions,
    scoreboard,
    sentences,
    store,
    votes,
    words,
)
from tabnet.report.explanation import Explanation, Predictions
from tabnet.report.groups import Group
from tabnet.report.numbers import Numbers
from tabnet.report.page import Figure
from tabnet.report.store import Store


def heat(explanation: Explanation, names: Sequence[str]) -> Figure:
    """The frame of the page's heatmap."""
    panels = [panel["name"] for panel in contents.panel_facts(explanation)]
    truth = explanation.relevance is not None
    chart = painted.painted(panels, names, size=explanation.rows, truth=truth)
    description = (
        f"Heatmap of {words.count(len(panels), 'mask panel')}, {words.listed(panels)}:"
        f" {words.count(explanation.rows, 'observation')} along x,"
        f" {words.count(len(names), 'feature')} in each panel."
    )
    return Figure(name="heat", title="Where the model looks", chart=chart, description=description)


def strip(names: Sequence[str], order: str) -> Figure:
    """The strip above the heatmap, whose data the page's script fills in."""
    chart = painted.strip([0], [0], size=1, label=heatmap.label_width(names))
    description = f"The sort key, {order} at first, along the observations; drag to zoom"
    return Figure(name="strip", title="Sort key", chart=chart, description=description)


def below(
    explanation: Explanation,
    numbers: Numbers,
    *,
    importance: pd.DataFrame,
    grouped: Sequence[Group],
    held: Store,
) -> Iterator[Figure]:
    """The figures below the heatmap, as far as their numbers are known."""
    yield Figure(
        name="importance",
        title="Importance",
        chart=charts.importance(shown_rows(importance)),
        sentences=tuple(sentences.importance(importance)),
    )
    if grouped:
        yield group_figure(grouped, explanation, held.features)
    if numbers.metrics is not None:
        yield score_figure(numbers.metrics, explanation)
    if (p := explanation.predictions) is not None:
        yield agreement_figure(p, explanation)
    if len(explanation.seeds) > 1 and explanation.rows:
        yield votes_figure(held, importance, explanation)
    if numbers.history is not None:
        yield Figure(
            name="training",
            title="Training",
            chart=charts.training(sentences.of_survivors(numbers.history)),
            sentences=tuple(sentences.training(numbers.history)),
        )
    if p is not None:
        yield from prediction_figures(p)


def shown_rows(importance: pd.DataFrame) -> pd.DataFrame:
    """The rows of the importance table that its figure has room for."""
    ranked = importance.sort_values("consensus", ascending=False, kind="stable")
    return ranked.head(store.FEATURES)


def group_figure(
    grouped: Sequence[Group], explanation: Explanation, features: Sequence[int]
) -> Figure:
    """The mean mask of each group, of the features that are drawn."""
    drawn = [_restricted(group, features) for group in grouped]
    return Figure(
        name="groups",
        title="Mask against ground truth",
        chart=group_masks.by_group(drawn, [explanation.features[j] for j in features]),
        sentences=tuple(sentences.by_group(grouped)),
    )


def _restricted(group: Group, features: Sequence[int]) -> Group:
    relevant = group.relevant
    return replace(
        group,
        share=tuple(group.share[j] for j in features),
        relevant=None if relevant is None else tuple(relevant[j] for j in features),
    )


def agreement_figure(p: Predictions, explanation: Explanation) -> Figure:
    """How far the seeds' masks agree, row by row."""
    return Figure(
        name="agreement",
        title="Can it be trusted: agreement of seeds",
        chart=agreement.distribution(p.agreement),
        sentences=tuple(sentences.agreement(p.agreement, seeds=len(explanation.seeds))),
    )


def votes_figure(held: Store, importance: pd.DataFrame, explanation: Explanation) -> Figure:
    """How many seeds select each feature, in the order of their importance."""
    places = {j: place for place, j in enumerate(held.features)}
    ranked = [j for j in shown_rows(importance).index if j in places]
    rows = held.votes[:, [places[j] for j in ranked]]
    names = importance["feature"][ranked].astype(str).tolist()
    hidden, truth = len(explanation.features) - len(names), explanation.relevance is not None
    return Figure(
        name="votes",
        title="Can it be trusted: votes of the seeds",
        chart=votes.by_feature(rows, names),
        sentences=tuple(votes.sentences(rows, names, hidden=hidden, truth=truth)),
    )


def score_figure(metrics: Mapping[str, Any], explanation: Explanation) -> Figure:
    """The scores of the consensus and of single seeds, as a figure and a table."""
    scores = scoreboard.table({explanation.name: metrics})
    head = ["score", "consensus", "mean of seeds", "deviation"]
    if limited := bool(scores["limit"].notna().any()):
        head += ["Bayes limit (consensus to it)"]
    noise = metrics.get("bayes", {}).get("brier") != 0
    rows = []
    for score, *values, limit in scores.drop(columns="dataset").to_numpy().tolist():
        cells = ["–" if np.isnan(value) else f"{value:.4f}" for value in values]
        if limited:
            away = scoreboard.to_limit(values[0], limit)
            cells.append("" if np.isnan(limit) else f"{limit:.4f} ({away})")
        rows.append([score, *cells])
    return Figure(
        name="scores",
        title="Can it be trusted: scores",
        chart=scoreboard.comparison(scores),
        sentences=tuple(sentences.scores(scores, noise=noise)),
        table={"head": [head], "rows": rows},
    )


def prediction_figures(p: Predictions) -> Iterator[Figure]:
    """ROC, calibration and distribution of the mean predicted probability."""
    if not np.isnan(p.label).all():
        curve = predictions.roc_table(p.label, p.probability)
        yield Figure(
            name="roc",
            title="Predictions: ROC curve",
            chart=predictions.roc(curve),
            sentences=tuple(sentences.roc(p.label, p.probability)),
        )
        calibrated = predictions.calibration_table(p.label, p.probability)
        yield Figure(
            name="calibration",
            title="Predictions: calibration",
            chart=predictions.calibration(calibrated),
            sentences=tuple(sentences.calibration(calibrated)),
        )
    yield Figure(
        name="spread",
        title="Predictions: distribution",
        chart=predictions.spread(predictions.spread_table(p.label, p.probability)),
        sentences=tuple(sentences.spread(p.probability)),
    )
