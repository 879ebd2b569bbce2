"""Stability without a truth: how far masks move when rows, or what was trained on, move a little.

B rows, D features. Masks have rows that are distributions, or all 0.
"""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tabnet.explain import consensus, distance

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]

# Lowest |correlation| of an interval, and what a pair in it counts (Wa et al. 2023).
INTERVALS = ((0.9, 1.0), (0.7, 0.8), (0.5, 0.6), (0.3, 0.4), (0.0, 0.2))


def variation(a: Floats, b: Floats) -> NDArray[np.float64]:
    """The `distance` of two masks (... x B x D), mean over rows, in [0, 1]: ...

    >>> float(variation(np.array([[1.0, 0.0]]), np.array([[0.75, 0.25]])))
    0.25
    """
    return np.asarray(distance(a, b).mean(-1))


def top(mask: Floats, *, share: float = 0.9) -> Bools:
    """A row's top features (... x D): the fewest that together hold `share` of its mass.

    Their number follows the row, and none is at 0. Of equal ones the first counts.

    >>> top(np.array([[0.05, 0.8, 0.15], [0, 0, 0]]))
    array([[False,  True,  True],
           [False, False, False]])
    """
    order = np.argsort(-mask, axis=-1, kind="stable")
    falling = np.take_along_axis(mask, order, axis=-1).astype(np.float64)
    before = np.cumsum(falling, axis=-1) - falling
    # float32 masks: what is within rounding of the share has reached it.
    wanted = share * falling.sum(-1, keepdims=True) - 1e-6
    chosen = np.zeros(mask.shape, bool)
    np.put_along_axis(chosen, order, (before < wanted) & (falling > 0), axis=-1)
    return chosen


def overlap(a: Floats, b: Floats) -> NDArray[np.float64]:
    """The overlap of two masks' top features (... x B x D), mean over rows: ...

    Intersection over union (Jaccard) of a row's `top` features; 1 where neither has any.
    """
    first, second = top(a), top(b)
    union = (first | second).sum(-1)
    both = np.where(union > 0, (first & second).sum(-1), 1)
    return np.asarray((both / np.maximum(union, 1)).mean(-1))


def under_noise(
    masks: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    x: NDArray[np.float32],
    noise: Sequence[NDArray[np.float32]],
) -> dict[str, NDArray[np.float64]]:
    """How far masks move when the rows do: `noise_distance` and `noise_overlap`, 1 + K each.

    `masks` gives the K seeds' aggregate masks of rows (B x D -> K x B x D); each draw of `noise`
    (B x D) is added to the rows `x`. First the consensus, then the seeds; means over the draws.
    """
    still = with_consensus(masks(x))
    moved = [with_consensus(masks(x + draw)) for draw in noise]
    return {
        "noise_distance": np.mean([variation(still, one) for one in moved], axis=0),
        "noise_overlap": np.mean([overlap(still, one) for one in moved], axis=0),
    }


def with_consensus(aggregate: NDArray[np.float32]) -> NDArray[np.float32]:
    """The consensus before the seeds' masks: K x B x D -> (1 + K) x B x D."""
    return np.concatenate([consensus(aggregate)[None], aggregate])


def mean_distance(masks: Sequence[Floats]) -> float:
    """The mean distance of two of several masks (B x D each); NaN of fewer than two."""
    apart = [float(variation(a, b)) for a, b in combinations(masks, 2)]
    return float(np.mean(apart)) if apart else float("nan")


def interprestability(importances: Floats) -> float:
    """InterpreStability of the importances of several models (M x D), in [0, 1].

    The mean over all pairs of models of what a pair counts: 1 if its |Pearson correlation| lies in
    [0.9, 1], 0.8 in [0.7, 0.9), 0.6 in [0.5, 0.7), 0.4 in [0.3, 0.5), 0.2 in [0, 0.3). It is the
    score of Wa, Lu and Wang 2023 ("Stable and Interpretable Deep Learning for Tabular Data", arXiv
    2310.02870) as their notebook computes it (EDA.ipynb of their repository InterpreTabNet), where
    nine models are trained on random parts of the rows. A pair without a correlation, where one of
    the two is constant, counts 0. NaN of fewer than two models.

    NOTE[DIFF]: the R package tabnet sums correlation times weight, over checkpoints of one model;
    here, as in the notebook, models are trained apart and a pair counts by its interval alone.

    >>> interprestability(np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]]))
    1.0
    >>> interprestability(np.array([[0.4, 0.2, 0.4], [0.5, 0.3, 0.2]]))  # correlation 0.19
    0.2
    """
    weights = [_weight(a, b) for a, b in combinations(np.asarray(importances, np.float64), 2)]
    return float(np.mean(weights)) if weights else float("nan")


def _weight(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    length = np.sqrt((a @ a) * (b @ b))
    if length < 1e-12:  # importances sum to 1: this is rounding
        return 0.0
    strength = abs(a @ b) / length
    return next(weight for lowest, weight in INTERVALS if strength >= lowest)
