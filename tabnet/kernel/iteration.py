"""Training iterations: loss, gradient, clipping and Adam, as in `tabnet.engine`."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel import layers
from tabnet.kernel.batches import BETA1, BETA2, Batches, State, Sums
from tabnet.kernel.bits import reciprocal
from tabnet.kernel.compiled import compiled, inlined, spliced
from tabnet.kernel.functions import log
from tabnet.kernel.memory import load, matrix, prefetch, store
from tabnet.kernel.network import backward, forward
from tabnet.kernel.plan import Plan
from tabnet.kernel.tape import LINE, Tape
from tabnet.kernel.vectors import LANES, keep_first, total, zeros

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]

_ZERO, _ONE = np.float32(0), np.float32(1)
AHEAD = 16  # rows
ADAM_EPS = np.float32(1e-8)
CLIP_EPS = np.float32(1e-6)


class Batch(NamedTuple):
    """What an iteration computes with. Its G ghost batches are summed in parts, each by itself.

    `ghosts` G x 2: the first row of each ghost batch, and their number.
    `parts`: the ghost batches of part p are parts[p] to parts[p + 1].
    """

    x: Matrix  # rows in memory x D
    y: NDArray[np.int64]  # of those
    rows: NDArray[np.int32]  # B x K
    ghosts: NDArray[np.int64]
    parts: NDArray[np.int64]
    lambda_sparse: np.float32
    clip_norm: np.float32
    step_size: np.float32  # Adam's: the learning rate / (1 - BETA1^t)
    root_correction: np.float32  # sqrt(1 - BETA2^t)
    input_momentum: np.float32
    momentum: np.float32  # of the other norms, for the whole batch
    losses: NDArray[np.float64]  # K x 2


@compiled
def iterate(
    plan: Plan,
    state: State,
    sums: Sums,
    tape: Tape,
    batches: Batches,
    k: int,
    steps: tuple[int, int],
    parts: tuple[int, int],
    begin: bool,
    end: bool,
) -> None:
    """Take seed k's optimiser steps on the batches steps[0] to steps[1], one after the other.

    Or a piece of them, so that threads can share a seed: `begin` gathers a batch's rows, `end`
    steps; in between only parts[0] to parts[1] are computed, of those that there are.
    """
    for b in range(steps[0], steps[1]):
        batch = batch_of(batches, b)
        if begin:
            gather(batch, sums, k)
            normalise_input(plan, state.statistics[k], batch, sums)
        for part in range(parts[0], min(parts[1], len(batch.parts) - 1)):
            add_part(plan, state.parameters[k], batch, sums, tape, k, part)
        if end:
            finish(plan, state, batch, sums, k)


@inlined
def batch_of(batches: Batches, b: int) -> Batch:
    """The b-th of the batches."""
    return Batch(
        batches.x,
        batches.y,
        batches.rows[batches.starts[b] : batches.starts[b + 1]],
        batches.ghosts[batches.ghosts_from[b] : batches.ghosts_from[b + 1]],
        batches.parts[batches.parts_from[b] : batches.parts_from[b + 1]],
        batches.lambda_sparse,
        batches.clip_norm,
        batches.step_size[b],
        batches.root_correction[b],
        batches.input_momentum[b],
        batches.momentum[b],
        batches.losses[b],
    )


@inlined
def gather(batch: Batch, sums: Sums, k: int) -> None:
    """Copy the seed's rows into its ghost batches, feature by feature.

    They lie anywhere in memory: each is asked for some rows ahead, and its class as well.
    """
    last, n_features = len(batch.rows) - 1, batch.x.shape[1]
    for g in range(len(batch.ghosts)):
        first, size = batch.ghosts[g]
        for v in range(size):
            ahead = batch.rows[min(first + v + AHEAD, last), k]
            prefetch(batch.y, ahead)
            for i in range(ahead * n_features, (ahead + 1) * n_features, LINE):
                prefetch(batch.x, i)
            prefetch(batch.x, (ahead + 1) * n_features - 1)
            row = batch.rows[first + v, k]
            for d in range(n_features):
                sums.x[g, d, v] = batch.x[row, d]


@inlined
def normalise_input(plan: Plan, running: Floats, batch: Batch, sums: Sums) -> None:
    """Normalise the gathered rows by the whole batch, and update the running statistics."""
    at = matrix(running, plan.input_statistics, 2, plan.n_features)
    n = np.float32(len(batch.rows))
    for d in range(plan.n_features):
        rows, squares = _subtract(_ZERO, sums.x, d, batch)
        mean = _ZERO
        for _ in range(2):  # the second time what the sum of many large numbers has lost
            left = rows / n
            mean += left
            rows, squares = _subtract(left, sums.x, d, batch)
        scale = _ONE / np.sqrt(squares / n + layers.EPS)
        for g in range(len(batch.ghosts)):
            x, size = sums.x[g], batch.ghosts[g, 1]
            for v in range(0, size, LANES):
                store(x, d, v, scale * load(x, d, v))
        # As a step: of a feature that is constant, the mean stays what it is to the last bit.
        at[0, d] += batch.input_momentum * (mean - at[0, d])
        # Not as a step: nothing is left of the first ones' 1 in a small variance.
        before = _ONE - batch.input_momentum
        at[1, d] = before * at[1, d] + batch.input_momentum * (squares / (n - _ONE))


@spliced
def _subtract(
    mean: np.float32, x: NDArray[np.float32], d: int, batch: Batch
) -> tuple[np.float32, np.float32]:
    """Subtract `mean` from a feature of the gathered rows; sums what is left, and its squares."""
    rows, squares = zeros(), zeros()
    for g in range(len(batch.ghosts)):
        size = batch.ghosts[g, 1]
        for v in range(0, size, LANES):
            left = load(x[g], d, v) - mean
            store(x[g], d, v, left)
            kept = keep_first(left, size - v)
            rows, squares = rows + kept, squares + kept * kept
    return total(rows), total(squares)


@inlined
def add_part(
    plan: Plan, parameters: Floats, batch: Batch, sums: Sums, tape: Tape, k: int, part: int
) -> None:
    """Sum gradient, statistics and losses over the ghost batches of a part, in their order."""
    gradient, statistics, losses = sums.gradient[part], sums.statistics[part], sums.losses[part]
    gradient[:] = _ZERO
    statistics[:] = _ZERO
    losses[:] = 0.0
    n = np.float32(len(batch.rows))
    n_steps = np.float32(len(plan.attention))
    for g in range(batch.parts[part], batch.parts[part + 1]):
        first, size = batch.ghosts[g]
        x = sums.x[g]
        forward(x, parameters, tape.statistics, plan, tape, size)
        rows = batch.rows[first : first + size, k]
        losses[0] += cross_entropy(tape.logits, batch.y, rows, tape.work, n)
        scale = batch.lambda_sparse / (n * n_steps)
        losses[1] += backward(x, parameters, gradient, plan, tape, scale, size)
        statistics += tape.statistics


@compiled
def cross_entropy(
    logits: Matrix,
    y: NDArray[np.int64],
    rows: NDArray[np.int32],
    work: Matrix,
    n: np.float32,
) -> float:
    """The sum over rows[v] of -log softmax(logits)[y]; logits become its gradient, over n."""
    chosen, loss = 0, 1
    for v in range(len(rows)):
        work[chosen, v] = logits[y[rows[v]], v]
    for v in range(0, len(rows), LANES):
        largest, sums = layers.exponentials(logits, v)
        scale = reciprocal(n * sums)
        for c in range(len(logits)):
            store(logits, c, v, scale * load(logits, c, v))
        store(work, loss, v, log(sums) - (load(work, chosen, v) - largest))
    losses = 0.0
    for v in range(len(rows)):
        losses += work[loss, v]
        logits[y[rows[v]], v] -= _ONE / n
    return losses


@inlined
def finish(plan: Plan, state: State, batch: Batch, sums: Sums, k: int) -> None:
    """Add the parts up, in their order; then losses, running statistics, clipping and Adam."""
    n_parts = len(batch.parts) - 1
    gradient, statistics, losses = sums.gradient[0], sums.statistics[0], sums.losses[0]
    for part in range(1, n_parts):
        gradient += sums.gradient[part]
        statistics += sums.statistics[part]
        losses += sums.losses[part]
    n = len(batch.rows)
    batch.losses[k, 0] = losses[0] / n
    batch.losses[k, 1] = losses[1] / (n * len(plan.attention))
    update_statistics(plan, state.statistics[k], statistics, batch.momentum, len(batch.ghosts))
    adam(gradient, state, batch, k)


@inlined
def update_statistics(
    plan: Plan, running: Floats, statistics: Floats, momentum: np.float32, n_ghosts: int
) -> None:
    """running <- running + momentum * (the ghost batches' average - running)."""
    n = np.float32(n_ghosts)
    inputs = plan.input_statistics
    for f in range(len(running)):
        if not inputs <= f < inputs + 2 * plan.n_features:
            running[f] += momentum * (statistics[f] / n - running[f])


@inlined
def adam(gradient: Floats, state: State, batch: Batch, k: int) -> None:
    """Clip the gradient's norm, then step. Source: Kingma and Ba (2015), "Adam", algorithm 1."""
    parameters, exp_avg, exp_avg_sq = state.parameters[k], state.exp_avg[k], state.exp_avg_sq[k]
    scale = min(batch.clip_norm / (np.sqrt(_sum_of_squares(gradient)) + CLIP_EPS), _ONE)
    root_scale = _ONE / batch.root_correction
    for p in range(len(gradient)):
        g = scale * gradient[p]
        exp_avg[p] += np.float32(1 - BETA1) * (g - exp_avg[p])
        exp_avg_sq[p] = np.float32(BETA2) * exp_avg_sq[p] + np.float32(1 - BETA2) * g * g
        root = root_scale * np.sqrt(exp_avg_sq[p])
        parameters[p] -= batch.step_size * exp_avg[p] / (root + ADAM_EPS)


@spliced
def _sum_of_squares(x: Floats) -> np.float32:
    row, full = matrix(x, 0, 1, len(x)), len(x) - len(x) % LANES
    lanes, rest = zeros(), _ZERO
    for p in range(0, full, LANES):
        lanes = lanes + load(row, 0, p) * load(row, 0, p)
    for p in range(full, len(x)):
        rest += x[p] * x[p]
    squares: np.float32 = total(lanes) + rest
    return squares
