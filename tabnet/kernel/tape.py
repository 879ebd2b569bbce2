"""What the passes over a ghost batch write, and how it lies in memory."""

from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel.plan import Plan

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]
Stack = NDArray[np.float32]
Indices = NDArray[np.int32]

LINE = 16  # float32 in a line of the cache
# So many rows are explained, validated, or put in order at a time: what they leave on their way
# then stays in a core's cache.
TILE_ROWS = 128
# With fewer features, or if a mask keeps more than one number in so many, whole matrices are faster
# than what the mask keeps.
WIDE, KEPT_ONE_IN = 64, 8
# Compiled code goes through rows in blocks of as many at most.
_LARGEST_BLOCK = 64


class Tape(NamedTuple):
    """What the passes over a ghost batch write. T = S + 1 transformers of L layers, O = n_d + n_a.

    A thread has one and uses it for one ghost batch after the other; V is the stride.
    """

    x: Matrix  # D x V, the input after its norm
    h: Stack  # T x L x 2O x V, the centred products of the GLU layers
    inverse: Stack  # T x L x 2O, one over their standard deviations
    gate: Stack  # T x L x O x V
    y: Stack  # T x L x O x V
    z: Stack  # S x D x V, the centred products of attention
    z_inverse: Matrix  # S x D
    prior: Stack  # S x D x V
    mask: Stack  # S x D x V
    masked: Stack  # S x D x V, mask * x, unless what the mask keeps is noted
    # What the masks keep (`support.Support`), of N numbers at most.
    n_kept: Indices  # S
    features: Indices  # S x N
    rows: Indices  # S x N
    kept: Stack  # S x 2 x N
    grad_kept: Matrix  # 2 x N
    decision: Matrix  # n_d x V, the steps' sum
    logits: Matrix  # C x V; then their gradient
    grad_decision: Matrix  # n_d x V
    grad_y: Matrix  # O x V
    grad_masked: Matrix  # D x V
    grad_mask: Matrix  # D x V
    grad_prior: Matrix  # D x V
    grad_x: Matrix  # D x V
    work: Matrix  # 2 x V
    by_row: Matrix  # V x 2O, rounded up to whole lines
    x_mean: Floats  # max(D, O), the means of a product's input
    statistics: Floats  # those of a ghost batch
    tile: Matrix  # D x V, rows to explain or to validate


_INTEGERS = ("n_kept", "features", "rows")


def tape(plan: Plan, rows: int) -> Tape:
    """A tape for ghost batches of at most `rows` rows."""
    v = stride(rows)
    n_steps, features, width = len(plan.attention), plan.n_features, plan.n_d + plan.n_a
    # One feature's are noted before it is seen that they are too many, and in whole vectors.
    numbers = features * v // KEPT_ONE_IN + v + LINE if features >= WIDE else LINE
    shapes: dict[str, tuple[int, ...]] = {
        "x": (features, v),
        "h": (*plan.glu.shape, 2 * width, v),
        "inverse": (*plan.glu.shape, 2 * width),
        "gate": (*plan.glu.shape, width, v),
        "y": (*plan.glu.shape, width, v),
        "z": (n_steps, features, v),
        "z_inverse": (n_steps, features),
        "prior": (n_steps, features, v),
        "mask": (n_steps, features, v),
        "masked": (n_steps, features, v),
        "decision": (plan.n_d, v),
        "logits": (plan.n_classes, v),
        "grad_decision": (plan.n_d, v),
        "grad_y": (width, v),
        "grad_masked": (features, v),
        "grad_mask": (features, v),
        "grad_prior": (features, v),
        "grad_x": (features, v),
        "work": (2, v),
        "n_kept": (n_steps,),
        "features": (n_steps, numbers),
        "rows": (n_steps, numbers),
        "kept": (n_steps, 2, numbers),
        "grad_kept": (2, numbers),
        "by_row": (v, -(-2 * width // LINE) * LINE),
        "x_mean": (max(features, width),),
        "statistics": (plan.n_statistics,),
        "tile": (features, v),
    }
    arrays: dict[str, Any] = {name: aligned_zeros(shape) for name, shape in shapes.items()}
    arrays |= {name: arrays[name].view(np.int32) for name in _INTEGERS}
    made = Tape(**arrays)
    made.prior[0] = 1
    return made


def aligned_zeros(shape: tuple[int, ...]) -> Stack:
    """Zeros that start where a line of the cache does.

    If the last axis is a whole number of vectors, none of them then lies in two lines.
    """
    size = prod(shape)
    memory = np.zeros(size + LINE, np.float32)
    start = -memory.ctypes.data // memory.itemsize % LINE
    return memory[start : start + size].reshape(shape)


def stride(rows: int) -> int:
    """How far apart two features lie when there are at most `rows` rows.

    A whole number of blocks, and then one line more: features at a distance of a power of two
    would compete for the same few places of the cache.
    """
    return -(-rows // _LARGEST_BLOCK) * _LARGEST_BLOCK + LINE
