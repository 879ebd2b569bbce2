"""Sentences of the page, each computed from its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabnet.report.cells import best, marked
from tabnet.report.paper import published
from tabnet.report.paper.charts import METHODS
from tabnet.report.paper.truth_free import FEWEST, USELESS
from tabnet.report.words import count, listed


def headline(target: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is to be reached on the paper's data sets, and on how many of them it is."""
    if not target["datasets"]:
        return []
    of = f"of {target['datasets']}"
    found = [
        ("above every row of the paper", f"{target['above_every_row']} {of}"),
        ("nearer to the limit than any", f"{target['nearer_the_limit']} {of}"),
    ]
    if target["largest_below_limit"] is not None:
        found.append(("below the limit, at most", f"{target['largest_below_limit']:.3f}"))
    return found


def prediction(predicted: Mapping[str, Any]) -> list[str]:
    """What the AUC on the paper's data sets say."""
    if not predicted:
        names = listed(list(published.DATASETS))
        return [f"None of the paper's data sets ({names}) is among those that were run."]
    named = published.DATASETS.items()
    above = [text for name, text in named if _is(predicted, name, reached=True)]
    others = [text for name, text in named if _is(predicted, name, reached=False)]
    found = []
    if above:
        found.append(
            f"The AUC of the consensus is above every row of the paper on {listed(above)}."
        )
    if others:
        found.append(f"A row of the paper is as high or higher on {listed(others)}.")
    return [
        *found,
        "The consensus predicts by the mean probability of all seeds. The limit is the AUC of the"
        " true probability, which no model can pass but by chance: over two million rows, and over"
        " the very rows that are scored here. They are other rows than the paper's; the AUC of"
        " 10,000 rows has a standard error of 0.003 to 0.005, of 50,000 one of 0.0013 to 0.0023, so"
        " that the distance to the limit on the same rows says more than the AUC.",
    ]


def _is(predicted: Mapping[str, Any], name: str, *, reached: bool) -> bool:
    return name in predicted and predicted[name]["above_every_row"] is reached


def masks(found: Mapping[str, Any]) -> list[str]:
    """Whether the consensus is better than its seeds, and whose masks are not set beside it."""
    return [_beside_the_seeds(found), *_beside_invase(found)]


def _beside_invase(found: Mapping[str, Any]) -> list[str]:
    """On which data sets the consensus finds as much as INVASE does, at no more false ones."""
    pairs = {
        published.DATASETS[name]: (one["consensus"], one["published"]["INVASE"])
        for name, one in found.items()
        if one["published"] and None not in (one["consensus"]["tpr"], one["consensus"]["fdr"])
    }
    if not pairs:
        return []
    finds = [name for name, (ours, theirs) in pairs.items() if _upto(theirs, ours, "tpr")]
    spares = [name for name, (ours, theirs) in pairs.items() if _upto(ours, theirs, "fdr")]
    everywhere = list(pairs)
    finding = (
        f"finds at least as many of the relevant features on {listed(finds)}"
        if finds
        else f"finds fewer relevant features on {listed(everywhere)}"
    )
    sparing = (
        f"makes no more false discoveries on {listed(spares)}"
        if spares
        else f"makes more false discoveries on {listed(everywhere)}"
    )
    return [
        "The TabNet paper has no such scores. INVASE (Yoon et al. 2019) has the true positive and"
        " false discovery rates of what it and others select on the paper's data sets. Beside it,"
        f" the consensus {finding} and {sparing}. Its rows are others, drawn alike."
    ]


def _upto(one: Mapping[str, float | None], other: Mapping[str, float | None], rate: str) -> bool:
    """Whether a rate is at most the other's, in the three digits that are published."""
    a, b = one[rate], other[rate]
    return a is not None and b is not None and round(a, 3) <= round(b, 3)


def _beside_the_seeds(found: Mapping[str, Any]) -> str:
    exceptions = [
        f"{name} ({one['n_seeds'] - one['seeds_of_less_rma']} of {one['n_seeds']})"
        for name, one in found.items()
        if one["seeds_of_less_rma"] < one["n_seeds"]
    ]
    claim = "The consensus has more of its mass on relevant features than each of its seeds"
    if not exceptions:
        return f"{claim}, on every data set."
    if len(exceptions) == len(found):
        return (
            "On every data set there are seeds with as much of their mass on relevant features as"
            f" the consensus has, or more: {listed(exceptions)}."
        )
    return f"{claim}, except on {listed(exceptions)} (in brackets: seeds with as much or more)."


