"""The mask functions of `tabnet.sparsemax`, of the BLOCK rows from row v on, D x V.

Both find tau without sorting, for all of these rows at once: Newton's method from the left on the
decreasing convex function whose zero tau is, so that no step goes past the zero.
"""

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel.bits import square_root
from tabnet.kernel.compiled import compiled, spliced
from tabnet.kernel.memory import load_block, store
from tabnet.kernel.vectors import Vector, any_greater, maximum, select_greater, zero_block

Matrix = NDArray[np.float32]
_ZERO, _ONE, _HALF = np.float32(0), np.float32(1), np.float32(0.5)
# Newton's method doubles the right digits in each step, once near; far more than it ever takes.
_MOST_STEPS = 100


@compiled
def sparsemax(z: Matrix, v: int) -> None:
    """z <- sparsemax(z): max(z - tau, 0) with the tau for which a row sums to 1."""
    largest = _largest(z, v)
    tau = _sparsemax_tau(z, v, largest)
    for d in range(len(z)):
        store(z, d, v, maximum(load_block(z, d, v) - largest - tau, _ZERO))


@compiled
def _sparsemax_tau(z: Matrix, v: int, largest: Vector) -> Vector:
    """Of z - largest: tau lies between -1, the tau of the largest alone, and 0.

    Newton's step from tau is the tau of the features above it, (their sum - 1) / their number:
    after finitely many steps these features are the support, and tau exact.
    """
    tau = zero_block() - _ONE
    count = zero_block() + np.float32(len(z) + 1)
    for _ in range(len(z) + 1):
        number, above = zero_block(), zero_block()
        for d in range(len(z)):
            x = load_block(z, d, v) - largest
            number = number + select_greater(x, tau, _ONE, _ZERO)
            above = above + select_greater(x, tau, x, _ZERO)
        tau = maximum(tau, (above - _ONE) / number)
        if not any_greater(count, number):
            break
        count = number
    return tau


@compiled
def entmax15(z: Matrix, v: int) -> None:
    """z <- entmax15(z): max(z/2 - tau, 0)^2 with the tau for which a row sums to 1."""
    largest = _largest(z, v)
    tau = _entmax15_tau(z, v, largest)
    for d in range(len(z)):
        root = maximum(_HALF * (load_block(z, d, v) - largest) - tau, _ZERO)
        store(z, d, v, root * root)


@compiled
def _entmax15_tau(z: Matrix, v: int, largest: Vector) -> Vector:
    """Of (z - largest) / 2: Newton's step adds (sum of p - 1) / (2 sum of sqrt(p)) to tau."""
    tau = zero_block() - _ONE
    for _ in range(_MOST_STEPS):
        roots, squares = zero_block(), zero_block()
        for d in range(len(z)):
            root = maximum(_HALF * (load_block(z, d, v) - largest) - tau, _ZERO)
            roots = roots + root
            squares = squares + root * root
        further = tau + (squares - _ONE) / (roots + roots)
        if not any_greater(further, tau):
            break
        tau = maximum(tau, further)
    return tau


@compiled
def _largest(z: Matrix, v: int) -> Vector:
    largest = load_block(z, 0, v)
    for d in range(1, len(z)):
        largest = maximum(largest, load_block(z, d, v))
    return largest


@compiled
def mask_backward(mask: Matrix, grad: Matrix, entmax: bool, v: int) -> None:
    """grad <- J grad, J = diag(s) - s s^T / sum(s), the Jacobian of either mask function.

    s is sqrt(mask) for entmax15 and its support's indicator for sparsemax.
    """
    along, norm = zero_block(), zero_block()
    for d in range(len(mask)):
        s = _slope(load_block(mask, d, v), entmax)
        along = along + s * load_block(grad, d, v)
        norm = norm + s
    mean = along / norm
    for d in range(len(mask)):
        s = _slope(load_block(mask, d, v), entmax)
        store(grad, d, v, s * (load_block(grad, d, v) - mean))


@compiled
def _slope(p: Vector, entmax: bool) -> Vector:
    return square_root(p) if entmax else select_greater(p, _ZERO, _ONE, _ZERO)


@spliced
def slope(p: np.float32, entmax: bool) -> np.float32:
    """s of `mask_backward`, of a number."""
    return np.sqrt(p) if entmax else _ONE if p > _ZERO else _ZERO
