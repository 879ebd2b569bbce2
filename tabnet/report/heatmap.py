"""Masks as a heatmap: a plain chart, for notebooks, PNG and SVG."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from tabnet.report import pooling, theme, words

ROW = 15  # height of a feature's row in pixels
COLUMNS = 900  # of the plain chart: a column is a pixel

NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

Mask = npt.NDArray[np.floating]


def row_count(panels: int, features: int) -> int:
    """Rows of a figure: each panel has a title row, its features, and a gap below but the last."""
    return panels * (features + 2) - 1


def row_name(panel: int, feature: int, features: int) -> str:
    """The y category of a feature (-1: of the title row) in a panel.

    >>> row_name(1, 0, 10)
    '00013'
    """
    return f"{panel * (features + 2) + 1 + feature:05d}"


def row_labels(panels: int, features: Sequence[str]) -> list[str]:
    """What the y axis shows at each row."""
    return ["", *features, ""] * panels


def label_width(features: Sequence[str]) -> int:
    """Room in pixels for the feature names; fixed, so that figures below each other align.

    The numbers of the sort key have room as well.
    """
    return min(116, max(52, 12 + 7 * max(map(len, features), default=0)))


def row_axis(panels: int, features: Sequence[str]) -> alt.Y:
    """The y axis of all panels, one below the other."""
    # Names are never categories: two features could look alike, and "" is no category.
    rows = [f"{row:05d}" for row in range(row_count(panels, len(features)))]
    width = label_width(features)
    axis = alt.Axis(
        title=None,
        aria=False,  # a screen reader would say the categories
        ticks=False,
        domain=False,
        labelPadding=6,
        labelLimit=width - 6,
        labelOverlap=False,
        minExtent=width,
        maxExtent=width,
        labelExpr="labels[+datum.value]",
    )
    # Not by the marks: points and texts alone would get a scale of points, half a row off.
    return alt.Y("row:N", scale=alt.Scale(type="band", domain=rows, padding=0), axis=axis)


def positions_axis() -> alt.Axis:
    """The x axis of observations."""
    return alt.Axis(labelExpr=theme.WHOLE, tickMinStep=1, labelFlush=True, labelSeparation=10)


def title_texts(panels: Sequence[str], features: Sequence[str]) -> alt.Chart:
    """The panels' names above them, as the parameter `titles` has them."""
    rows = [row_name(k, -1, len(features)) for k in range(len(panels))]
    data = pd.DataFrame({"row": rows, "panel": range(len(panels))})
    base = alt.Chart(data).transform_calculate(title="titles[datum.panel]")
    said = alt.ExprRef("datum.title")
    text = base.mark_text(
        align="left", baseline="middle", fontWeight="bold", fontSize=12, description=said
    )
    # Where the plot is narrow, above the names too.
    left = alt.ExprRef(f"width < 300 ? {-label_width(features)} : 0")
    chart: alt.Chart = text.encode(x=alt.value(left), y="row:N", text="title:N")
    return chart


def text_parameters(panels: Sequence[str], features: Sequence[str]) -> list[alt.Parameter]:
    """The texts of axis and titles, as values: a name is never a field or an expression."""
    labels = row_labels(len(panels), words.shortened(features))
    texts = {"labels": labels, "titles": panels}
    return [alt.param(name=n, value=[*map(visible, some)]) for n, some in texts.items()]


def visible(text: str) -> str:
    """A text as a picture can have it: XML has no control characters.

    >>> visible(f"a{chr(1)}b")
    'a�b'
    """
    return NO_XML.sub("\ufffd", text)


