"""How many of the seeds select each feature, and what other seeds may outvote."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from tabnet.report import theme, words
from tabnet.report.charts import names_axis
from tabnet.report.words import named, percent
from tabnet.votes import decisive, majority, undecided

LINE = "#fffffe"  # on the colours of a mask, whatever those of the page are

Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]


def by_feature(rows: Ints, features: Sequence[str]) -> alt.LayerChart:
    """The share of rows in which a feature has 0, 1, ... K votes, features from top to bottom.

    `rows` counts them, 2 (truly irrelevant or not known, relevant) x D x (K + 1). Broken lines
    enclose what is undecided, a whole one is where the consensus begins.

    >>> type(by_feature(np.ones((2, 1, 8), int), ["a"])).__name__
    'LayerChart'
    """
    seeds = rows.shape[2] - 1
    found = rows.sum(axis=0)
    share = found / max(1, found[0].sum()) if len(found) else found
    data = pd.DataFrame(
        [
            {
                "_row": f"{j:05d}",
                "feature": name,
                "_low": n - 0.5,
                "_high": n + 0.5,
                "votes": n,
                "rows": int(found[j, n]),
                "share": round(float(share[j, n]), 7),
            }
            for j, name in enumerate(features)
            for n in np.flatnonzero(found[j]).tolist()
        ],
        columns=["_row", "feature", "_low", "_high", "votes", "rows", "share"],
    )
    ticks = alt.Axis(tickMinStep=1, labelExpr=theme.WHOLE, tickCount=6)
    ends = alt.Scale(domain=[-0.5, seeds + 0.5], nice=False, zero=False)
    x = alt.X("_low:Q", title=f"votes of {seeds} seeds", axis=ticks, scale=ends)
    domain = [f"{j:05d}" for j in range(len(features))]
    y = alt.Y("_row:N", axis=names_axis(), sort=None, scale=alt.Scale(domain=domain))
    legend = alt.Legend(
        title="share of the rows",
        orient="top",
        gradientLength=100,
        gradientThickness=10,
        format=".0%",
        tickCount=2,
    )
    # The root: rare numbers of votes are what there is to see.
    scale = alt.Scale(scheme=theme.SCHEME, domain=[0, 1], type="sqrt")
    tooltip = [
        alt.Tooltip("feature:N"),
        alt.Tooltip("votes:Q", title=f"votes of {seeds} seeds"),
        alt.Tooltip("rows:Q", format=","),
        alt.Tooltip("share:Q", title="share of the rows", format=".2%"),
    ]
    cells = (
        alt.Chart(data).mark_rect().encode(color=alt.Color("share:Q", scale=scale, legend=legend))
    )
    cells = cells.encode(x=x, x2="_high:Q", y=y, tooltip=tooltip)
    layers = [
        cells.add_params(alt.param(name="names", value=words.shortened(features))),
        _lines(_bounds(seeds)).encode(x=x),
        _lines([majority(seeds) - 0.5], width=2.0, dash=[1, 0]).encode(x=x),
    ]
    zero = alt.ViewBackground(fill=theme.ZERO, stroke=None)
    return alt.LayerChart(layer=layers, height=21 * len(features) + 1, view=zero)


def _lines(
    places: Sequence[float], *, width: float = 1.2, dash: Sequence[int] = (4, 3)
) -> alt.Chart:
    lines: alt.Chart = alt.Chart(pd.DataFrame({"_low": places}, dtype=float)).mark_rule(
        color=LINE, strokeWidth=width, strokeDash=list(dash), aria=False
    )
    return lines


def _bounds(seeds: int) -> list[float]:
    """Between which numbers of votes the undecided ones lie; none where all are."""
    enough = decisive(seeds)
    return [] if enough > seeds else [seeds - enough + 0.5, enough - 0.5]


def sentences(rows: Ints, features: Sequence[str], *, truth: bool) -> list[str]:
    """What votes are, how many are enough, and which cells are undecided; `rows` as above."""
    seeds = rows.shape[2] - 1
    enough = decisive(seeds)
    said = [
        f"Votes: how many of the {seeds} seeds select a feature, on what share of the rows. From"
        f" {majority(seeds)} on (line) it is in the consensus."
    ]
    if enough > seeds:
        return [*said, "So few seeds decide nothing (sign test, 5 %): other ones may outvote them."]
    said.append(
        f"{enough} or more decide for it, {seeds - enough} or fewer against it (sign test, 5 %); in"
        " between (broken lines) other seeds may outvote these."
    )
    votes = np.arange(seeds + 1)
    in_doubt, selected = undecided(votes, seeds=seeds), votes >= majority(seeds)
    if rows[..., selected].any():
        said.append(_undecided(rows, selected & in_doubt, selected & ~in_doubt, truth=truth))
    doubts = rows[..., in_doubt].sum(axis=(0, 2))
    if doubts.any():
        most = int(doubts.argmax())
        share = percent(doubts[most] / rows[:, most].sum())
        said.append(f"Most undecided is {named(features[most])}, on {share} of the rows.")
    return said


def _undecided(rows: Ints, doubted: Bools, decided: Bools, *, truth: bool) -> str:
    """How much of what the consensus selects is undecided, and how much of both is false."""
    open_, closed = rows[..., doubted].sum(axis=(1, 2)), rows[..., decided].sum(axis=(1, 2))
    share = percent(open_.sum() / (open_.sum() + closed.sum()))
    said = f"{share} of the cells that the consensus selects are undecided"
    if not truth or not open_.any() or not closed.any():
        return f"{said}."
    false, rest = (percent(of[0] / of.sum()) for of in (open_, closed))
    return f"{said}: {false} of them are truly irrelevant, of the others {rest}."
