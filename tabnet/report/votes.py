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

FEWEST = 30  # cells whose share is worth a comparison
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
        values=[0, 0.25, 1],
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
    # Else what is read aloud, and stands in a saved picture, is where a cell begins.
    text = f"datum.feature + ': ' + datum.votes + ' of {seeds} votes on ' + datum.rows + ' rows'"
    cells = cells.transform_calculate(_said=text)
    cells = cells.encode(x=x, x2="_high:Q", y=y, tooltip=tooltip, description="_said:N")
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


def sentences(rows: Ints, features: Sequence[str], *, hidden: int, truth: bool) -> list[str]:
    """What votes are, how many decide, and which cells are undecided; `rows` as above.

    `hidden`: the number of features that are not among these.
    """
    seeds = rows.shape[2] - 1
    most, enough = majority(seeds), decisive(seeds)
    said = [
        f"Votes: how many of the {seeds} seeds give a feature any attention, on what share of the"
        f" rows. From {most} on (line) at least half of the seeds do."
    ]
    if enough > seeds:
        return [*said, "So few seeds decide nothing (sign test, 5 %): other ones may outvote them."]
    which = (
        f"{enough} votes or more, and {seeds - enough} or fewer, decide"
        if enough < seeds
        else f"Only all {seeds} votes, or none, decide"
    )
    said.append(
        f"{which}, each cell for itself (sign test, 5 %); in between (broken lines) other seeds may"
        " outvote these."
    )
    votes = np.arange(seeds + 1)
    selected, in_doubt = votes >= most, undecided(votes, seeds=seeds)
    cells = "cells of these features" if hidden else "cells"
    total, missed = rows[..., selected].sum(), rows[1][:, ~selected].sum()
    if total:
        begin = f"Of the {total:,} {cells} with {most} votes or more"
        doubted, decided = rows[..., selected & in_doubt], rows[..., selected & ~in_doubt]
        said += _selected(doubted, decided, features, begin=begin, truth=truth)
    if truth and missed:
        share = percent(rows[1][:, ~selected & in_doubt].sum() / missed)
        said.append(
            f"Of the {missed:,} truly relevant {cells} with fewer votes, {share} are undecided."
        )
    return said


def _selected(
    doubted: Ints, decided: Ints, features: Sequence[str], *, begin: str, truth: bool
) -> list[str]:
    """Of the cells with half of the votes: how many are undecided, how many false, and whose."""
    if not doubted.any():
        return [f"{begin}, none is undecided."]
    said = f"{begin}, {percent(doubted.sum() / (doubted.sum() + decided.sum()))} are undecided"
    if min(doubted.sum(), decided.sum()) < FEWEST:
        return [f"{said}."]
    if truth:
        false, rest = (percent(of[0].sum() / of.sum()) for of in (doubted, decided))
        said += f": {false} of those are truly irrelevant, of the decided ones {rest}"
    by_feature = doubted.sum(axis=(0, 2))
    first = int(by_feature.argmax())
    share = percent(by_feature[first] / by_feature.sum())
    return [f"{said}.", f"{named(features[first])} has the most of the undecided ones ({share})."]
