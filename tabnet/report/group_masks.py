"""The masks of groups of rows, beside what is truly relevant to them."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from tabnet.report import theme, words
from tabnet.report.charts import names_axis
from tabnet.report.groups import Group


def by_group(groups: Sequence[Group], features: Sequence[str]) -> alt.LayerChart:
    """The mean consensus mask of each group of rows, a frame around what is truly relevant.

    >>> group = Group(label="all rows", rows=3, relevant=(True,), share=(1.0,))
    >>> type(by_group([group], ["a"])).__name__
    'LayerChart'
    """
    names = [f"{group.label} ({group.rows:,})" for group in groups]
    data = pd.DataFrame(
        [
            {
                "_group": f"{i:05d}",
                "_row": f"{j:05d}",
                "feature": name,
                "group": names[i],
                "share": round(group.share[j], 7),
                "relevant": "mixed" if group.relevant is None else bool(group.relevant[j]),
            }
            for i, group in enumerate(groups)
            for j, name in enumerate(features)
        ]
    )
    largest = float(data["share"].max()) or 1.0
    # Of more than three, labels beside each other would overlap.
    level = len(groups) <= 3
    top = alt.Axis(
        title=None,
        aria=False,
        orient="top",
        ticks=False,
        domain=False,
        labelAngle=0 if level else -40,
        labelExpr="headings[+datum.value]",
        labelLimit=alt.ExprRef("bandwidth('x')") if level else 180,
        labelLineHeight=13,
        labelPadding=15 if level else 2,  # the first line's, with room for the second one
    )
    base = alt.Chart(data).encode(
        y=alt.Y("_row:N", axis=names_axis(), sort=None),
        x=alt.X("_group:N", axis=top, sort=None),
        tooltip=[
            alt.Tooltip("feature:N"),
            alt.Tooltip("group:N"),
            alt.Tooltip("share:Q", title="mean share", format=".2%"),
            alt.Tooltip("relevant:N", title="truly relevant"),
        ],
    )
    scale = alt.Scale(scheme=theme.SCHEME, domain=[0, largest])
    cells = base.mark_rect(stroke=theme.CARD, strokeWidth=3)
    frames = base.transform_filter("datum.relevant === true").mark_rect(
        fill=None, stroke=theme.TRUTH, strokeWidth=2.5, aria=False
    )
    bright = alt.when(alt.datum.share > 0.65 * largest)
    ink = bright.then(alt.value("#111111")).otherwise(alt.value("#fffffe"))
    numbers = base.mark_text(fontSize=11, aria=False)
    coloured = cells.encode(color=alt.Color("share:Q", scale=scale, legend=None))
    layers = [
        coloured.add_params(
            alt.param(name="names", value=words.shortened(features)),
            alt.param(name="headings", value=_headings(groups, level=level)),
        ),
        frames,
        numbers.encode(text=alt.Text("share:Q", format=".0%"), color=ink),
    ]
    return alt.LayerChart(layer=layers, height=24 * len(features) + 1)


def _headings(groups: Sequence[Group], *, level: bool) -> list[list[str]]:
    """The lines above each group: of long names what tells the groups apart."""
    labels = words.shortened([group.label for group in groups])
    sizes = [f"({group.rows:,})" for group in groups]
    lines = zip(labels, sizes, strict=True)
    return [[label, size] if level else [f"{label} {size}"] for label, size in lines]
