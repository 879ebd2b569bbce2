"""The mask functions of `tabnet.sparsemax`, for a ghost batch at a time, D x V.

Both find tau without sorting: the rows side by side, Newton's method from the left on the
decreasing convex function whose zero tau is, so that no step goes past the zero.
"""

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel.compiled import compiled

Matrix = NDArray[np.float32]
_ZERO, _ONE, _HALF = np.float32(0), np.float32(1), np.float32(0.5)
# Newton's method doubles the right digits in each step, once near; far more than it ever takes.
_MOST_STEPS = 100


@compiled
def sparsemax(z: Matrix, mask: Matrix, work: Matrix, rows: int) -> None:
    """mask = sparsemax(z): max(z - tau, 0) with the tau for which a row sums to 1.

    Newton's step from tau is the tau of the features above it, (their sum - 1) / their number:
    after finitely many steps these features are the support, and tau exact. `z` D x V has each
    row's largest entry subtracted; `work` is 4 x V.
    """
    n_features = len(z)
    _subtract_largest(z, work, rows)
    tau, count, number, total = 0, 1, 2, 3
    for v in range(rows):
        work[tau, v] = -_ONE  # the tau of the largest alone
        work[count, v] = _ZERO
    for _ in range(n_features + 1):
        work[number, :rows] = _ZERO
        work[total, :rows] = _ZERO
        for d in range(n_features):
            for v in range(rows):
                above = z[d, v] > work[tau, v]
                work[number, v] += _ONE if above else _ZERO
                work[total, v] += z[d, v] if above else _ZERO
        changed = _ZERO
        for v in range(rows):
            work[tau, v] = (work[total, v] - _ONE) / work[number, v]
            changed += abs(work[number, v] - work[count, v])
            work[count, v] = work[number, v]
        if changed == _ZERO:
            break
    for d in range(n_features):
        for v in range(rows):
            mask[d, v] = max(z[d, v] - work[tau, v], _ZERO)


@compiled
def entmax15(z: Matrix, mask: Matrix, work: Matrix, rows: int) -> None:
    """mask = entmax15(z): max(z/2 - tau, 0)^2 with the tau for which a row sums to 1.

    Newton's step adds (sum of p - 1) / (2 sum of sqrt(p)) to tau, until it adds nothing. `z` has
    each row's largest entry subtracted and is halved; `work` is 4 x V.
    """
    n_features = len(z)
    _subtract_largest(z, work, rows)
    tau, roots, squares = 0, 1, 2
    for d in range(n_features):
        for v in range(rows):
            z[d, v] *= _HALF
    work[tau, :rows] = -_ONE
    for _ in range(_MOST_STEPS):
        work[roots, :rows] = _ZERO
        work[squares, :rows] = _ZERO
        for d in range(n_features):
            for v in range(rows):
                root = max(z[d, v] - work[tau, v], _ZERO)
                work[roots, v] += root
                work[squares, v] += root * root
        moved = _ZERO
        for v in range(rows):
            step = (work[squares, v] - _ONE) / (work[roots, v] + work[roots, v])
            further = work[tau, v] + max(step, _ZERO)
            moved += further - work[tau, v]
            work[tau, v] = further
        if not moved > _ZERO:
            break
    for d in range(n_features):
        for v in range(rows):
            root = max(z[d, v] - work[tau, v], _ZERO)
            mask[d, v] = root * root


@compiled
def _subtract_largest(z: Matrix, work: Matrix, rows: int) -> None:
    work[0, :rows] = z[0, :rows]
    for d in range(1, len(z)):
        for v in range(rows):
            work[0, v] = max(work[0, v], z[d, v])
    for d in range(len(z)):
        for v in range(rows):
            z[d, v] -= work[0, v]


@compiled
def mask_backward(mask: Matrix, grad: Matrix, work: Matrix, entmax: bool, rows: int) -> None:
    """grad <- J grad, J = diag(s) - s s^T / sum(s), the Jacobian of either mask function.

    s is sqrt(mask) for entmax15 and its support's indicator for sparsemax. `work` is 2 x V.
    """
    dot, norm = 0, 1
    work[:2, :rows] = _ZERO
    for d in range(len(mask)):
        for v in range(rows):
            s = _slope(mask[d, v], entmax)
            work[dot, v] += s * grad[d, v]
            work[norm, v] += s
    for v in range(rows):
        work[dot, v] /= work[norm, v]
    for d in range(len(mask)):
        for v in range(rows):
            grad[d, v] = _slope(mask[d, v], entmax) * (grad[d, v] - work[dot, v])


@compiled
def _slope(p: np.float32, entmax: bool) -> np.float32:
    if entmax:
        root: np.float32 = np.sqrt(p)
        return root
    return _ONE if p > _ZERO else _ZERO
