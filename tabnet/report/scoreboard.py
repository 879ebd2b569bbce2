"""Scores for readers: their names, what is good, and the figure that compares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from tabnet.report import theme

# All but the log loss lie in 0..1; of those named here with "lower", less is better.
NAMES = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "log_loss": "log loss (lower is better)",
    "brier": "Brier score (lower is better)",
    "rma": "mask mass on relevant features",
    "rra": "top features relevant",
    "tpr": "relevant cells found",
    "fdr": "false discoveries (lower is better)",
    "mask_auroc": "AUROC of mask cells",
    "mask_average_precision": "average precision of mask cells",
}
HEADLINE = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "rma": "mask mass on relevant",
    "fdr": "false discoveries",
}

Metrics = Mapping[str, Any]


def table(metrics: Mapping[str, Metrics]) -> pd.DataFrame:
    """Scores of data sets, long: `dataset`, `score`, `consensus`, `mean` and `std` over seeds.

    `limit` is the score of the true probabilities, which no model exceeds but by chance; NaN where
    it is not known, or the score is not of predictions.

    >>> one = {"consensus": {"auc": 1.0}, "seeds": {"auc": {"mean": 0.9, "std": 0.1}}}
    >>> table({"syn2": one})["score"].tolist()
    ['AUC']
    """
    rows = [
        {
            "dataset": dataset,
            "score": text,
            "consensus": scores["consensus"][name],
            "mean": scores["seeds"][name]["mean"],
            "std": scores["seeds"][name]["std"],
            "limit": scores.get("bayes", {}).get(name),
        }
        for dataset, scores in metrics.items()
        for name, text in NAMES.items()
        if scores["consensus"].get(name) is not None
    ]
    columns = ["dataset", "score", "consensus", "mean", "std", "limit"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[2:], float))


def to_limit(score: float, limit: float) -> str:
    """How far a score is from its limit, as a reader sees it.

    >>> to_limit(0.776, 0.8213), to_limit(0.55, 0.5053), to_limit(1.0, 1.0)
    ('−0.045', '+0.045', '0.000')
    """
    difference = round(score - limit, 3)
    return f"{difference:+.3f}".replace("-", "−") if difference else "0.000"


def comparison(scores: pd.DataFrame) -> alt.LayerChart:
    """Scores of the consensus (filled) and of single seeds (ring: their mean, line: deviation).

    A bar across marks the limit that the labels' noise sets, where it is known.

    `scores` is a `table`; log losses, which have no upper end, are left to the table.

    >>> one = {"consensus": {"auc": 1.0}, "seeds": {"auc": {"mean": 0.9, "std": 0.1}}}
    >>> type(comparison(table({"syn2": one}))).__name__
    'LayerChart'
    """
    data = scores[scores["score"] != NAMES["log_loss"]]
    names = list(dict.fromkeys(data["dataset"]))
    data = data.assign(
        low=(data["mean"] - data["std"]).clip(lower=0),
        high=(data["mean"] + data["std"]).clip(upper=1),
    ).round(4)
    kept = [name for name in NAMES.values() if name in set(data["score"])]
    y = alt.Y("score:N", sort=kept, axis=None, scale=alt.Scale(domain=kept, paddingInner=0.45))
    base = alt.Chart(data).encode(
        y=y,
        yOffset=alt.YOffset("dataset:N", sort=names, scale=alt.Scale(domain=names)),
        color=_by_name(alt.Color, names, [theme.ACCENT, theme.SECOND, theme.INK, theme.SOFT]),
        tooltip=[
            alt.Tooltip("dataset:N", title="data set"),
            alt.Tooltip("score:N"),
            alt.Tooltip("consensus:Q", format=".4f"),
            alt.Tooltip("mean:Q", title="mean of seeds", format=".4f"),
            alt.Tooltip("std:Q", title="deviation of seeds", format=".4f"),
        ],
    )

    def x(field: str) -> alt.X:
        # The axis alone is called so: in what a screen reader says, "score" is the name of one.
        return alt.X(field, axis=alt.Axis(title="score", grid=True, tickCount=6))

    # Another number of shapes than of colours: twenty data sets look different.
    shapes = ["circle", "square", "diamond", "triangle-up", "cross"]
    shape = _by_name(alt.Shape, names, shapes)
    rule = base.mark_rule(strokeWidth=1.5, aria=False).encode(x=x("low:Q"), x2="high:Q")
    ring = base.mark_point(size=45, fill=theme.CARD, aria=False).encode(x=x("mean:Q"), shape=shape)
    filled = base.mark_point(size=70, filled=True, opacity=1).encode(
        x=x("consensus:Q"), shape=shape
    )
    bar = base.mark_tick(thickness=2, size=18, aria=False).encode(
        x=x("limit:Q"),
        tooltip=["dataset:N", "score:N", alt.Tooltip("limit:Q", title="Bayes limit", format=".4f")],
    )
    # Above its dots a name has room, however narrow the page.
    above = alt.Chart(pd.DataFrame({"score": kept})).mark_text(align="left", baseline="bottom")
    text = above.encode(
        x=alt.value(0), y=alt.Y("score:N", sort=kept, axis=None, bandPosition=0), text="score:N"
    )
    height = max(1, len(kept)) * (20 + 12 * max(1, len(names)))
    layers = [text, bar, rule, ring, filled]
    return alt.LayerChart(layer=layers, width=440, height=height)


def _by_name(channel: Any, names: Sequence[str], values: Sequence[str]) -> Any:
    """A channel that tells data sets apart; one data set needs no legend."""
    repeated = [values[i % len(values)] for i in range(len(names))]
    top = alt.Legend(title=None, orient="top", columnPadding=theme.LEGEND_GAP)
    legend = top if len(names) > 1 else None
    return channel(
        "dataset:N", scale=alt.Scale(domain=list(names), range=repeated), sort=None, legend=legend
    )
