"""The page that says how many seeds are enough: curves over their number, and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from markupsafe import Markup

from tabnet.report import page, theme
from tabnet.report.cells import MASKS, Cell, Table, best, marked, number, spread
from tabnet.report.images import drawn, inline
from tabnet.report.provenance import Blocks
from tabnet.report.words import count, listed

FIGURES = {"rma": "mass on relevant", "fdr": "false discoveries", "auc": "AUC"}
SCORES = {**MASKS, "auc": "AUC"}
NEAR = 0.005  # of the score of all seeds: fewer seeds that come as near are enough


def html(
    dataset: str, curve: pd.DataFrame, found: Mapping[str, Any], *, split: str, provenance: Blocks
) -> str:
    """The page as one HTML file; `curve` and `found` are what stage `seed_counts` measures."""
    several = len(curve) > 1
    figures = [
        (
            title,
            inline(drawn(line(curve, score), f"{title} over the number of seeds"), prefix=score),
        )
        for score, title in FIGURES.items()
        if several
    ]
    return (
        page.environment()
        .get_template("seed_counts.html.jinja")
        .render(
            style=Markup(page.asset("style.css")),
            dataset=dataset,
            rows=f"{found['rows']:,}",
            split=split,
            sentences=sentences(curve, found),
            figures=figures,
            counts=counts(curve, found["seconds"]),
            ways=ways(found["combinations"]) if several else [],
            provenance=provenance,
        )
    )


def line(curve: pd.DataFrame, score: str) -> alt.LayerChart:
    """A score over the number of seeds: its mean over subsets, within one standard deviation."""
    mean, std = curve[score], curve[f"{score}_std"].fillna(0)
    data = pd.DataFrame(
        {"n": curve["n"], "mean": mean, "low": mean - std, "high": mean + std}
    ).round(5)
    x = alt.X(
        "n:Q", title="seeds", axis=alt.Axis(tickMinStep=1, labelExpr=theme.WHOLE, tickCount=6)
    )

    def y(field: str) -> alt.Y:
        scale = alt.Scale(zero=False, nice=True)
        return alt.Y(field, title=None, scale=scale, axis=alt.Axis(grid=True, tickCount=5))

    base = alt.Chart(data)
    band = base.mark_area(opacity=0.18, color=theme.ACCENT, aria=False)
    layers = [
        band.encode(x=x, y=y("low:Q"), y2="high:Q"),
        base.mark_line(strokeWidth=2, color=theme.ACCENT).encode(x=x, y=y("mean:Q")),
    ]
    return alt.LayerChart(layer=layers, width=250, height=170)


def enough(curve: pd.DataFrame) -> int:
    """The fewest seeds from which on all `judged` scores stay within 0.005 of those of all."""
    scores = curve[judged(curve)]
    near = ((scores - scores.iloc[-1]).abs() <= NEAR).all(axis=1)
    far = curve["n"][~near]
    return int(far.iloc[-1]) + 1 if len(far) else int(curve["n"].iloc[0])


def judged(curve: pd.DataFrame) -> list[str]:
    """Those of mass, false discoveries and AUC that are defined."""
    last = curve.iloc[-1]
    return [score for score in FIGURES if not np.isnan(last[score])]


def sentences(curve: pd.DataFrame, found: Mapping[str, Any]) -> list[str]:
    """What the figures show, in words."""
    total, n = int(curve["n"].iloc[-1]), enough(curve)
    if total == 1:
        return ["There is one seed alone: nothing to combine, and no other number to compare with."]
    of = found["combinations"]
    scores = {
        way: by[str(total)]["rma"] - by[str(total)]["fdr"]
        for way, by in of.items()
        if str(total) in by
    }
    most = max((score for score in scores.values() if not np.isnan(score)), default=None)
    best = [way.replace("_", " ") for way, score in scores.items() if score == most]
    names = listed([FIGURES[score] for score in judged(curve)])
    where = (
        f"From {count(n, 'seed')} on, {names} stay within {NEAR} of those of all {total}."
        if n < total
        else f"One seed fewer is further than {NEAR} from all {total} in at least one of {names}:"
        " more may help still."
    )
    return [
        where,
        "An odd number has a middle seed; an even one averages two, and a cell that either of them"
        " selects is selected: hence the steps.",
        f"Subsets of nearly all {total} seeds have most of them in common, and all {total} are one"
        " subset: to the right bands become narrow whatever the seeds are.",
        *_best_ways(best, total),
        "Seconds are measured over a tenth of the epochs and scaled up to all of them.",
    ]


def _best_ways(best: Sequence[str], total: int) -> list[str]:
    if not best:
        return []
    have = "has" if len(best) == 1 else "have"
    return [
        f"Of the ways to combine all {total} seeds, {listed(best)} {have} the highest mass on"
        " relevant features minus false discoveries."
    ]


def counts(curve: pd.DataFrame, seconds: Mapping[str, float]) -> Table:
    """The scores of some numbers of seeds, and how long training them takes."""
    by_count = {row["n"]: row for row in curve.to_dict("records")}
    rows = []
    for n, time in seconds.items():
        scores = by_count[int(n)]
        pairs = [{"mean": scores[score], "std": scores[f"{score}_std"]} for score in SCORES]
        cells = [Cell(spread(pair)) for pair in pairs]
        rows.append((n, [*cells, Cell(number(time, 1))]))
    return Table("Seeds", [*SCORES.values(), "seconds to train, about"], rows)


def ways(found: Mapping[str, Mapping[str, Mapping[str, float | None]]]) -> list[Table]:
    """The scores of each way to combine masks, a table for each number of seeds."""
    numbers = list(dict.fromkeys(n for of in found.values() for n in of))
    tables = []
    for n in reversed(numbers):
        measured = {way: of[n] for way, of in found.items() if n in of}
        tops = {s: best([of[s] for of in measured.values()], s, sparse=True) for s in MASKS}
        # The predictions are the same for all but averaged parameters: none has the best AUC.
        rows = [
            (way.replace("_", " "), [marked(of[s], tops.get(s)) for s in SCORES])
            for way, of in measured.items()
        ]
        tables.append(Table(f"{n} seeds" if n != "1" else "1 seed", list(SCORES.values()), rows))
    return tables
