"""What an epoch consists of: its batches, the orders of the rows, the learning rate."""

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

from tabnet.ghosts import ghost_batches
from tabnet.params import Schedule


def batch_slices(rows: int, batch_size: int) -> list[slice]:
    """The batches of an epoch: as few as hold `batch_size` rows at most, as even as can be.

    A small one that is left over would step as far as a large one, and weigh as much in the running
    statistics: a few rows more would undo seeds. As of ghost batches, none is of a single row.

    >>> batch_slices(5, 3), batch_slices(3, 2)
    ([slice(0, 3, None), slice(3, 5, None)], [slice(0, 3, None)])
    """
    sizes = [size for count, size in ghost_batches(rows, batch_size) for _ in range(count)]
    return [slice(start, stop) for start, stop in pairwise(accumulate(sizes, initial=0))]


def streams(seeds: Sequence[int], epoch: int) -> list[np.random.Generator]:
    """What each seed draws its order of the rows from in an epoch.

    A stream of its own for every seed and epoch: a run that is resumed needs no generator's state.
    """
    keys = [np.random.SeedSequence(seed, spawn_key=(1, epoch)) for seed in seeds]
    return [np.random.default_rng(key) for key in keys]


def group_order(epoch: int, groups: int) -> list[int]:
    """The order in which an epoch reads the groups of rows: the same for all seeds."""
    stream = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(3, epoch)))
    return [int(group) for group in stream.permutation(groups)]


def learning_rate(schedule: Schedule, fraction: float) -> float:
    """The learning rate at `fraction` of the run (0 to 1), in units of the highest.

    `one_cycle` rises by half a cosine from 1/25 to 1 in the first 30 %, then falls to 4e-6 (Smith
    and Topin 2017, "Super-convergence", with torch's defaults); `cosine` falls from 1 to 0;
    `staircase` has twenty steps, each 0.7 of the one before it (every 200 of 4000 iterations in
    the TabNet paper's appendix on Syn1 to Syn6).

    >>> [round(learning_rate("one_cycle", f), 4) for f in (0, 0.3, 1)]
    [0.04, 1.0, 0.0]
    """
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return _cosine(1.0, 0.0, fraction)
    if schedule == "staircase":
        return float(0.7 ** min(int(20 * fraction), 19))
    start, end, warm_up = 1 / 25, 1 / 25 / 1e4, 0.3
    if fraction < warm_up:
        return _cosine(start, 1.0, fraction / warm_up)
    return _cosine(1.0, end, (fraction - warm_up) / (1 - warm_up))


def _cosine(start: float, end: float, fraction: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * fraction)) / 2
