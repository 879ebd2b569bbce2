"""Validation: which rows each seed holds out, and the best weights that they have chosen so far."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tabnet.params import rows_held_out
from tabnet.survivors import Arrays, Losses

Indices = NDArray[np.int32]
PREFIX = "best."  # of the best weights' names in a checkpoint


class Parts(NamedTuple):
    """The rows of a group that each seed trains on and those that it holds out, a column a seed."""

    training: Indices  # N x K
    validation: Indices  # M x K


def validation_rows(sizes: Sequence[int], share: float) -> list[int]:
    """How many rows of each group of `sizes` rows to validate on: in all, a `share` of them.

    Raises ValueError as `params.rows_held_out` does.

    >>> validation_rows([5, 5, 1], 0.3)
    [2, 1, 0]
    """
    rows_held_out(sum(sizes), share)
    until = [round(share * stop) for stop in accumulate(sizes, initial=0)]
    return [stop - start for start, stop in pairwise(until)]


def split(seeds: Sequence[int], rows: int, held_out: int, *, group: int = 0) -> Parts:
    """Each seed's own random `held_out` rows of a group to validate on, and the rest.

    A seed's part depends on nothing but the seed, the group's number and these numbers of rows;
    over several seeds, nearly every row is trained on. No part is kept: it is drawn anew where it
    is needed.

    >>> [part.shape for part in split((1, 2, 3), 10, 2)]
    [(8, 3), (2, 3)]
    """
    key = (2, group) if group else (2,)
    streams = [np.random.SeedSequence(seed, spawn_key=key) for seed in seeds]
    order = [np.random.default_rng(s).permutation(rows).astype(np.int32) for s in streams]
    first = np.stack(order, 1)
    return Parts(np.sort(first[held_out:], 0), np.sort(first[:held_out], 0))


class Best:
    """Each seed's lowest validation loss so far: the loss, its epoch (from 1), and the weights."""

    def __init__(self, n_seeds: int) -> None:
        self.losses = np.full(n_seeds, np.inf)
        self.epochs = np.zeros(n_seeds, np.int64)
        self.weights: Arrays = {}

    def update(self, losses: Losses, epoch: int) -> NDArray[np.bool_]:
        """Take note of an epoch's losses (K, NaN for a seed that is gone); which are better."""
        better = np.asarray(losses < self.losses)
        self.losses[better], self.epochs[better] = losses[better], epoch
        return better

    def keep(self, weights: Arrays, kept: Sequence[int], better: NDArray[np.bool_]) -> None:
        """Keep the weights of those that are better, of an engine that holds the seeds `kept`."""
        chosen = better[list(kept)]
        for name, array in weights.items():
            if name not in self.weights:
                self.weights[name] = np.zeros((len(better), *array.shape[1:]), np.float32)
            self.weights[name][better] = array[chosen]

    def state(self) -> Arrays:
        """The weights, by the names that they have in a checkpoint."""
        return {f"{PREFIX}{name}": array for name, array in self.weights.items()}

    def restore(self, state: Mapping[str, NDArray[np.float32]], history: Sequence[Losses]) -> None:
        """Go on from a `state` after the epochs of `history` (K x 3 each)."""
        for epoch, losses in enumerate(history, start=1):
            self.update(losses[:, 2], epoch)
        self.weights = {
            name.removeprefix(PREFIX): array.copy()
            for name, array in state.items()
            if name.startswith(PREFIX)
        }
