"""The curves of faithfulness: what the model can do with the features that an order puts first."""

from __future__ import annotations

import altair as alt
import pandas as pd

from tabnet.report import theme

# Orders with what a reader calls them, their colour, dashes and width, from front to back.
ORDERS = {
    "consensus": ("consensus mask", theme.ACCENT, [1, 0], 2.6),
    "seeds": ("single seeds' masks", theme.INK, [5, 2], 1.4),
    "fixed": ("importance, same for all", theme.SECOND, [8, 3], 1.6),
    "random": ("random order", theme.SOFT, [1.5, 3], 1.6),
}


def curves(table: pd.DataFrame, *, side: str, score: str) -> alt.LayerChart:
    """A score over the number of features that are kept, or removed, by order.

    `table` has columns `side`, `order`, `k` and the scores; both sides are drawn to one scale.

    >>> row = {"side": "keep", "order": "random", "k": 0, "auc": 0.5}
    >>> type(curves(pd.DataFrame([row]), side="keep", score="auc")).__name__
    'LayerChart'
    """
    known = [name for name in ORDERS if name in set(table["order"])]
    names, colours, dashes, widths = zip(*(ORDERS[name] for name in known), strict=True)
    data = table.loc[table["side"] == side, ["order", "k", score]].round(7)
    data = data.assign(order=data["order"].map({name: ORDERS[name][0] for name in known}))
    title = {"auc": "AUC", "drop": "fall of the predicted class's probability"}[score]
    done = {"keep": "kept, others replaced", "remove": "removed"}[side]
    low, high = float(table[score].min()), float(table[score].max())
    y = alt.Y(
        f"{score}:Q",
        title=title,
        scale=alt.Scale(domain=[low, high], zero=False, nice=True),
        axis=alt.Axis(grid=True, tickCount=6),
    )
    axis = alt.Axis(tickMinStep=1, labelExpr=theme.WHOLE, labelSeparation=6)
    x = alt.X("k:Q", title=f"features {done}", axis=axis, scale=alt.Scale(nice=False))
    # Where the page is too narrow for two columns, one; `width` changes when the place does.
    columns = alt.ExprRef("width > 0 && containerSize()[0] < 350 ? 1 : 2")
    legend = alt.Legend(
        title=None, orient="top", columns=columns, symbolType="stroke", symbolSize=260
    )
    colour = alt.Color(
        "order:N", sort=None, scale=alt.Scale(domain=names, range=colours), legend=legend
    )
    dash = alt.StrokeDash("order:N", sort=None, scale=alt.Scale(domain=names, range=dashes))
    width = alt.StrokeWidth("order:N", sort=None, scale=alt.Scale(domain=names, range=widths))
    tooltip = [
        alt.Tooltip("order:N", title="features in order"),
        alt.Tooltip("k:Q", title="features"),
        alt.Tooltip(f"{score}:Q", title=title, format=".3f"),
    ]
    base = alt.Chart(data).encode(x=x, y=y, color=colour)
    lines = base.mark_line(aria=False).encode(
        strokeDash=dash.legend(legend), strokeWidth=width.legend(None)
    )
    points = base.mark_point(filled=True, size=26, opacity=1).encode(tooltip=tooltip)
    return alt.LayerChart(layer=[lines, points], height=250)
