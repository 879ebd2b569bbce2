"""Figures of the page: numbers in, plain Altair charts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt
import pandas as pd

from tabnet.report import theme


class Kind(NamedTuple):
    """How the dots of a kind look, and in which lane of a row they lie."""

    name: str
    colour: str
    shape: str = "circle"
    filled: bool = True
    lane: int = 0


class Dot(NamedTuple):
    """A number of a kind in a row, with its standard deviation."""

    row: str
    kind: str
    value: float | None
    std: float | None = None


TICK = "M0,-1V1"  # a shape of its own: a line across the row
PAPERS_OTHERS = "the paper's other rows"
PREDICTION = (
    Kind("consensus", theme.ACCENT),
    Kind("single seeds", theme.ACCENT, filled=False),
    Kind("TabNet (paper)", theme.SECOND, "diamond", lane=1),
    Kind(PAPERS_OTHERS, theme.MUTED, lane=1),
    Kind("limit", theme.INK, TICK, lane=1),
)
METHODS = {
    "consensus": Kind("consensus", theme.ACCENT),
    "single_seed": Kind("one seed", theme.ACCENT, filled=False),
    "pytorch_tabnet": Kind("pytorch-tabnet", theme.SECOND, "diamond", lane=1),
    "integrated_gradients_seeds": Kind("gradients, all seeds", theme.INK, "triangle-up", lane=1),
    "integrated_gradients": Kind(
        "gradients, one seed", theme.INK, "triangle-up", filled=False, lane=1
    ),
    "permutation": Kind("permutations", theme.SOFT, "cross", lane=1),
    "boosted_trees": Kind("boosted trees", theme.MUTED, "square", lane=1),
}


def prediction(predicted: Mapping[str, Any], names: Mapping[str, str]) -> alt.LayerChart:
    """The AUC on each of the paper's data sets: ours above, the paper's and the limit below."""
    found = []
    for dataset, one in predicted.items():
        row = names[dataset]
        for method, score in one["published"].items():
            kind = "TabNet (paper)" if method == "TabNet" else PAPERS_OTHERS
            found.append(Dot(row, kind, score["mean"]))
        found.append(Dot(row, "limit", one["limit"]))
        found.append(Dot(row, "single seeds", one["seeds"]["mean"], one["seeds"]["std"]))
        found.append(Dot(row, "consensus", one["consensus"]))
    return dots(found, PREDICTION, title="AUC on the rows explained")


def methods(measured: Mapping[str, Any], score: str, *, title: str) -> alt.LayerChart:
    """A score of each method's masks on each data set."""
    found = [
        Dot(dataset, kind.name, one["methods"][name]["scores"][score])
        for dataset, one in measured.items()
        for name, kind in METHODS.items()
        if name in one["methods"]
    ]
    return dots(found, list(METHODS.values()), title=title)


def dots(found: Sequence[Dot], kinds: Sequence[Kind], *, title: str) -> alt.LayerChart:
    """Numbers as dots on a line for each row; a line through a dot is its standard deviation.

    >>> type(dots([Dot("syn2", "a", 0.9)], [Kind("a", theme.ACCENT)], title="AUC")).__name__
    'LayerChart'
    """
    lanes = {kind.name: str(kind.lane) for kind in kinds}
    data = pd.DataFrame(found, columns=list(Dot._fields)).dropna(subset=["value"])
    data = data.assign(
        lane=data["kind"].map(lanes),
        low=(data["value"] - data["std"]).round(5),
        high=(data["value"] + data["std"]).round(5),
    )
    rows = list(dict.fromkeys(data["row"]))
    domain = [kind.name for kind in kinds if kind.name in set(data["kind"])]
    drawn = [kind for kind in kinds if kind.name in domain]

    def by_kind(channel: Any, values: list[str]) -> Any:
        scale = alt.Scale(domain=domain, range=values)
        gap = theme.LEGEND_GAP
        legend = alt.Legend(
            orient="top", title=None, columns=3, columnPadding=gap, symbolStrokeWidth=1.5
        )
        return channel("kind:N", scale=scale, legend=legend)

    stroke = by_kind(alt.Stroke, [kind.colour for kind in drawn])
    axis = alt.Axis(title=None, grid=True, ticks=False, domain=False, labelPadding=6)
    base = alt.Chart(data).encode(
        y=alt.Y("row:N", sort=rows, axis=axis, scale=alt.Scale(domain=rows, paddingInner=0.3)),
        yOffset=alt.YOffset(
            "lane:N", sort=None, scale=alt.Scale(domain=sorted(set(lanes.values())))
        ),
        stroke=stroke,
    )

    def x(field: str) -> alt.X:
        axis = alt.Axis(grid=True, tickCount=6)
        return alt.X(field, title=title, axis=axis, scale=alt.Scale(zero=False, nice=True))

    rule = base.transform_filter("isValid(datum.std)").mark_rule(strokeWidth=1.5, aria=False)
    point = base.mark_point(size=60, strokeWidth=1.5, opacity=1).encode(
        x=x("value:Q"),
        fill=by_kind(alt.Fill, [kind.colour if kind.filled else theme.CARD for kind in drawn]),
        shape=by_kind(alt.Shape, [kind.shape for kind in drawn]),
    )
    layers = [rule.encode(x=x("low:Q"), x2="high:Q"), point]
    return alt.LayerChart(layer=layers, width=400, height=max(1, len(rows)) * 46)
