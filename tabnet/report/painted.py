"""The page's heatmap, whose pictures the page's script paints, and the strip above it."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy.typing as npt
import pandas as pd

from tabnet.report import heatmap, theme


def _image(chart: alt.Chart, *, height: int) -> alt.Chart:
    drawn: alt.Chart = chart.mark_image(
        align="left",
        baseline="top",
        aspect=False,
        smooth=False,
        aria=False,
        width=alt.ExprRef("width"),
        height=height,
    )
    return drawn


def painted(
    panels: Sequence[str], features: Sequence[str], *, size: int, truth: bool
) -> alt.LayerChart:
    """The frame of the page's heatmap, whose pictures the page's script paints.

    The parameters `picture` (all panels) and `truth` (one panel's underlines) hold images, `lo` and
    `hi` the visible range of positions.

    >>> type(painted(["Consensus"], ["a", "b"], size=9, truth=True)).__name__
    'LayerChart'
    """
    count = len(features)
    height = heatmap.ROW * heatmap.row_count(len(panels), count)
    domain = [alt.ExprRef("lo"), alt.ExprRef("hi")]
    x = alt.X(
        "start:Q",
        title=None,
        scale=alt.Scale(domain=domain, nice=False, zero=False),
        axis=heatmap.positions_axis(),
    )
    y = heatmap.row_axis(len(panels), features)
    rows = [heatmap.row_name(k, -1, count) for k in range(len(panels))]
    frame = alt.Chart(pd.DataFrame({"row": rows, "start": 0}))
    whole = _image(alt.Chart(pd.DataFrame({"start": [0]})), height=height)
    names = {"picture": None, "truth": None, "lo": 0, "hi": max(size, 1)}
    parameters = [alt.param(name=name, value=value) for name, value in names.items()]
    parameters += heatmap.text_parameters(panels, features)
    picture = whole.encode(x=alt.value(0), y=alt.value(0), url=alt.value(alt.ExprRef("picture")))
    layers = [
        picture.add_params(*parameters),
        frame.mark_point(opacity=0, size=0, aria=False, clip=True).encode(x=x, y=y),
        heatmap.title_texts(panels, features),
    ]
    if truth:
        under = _image(frame, height=heatmap.ROW * (count + 1))
        url = alt.value(alt.ExprRef("truth"))
        layers.append(under.encode(x=alt.value(0), y=alt.Y("row:N", bandPosition=0), url=url))
    return alt.LayerChart(layer=layers, width=heatmap.COLUMNS, height=height)


def strip(position: npt.ArrayLike, key: npt.ArrayLike, *, size: int, label: int) -> alt.LayerChart:
    """The sort key along the observations; a brush (`zoom`) chooses what the heatmap shows.

    `label` is the room in pixels of the heatmap's labels.

    >>> type(strip([0, 1], [-1.0, 2.0], size=2, label=40)).__name__
    'LayerChart'
    """
    data = pd.DataFrame({"position": position, "key": key}).dropna()
    mark = alt.BrushConfig(fill=theme.ACCENT, fillOpacity=0.18, stroke=theme.ACCENT)
    zoom = alt.selection_interval(name="zoom", encodings=["x"], mark=mark)
    number = "format(datum.value, abs(datum.value) < 1e4 ? '~g' : '.2~e')"
    extent = alt.Axis(title=None, tickCount=3, domain=False, ticks=False, labelPadding=6)
    extent.labelExpr, extent.labelLimit = number, label - 8
    extent.minExtent = extent.maxExtent = label
    base = alt.Chart(data).encode(
        x=alt.X("position:Q", scale=alt.Scale(domain=[0, max(size, 1)], nice=False), axis=None),
        y=alt.Y("key:Q", axis=extent),
    )
    area = base.mark_area(color=theme.ACCENT, opacity=0.18, aria=False).add_params(zoom)
    line = base.mark_line(color=theme.ACCENT, strokeWidth=1.2, aria=False)
    return alt.LayerChart(layer=[area, line], height=38)
