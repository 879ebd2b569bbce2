"""How far seeds agree, row by row."""

from __future__ import annotations

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from tabnet.report import theme
from tabnet.report.predictions import binned, histogram

BINS = 40


def distribution(values: npt.NDArray[np.floating]) -> alt.LayerChart:
    """The distribution of the rows' agreement (0..1), with a line at its median.

    >>> type(distribution(np.array([0.2, 0.9]))).__name__
    'LayerChart'
    """
    table = histogram(values, bins=BINS)
    x = binned("agreement of seeds")
    tooltip = [
        alt.Tooltip("low:Q", title="agreement from", format=".3f"),
        alt.Tooltip("high:Q", title="to", format=".3f"),
        alt.Tooltip("rows:Q", format=","),
    ]
    bars = alt.Chart(table).mark_bar(color=theme.ACCENT, binSpacing=1)
    axis = alt.Axis(grid=True, tickCount=4, tickMinStep=1, labelExpr=theme.WHOLE)
    rows = alt.Y("rows:Q", title="rows", axis=axis)
    layers = [bars.encode(x=x, x2="high:Q", y=rows, tooltip=tooltip)]
    known = values[~np.isnan(values)]
    if len(known):
        middle = pd.DataFrame({"low": [round(float(np.median(known)), 4)], "text": ["median"]})
        rule = alt.Chart(middle).encode(x="low:Q")
        layers.append(rule.mark_rule(color=theme.SECOND, strokeDash=[4, 3], aria=False))
        label = rule.mark_text(align="right", dx=-4, baseline="top", aria=False)
        layers.append(label.encode(text="text:N", y=alt.value(0)))
    return alt.LayerChart(layer=layers, height=200)
