"""Masks and predictions of rows by trained networks, as in `tabnet.explain`, in compiled code."""

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel import layers
from tabnet.kernel.compiled import compiled, inlined
from tabnet.kernel.memory import load, matrix, store
from tabnet.kernel.network import forward
from tabnet.kernel.plan import Plan
from tabnet.kernel.tape import TILE_ROWS, Tape
from tabnet.kernel.vectors import LANES, maximum, select_greater, zeros
from tabnet.masks import Masks

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]
Stack = NDArray[np.float32]

_ZERO, _ONE = np.float32(0), np.float32(1)


@compiled
def explain_rows(
    plan: Plan,
    parameters: Matrix,
    statistics: Matrix,
    tape: Tape,
    x: Matrix,
    masks: Masks,
    span: tuple[int, int],
) -> None:
    """Explain rows span[0] to span[1] of `x` (B x D) by all seeds, TILE_ROWS at a time.

    Shapes: parameters K x P, statistics K x T. The arrays of `masks` have their last two axes
    swapped: features or classes x B, as everything here. `masks.steps` is written if it has rows.
    """
    for k in range(len(parameters)):
        for start in range(span[0], span[1], TILE_ROWS):
            rows = min(TILE_ROWS, span[1] - start)
            load_tile(plan, x, start, rows, statistics[k], tape.tile)
            forward(tape.tile, parameters[k], statistics[k], plan, tape, rows)
            write_aggregate(tape, masks.aggregate[k], masks.total[k], start, rows)
            write_probability(tape.logits, masks.probability[k], start, rows)
            if masks.steps.shape[3]:
                write_steps(tape.mask, masks.steps[k], start, rows)


@inlined
def load_tile(
    plan: Plan, x: Matrix, start: int, rows: int, statistics: Floats, tile: Matrix
) -> None:
    """Rows `start` and following, feature by feature, normalised by the running statistics."""
    at = matrix(statistics, plan.input_statistics, 2, plan.n_features)
    for d in range(plan.n_features):
        mean, scale = layers.running(at, d)
        for v in range(rows):
            tile[d, v] = (x[start + v, d] - mean) * scale


@inlined
def write_aggregate(tape: Tape, aggregate: Matrix, total: Floats, start: int, rows: int) -> None:
    """The sum over steps of eta * M, eta the sum of ReLU(d): divided by its sum, and the sum.

    A row to which no step contributes stays 0.
    """
    weighted, sums = tape.grad_mask, tape.work
    for v in range(0, rows, LANES):
        for d in range(len(weighted)):
            store(weighted, d, v, _ZERO)
        everything = zeros()
        for s in range(len(tape.mask)):
            eta = zeros()
            for f in range(len(tape.decision)):
                eta = eta + maximum(load(tape.y[s + 1, -1], f, v), _ZERO)
            for d in range(len(weighted)):
                part = eta * load(tape.mask[s], d, v)
                store(weighted, d, v, load(weighted, d, v) + part)
                everything = everything + part
        store(sums, 0, v, everything)
        divisor = select_greater(everything, _ZERO, everything, _ONE)
        for d in range(len(weighted)):
            store(weighted, d, v, load(weighted, d, v) / divisor)
    for v in range(rows):
        total[start + v] = sums[0, v]
    for d in range(len(weighted)):
        for v in range(rows):
            aggregate[d, start + v] = weighted[d, v]


@inlined
def write_probability(logits: Matrix, probability: Matrix, start: int, rows: int) -> None:
    """The softmax of the logits."""
    for v in range(0, rows, LANES):
        _, sums = layers.exponentials(logits, v)
        for c in range(len(logits)):
            store(logits, c, v, load(logits, c, v) / sums)
    for c in range(len(logits)):
        for v in range(rows):
            probability[c, start + v] = logits[c, v]


@inlined
def write_steps(mask: Stack, steps: Stack, start: int, rows: int) -> None:
    """The masks, S x D x V, into S x D x B."""
    for s in range(len(mask)):
        for d in range(mask.shape[1]):
            for v in range(rows):
                steps[s, d, start + v] = mask[s, d, v]
