"""What compiled training reads and writes: the batches to step on, and what a step changes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]

BETA1, BETA2 = 0.9, 0.999  # Adam's


class State(NamedTuple):
    """What an iteration changes."""

    parameters: Matrix  # K x P
    exp_avg: Matrix  # K x P
    exp_avg_sq: Matrix  # K x P
    statistics: Matrix  # K x T


class Batches(NamedTuple):
    """N batches to step on, one after the other, as `iteration.Batch`; their lists are end to end.

    Batch b has the rows starts[b] to starts[b + 1], the ghost batches from ghosts_from[b], the
    bounds of parts from parts_from[b], each up to those of the next one.
    """

    x: Matrix
    y: NDArray[np.int64]
    rows: NDArray[np.int32]
    starts: NDArray[np.int64]
    ghosts: NDArray[np.int64]
    ghosts_from: NDArray[np.int64]
    parts: NDArray[np.int64]
    parts_from: NDArray[np.int64]
    lambda_sparse: np.float32
    clip_norm: np.float32
    step_size: Floats  # N
    root_correction: Floats  # N
    input_momentum: Floats  # N
    momentum: Floats  # N
    losses: NDArray[np.float64]  # N x K x 2: mean cross entropy and mean mask entropy, written


class Sums(NamedTuple):
    """One seed's gathered rows, and what each part of its ghost batches adds up."""

    x: NDArray[np.float32]  # G x D x V, normalised
    gradient: Matrix  # parts x P
    statistics: Matrix  # parts x T
    losses: NDArray[np.float64]  # parts x 2