def cells(
    masks: Mapping[str, Mask], *, quantile: Mapping[str, float], columns: int, unit: float = 1
) -> pd.DataFrame:
    """The cells above zero of ordered masks, pooled to at most `columns` bins by the maximum.

    Columns: `row` (y category), `start` and `stop` (positions along x), `value`, and `share` of the
    panel's clip, 1 at most. A row of a mask stands for `unit` observations.

    >>> cells({"A": np.array([[0.0, 0.5]])}, quantile={"A": 1.0}, columns=9)["share"].tolist()
    [1.0]
    """
    frames = []
    for k, (panel, mask) in enumerate(masks.items()):
        bins = min(columns, len(mask))
        cuts = pooling.edges(len(mask), bins)
        pooled = pooling.pool(mask, bins=bins)
        column, feature = np.nonzero(pooled > 0)
        value = pooled[column, feature].astype(np.float64)
        share = np.minimum(value / pooling.clip_at(mask, quantile[panel]), 1.0)
        rows = [row_name(k, int(j), mask.shape[1]) for j in feature]
        frame = {
            "row": rows,
            "start": cuts[column] * unit,
            "stop": cuts[column + 1] * unit,
            "share": share.round(4),
        }
        frames.append(pd.DataFrame(frame))
    return pd.concat(frames)


def runs(
    relevance: npt.NDArray[np.bool_], *, panels: int, columns: int, unit: float = 1
) -> pd.DataFrame:
    """Stretches along x on which a feature is truly relevant, for each panel.

    Columns: `row`, `start`, `stop`. A bin is relevant where most of its rows are.
    """
    rows, features = relevance.shape
    bins = min(columns, rows)
    cuts = pooling.edges(rows, bins)
    on = pooling.pool(relevance.astype(np.float32), bins=bins, how="mean") > 0.5
    frames = []
    for feature in range(features):
        steps = np.flatnonzero(np.diff(on[:, feature].astype(np.int8), prepend=0, append=0))
        for k in range(panels):
            name = row_name(k, feature, features)
            pairs = {"start": cuts[steps[::2]] * unit, "stop": cuts[steps[1::2]] * unit}
            frames.append(pd.DataFrame({"row": name, **pairs}))
    return pd.concat(frames)


def heatmap(
    masks: Mapping[str, Mask],
    features: Sequence[str],
    *,
    quantile: Mapping[str, float],
    relevance: npt.NDArray[np.bool_] | None = None,
    size: int | None = None,
    columns: int = COLUMNS,
    title: str = "observation",
) -> alt.LayerChart:
    """Masks (panel -> B x D, rows in the order of drawing) below each other on one x axis.

    Each panel's colours are clipped at its own `quantile`; `relevance` (B x D) is underlined. Where
    the rows are bins, `size` is the number of observations that they hold.

    >>> mask = np.eye(3)
    >>> chart = heatmap({"Consensus": mask}, ["a", "b", "c"], quantile={"Consensus": 1.0})
    >>> type(chart).__name__
    'LayerChart'
    """
    length = len(next(iter(masks.values())))
    size = length if size is None else size
    unit = size / max(length, 1)
    x = alt.X(
        "start:Q",
        title=visible(title),
        scale=alt.Scale(domain=[0, max(size, 1)], nice=False),
        axis=positions_axis(),
    )
    y = row_axis(len(masks), features)
    colour = alt.Color(
        "share:Q",
        title="share of the clip",
        scale=alt.Scale(scheme=theme.SCHEME, domain=[0, 1]),
        legend=alt.Legend(orient="top", gradientLength=160, format=".0%"),
    )
    count = len(features)
    rows = [row_name(k, j, count) for k in range(len(masks)) for j in range(count)]
    blank = alt.Chart(pd.DataFrame({"row": rows})).mark_rect(fill=theme.ZERO, aria=False)
    drawn = pd.DataFrame(columns=["row", "start", "stop", "share"])
    if size:
        drawn = cells(masks, quantile=quantile, columns=columns, unit=unit)
    parameters = text_parameters(list(masks), features)
    layers = [
        blank.encode(y=y, x=alt.value(0), x2=alt.value("width")).add_params(*parameters),
        alt.Chart(drawn).mark_rect(aria=False).encode(x=x, x2="stop:Q", y=y, color=colour),
        title_texts(list(masks), features),
    ]
    if relevance is not None and size:
        true = alt.Chart(runs(relevance, panels=len(masks), columns=columns, unit=unit))
        line = true.mark_rule(stroke=theme.TRUTH, strokeWidth=2, strokeCap="butt", aria=False)
        layers.append(line.encode(x=x, x2="stop:Q", y=alt.Y("row:N", bandPosition=0.94)))
    return alt.LayerChart(layer=layers, width=columns, height=ROW * row_count(len(masks), count))
