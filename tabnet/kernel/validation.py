"""Cross entropy of rows by networks as they are, in compiled code: inference, nothing changed."""

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel import layers
from tabnet.kernel.compiled import compiled, inlined
from tabnet.kernel.iteration import cross_entropy
from tabnet.kernel.memory import matrix
from tabnet.kernel.network import forward
from tabnet.kernel.plan import Plan
from tabnet.kernel.tape import TILE_ROWS, Tape

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]
Indices = NDArray[np.int64]
Order = NDArray[np.int32]

_ONE = np.float32(1)


@compiled
def validate_rows(
    plan: Plan,
    parameters: Matrix,
    statistics: Matrix,
    tape: Tape,
    x: Matrix,
    y: Indices,
    rows: Order,
    losses: NDArray[np.float64],
    k: int,
) -> None:
    """Write the cross entropy of seed k, summed over its column of `rows`.

    Shapes: parameters K x P, statistics K x T, x N x D, y N, rows B x K, losses K.
    """
    losses[k] = 0.0
    for start in range(0, len(rows), TILE_ROWS):
        tile = rows[start : min(start + TILE_ROWS, len(rows)), k]
        gather_tile(plan, x, tile, statistics[k], tape.tile)
        forward(tape.tile, parameters[k], statistics[k], plan, tape, len(tile))
        losses[k] += cross_entropy(tape.logits, y, tile, tape.work, _ONE)


@inlined
def gather_tile(plan: Plan, x: Matrix, rows: Order, statistics: Floats, tile: Matrix) -> None:
    """The rows, feature by feature, normalised by the running statistics."""
    at = matrix(statistics, plan.input_statistics, 2, plan.n_features)
    for d in range(plan.n_features):
        mean, scale = layers.running(at, d)
        for v in range(len(rows)):
            tile[d, v] = (x[rows[v], d] - mean) * scale
