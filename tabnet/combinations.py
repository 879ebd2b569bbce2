"""Ways to make one mask of the seeds' masks: what the consensus is measured against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tabnet.explain import consensus
from tabnet.masks import normalise
from tabnet.votes import votes
from tabnet.weights import Fitted

Floats = NDArray[np.float32]


def mean(aggregate: Floats) -> Floats:
    """The mean over seeds (K x B x D -> B x D): it keeps what any seed selects."""
    return normalise(aggregate.mean(axis=0))[0]


def trimmed_mean(aggregate: Floats) -> Floats:
    """The mean without the lowest and the highest quarter of the seeds, cell by cell."""
    quarter = len(aggregate) // 4
    kept = np.sort(aggregate, axis=0)[quarter : len(aggregate) - quarter]
    return normalise(kept.mean(axis=0))[0]


def vote(aggregate: Floats) -> Floats:
    """The mean over seeds of the cells that more than half of the seeds select, 0 elsewhere."""
    elected = votes(aggregate) > len(aggregate) / 2
    return normalise(np.where(elected, aggregate.mean(axis=0), 0).astype(np.float32))[0]


# Of fewer seeds a way is another one: without quarters the mean, of four seeds the median.
FEWEST = {"trimmed_mean": 5}

COMBINATIONS: dict[str, Callable[[Floats], Floats]] = {
    "median": consensus,
    "mean": mean,
    "trimmed_mean": trimmed_mean,
    "vote": vote,
}


def averaged(fitted: Fitted) -> Fitted:
    """One model whose parameters are the means of the seeds' (XTab, Zhu et al. 2023).

    XTab averages models that start alike; seeds start apart, and need not average well. It takes
    the name of the first seed.
    """
    weights = {
        name: array.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
        for name, array in fitted.weights.items()
    }
    return Fitted(fitted.model, fitted.features, fitted.classes, fitted.seeds[:1], weights)