def peers(found: Mapping[str, Any]) -> list[str]:
    """Which method's masks are best on how many data sets, and what the numbers are of."""
    if not found:
        return ["Other methods were not measured: the list of data sets in peers is empty."]
    first: dict[str, int] = {}
    for one in found.values():
        methods = one["methods"].items()
        known = {name: each["scores"]["rma"] for name, each in methods if name in METHODS}
        top = best(list(known.values()), "rma")
        for name in known:
            if marked(known[name], top).best:  # of several, each
                first[name] = first.get(name, 0) + 1
    ranked = [f"{METHODS[name].name} on {first[name]}" for name in METHODS if name in first]
    threads = max(one["threads"] for one in found.values())
    return [
        f"Most mask mass on relevant features, of {count(len(found), 'data set')}:"
        f" {listed(ranked)}.",
        "All are scored on the same rows in the same way; an attribution becomes a mask by its"
        " absolute value, divided by its row's sum. Many attributions are dense: where nearly every"
        " cell is above the threshold, TPR is 1 and false discoveries are the share of irrelevant"
        " features, whatever they are worth. Compare those by mass, rank and average"
        f" precision. Seconds are wall times on {count(threads, 'thread')}; our masks are explained"
        " on as many as there are cores, permutations on one.",
    ]


def truth_free(found: Mapping[str, Any] | None) -> list[str]:
    """Which measures order masks as the truth does, and which do not."""
    if found is None:
        return ["No measure that needs no truth was found beside the scores of these data sets."]
    texts = [
        "Where the truth is unknown, only such measures can tell which mask to believe. Here it is"
        " known, and each can be held against it: the rank correlation (Spearman) with the true"
        " scores, 1 where a measure orders masks exactly as the truth does, 0 where it knows"
        " nothing of it. Names that begin with less are of measures of which less is better."
    ]
    ranges = {name: _range(row) for name, row in found["within"].items() if _defined(row)}
    if not ranges:
        return [*texts, f"None is defined here: it takes {FEWEST} seeds or more that differ."]
    useful = {name: ends for name, ends in ranges.items() if ends[1] >= USELESS}
    if useful:
        first = max(useful, key=lambda name: useful[name])
        low, high = useful[first]
        texts.append(
            f"Over the seeds of a data set, {_words(first)} follows the truth best: {low:.2f} to"
            f" {high:.2f}, by true score, in the mean of the data sets."
        )
        if found["chance"] is not None:
            texts.append(_by_chance(found["chance"], len(ranges)))
        failing = [
            f"{name} ({_range(table[first])[0]:.2f})"
            for name, table in found["by_dataset"].items()
            if _defined(table[first]) and _range(table[first])[0] < USELESS
        ]
        if failing:
            texts.append(f"There are data sets on which it does not: {listed(failing)}.")
    useless = [_words(name) for name in ranges if name not in useful]
    if useless:
        texts.append(
            f"Below {USELESS} with every true score, and not to be believed: {listed(useless)}."
        )
    points = count(found["datasets"], "data set")
    texts.append(
        f"Over data sets there are few points, {points}: only correlations near 1 say much."
    )
    return texts


def _by_chance(limit: float, measures: int) -> str:
    """How much of a correlation may be chance, and of the best one more so."""
    alone = (
        "With so few seeds any correlation, even 1, may be chance"
        if limit == 1
        else f"With so many seeds chance alone takes one in twenty beyond {limit:.2f}, up or down"
    )
    picked = f", and this is the best of {measures}" if measures > 1 else ""
    return f"{alone}{picked}."


def _defined(row: Mapping[str, float | None]) -> bool:
    """Whether any of a measure's correlations is."""
    return any(value is not None for value in row.values())


def _range(row: Mapping[str, float | None]) -> tuple[float, float]:
    """The lowest and the highest of a measure's correlations that are defined."""
    values = [value for value in row.values() if value is not None]
    return min(values), max(values)


def _words(measure: str) -> str:
    return measure.replace("_", " ")
