"""How many seeds are enough: scores of the consensus of n of them, for n from 1 to all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from tabnet.combinations import COMBINATIONS, FEWEST, Floats
from tabnet.scores import mask_scores, prediction_scores
from tabnet.spread import over_seeds

SCORES = ("rma", "rra", "tpr", "fdr", "mask_average_precision", "auc")
SUBSETS = 12  # of n seeds each: enough for a mean; the study takes time in proportion

Scores = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows with each seed's answers, and the truth.

    `aggregate` K x B x D; `probability` K x B of `yes`; `relevance` B x D; `label` B.
    """

    aggregate: Floats
    probability: Floats
    relevance: NDArray[np.bool_]
    label: NDArray[np.bool_]


def curve(rows: Rows, *, threshold: float, seed: int) -> Iterator[dict[str, float]]:
    """For each n from 1 to K: mean and standard deviation of each score over subsets of n seeds.

    Items are `n`, `subsets`, and `<score>`, `<score>_std` for each of `SCORES`: of the median mask,
    and of the mean probability.
    """
    total = len(rows.aggregate)
    for n in range(1, total + 1):
        chosen = subsets(total, n, seed=seed)
        found = [score(rows, some, COMBINATIONS["median"], threshold=threshold) for some in chosen]
        yield {"n": n, "subsets": len(chosen), **spread(found)}


def combined(
    rows: Rows, counts: Sequence[int], *, threshold: float, seed: int
) -> dict[str, dict[int, Scores]]:
    """Each way to combine masks, of subsets of each of `counts` seeds: the scores' means.

    Without the counts below `FEWEST`.
    """
    return {
        name: {
            n: spread(
                [
                    score(rows, some, combine, threshold=threshold)
                    for some in subsets(len(rows.aggregate), n, seed=seed)
                ]
            )
            for n in counts
            if n >= FEWEST.get(name, 1)
        }
        for name, combine in COMBINATIONS.items()
    }


def subsets(total: int, n: int, *, seed: int) -> list[list[int]]:
    """Distinct subsets of n of `total` seeds: all, of one seed or of at most `SUBSETS`.

    Else random ones, at most as many.

    >>> subsets(3, 2, seed=1)
    [[0, 1], [0, 2], [1, 2]]
    """
    if n == 1 or comb(total, n) <= SUBSETS:
        return [list(one) for one in combinations(range(total), n)]
    generator = np.random.default_rng([seed, n])
    drawn = {tuple(sorted(generator.permutation(total)[:n].tolist())) for _ in range(SUBSETS)}
    return [list(one) for one in sorted(drawn)]


def score(
    rows: Rows,
    some: Sequence[int],
    combine: Callable[[Floats], Floats],
    *,
    threshold: float,
) -> Scores:
    """The scores of the mask that `combine` makes of some seeds', and of their mean probability."""
    mask = combine(rows.aggregate[list(some)])
    found = mask_scores(mask, rows.relevance, threshold=threshold)
    found |= prediction_scores(rows.probability[list(some)].mean(axis=0), rows.label)
    return {name: found[name] for name in SCORES}


def spread(found: Sequence[Mapping[str, float]]) -> Scores:
    """Mean and standard deviation of each score; the deviation of a single one is NaN."""
    of = over_seeds(found)
    result: Scores = {}
    for name in SCORES:
        result |= {name: of[name]["mean"], f"{name}_std": of[name]["std"]}
    return result
