"""The support of a mask, where it is not 0, and the products of masked features.

With many features a mask keeps few of a row's. What it leaves out adds nothing to a product and
takes no gradient: so, instead of whole matrices, the functions here go through what is kept, number
by number, each with all outputs of its row side by side.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel.compiled import compiled, inlined
from tabnet.kernel.memory import append_nonzero, load, load_rows, store, store_rows
from tabnet.kernel.tape import KEPT_ONE_IN, Tape
from tabnet.kernel.vectors import LANES, keep_first, plus_product, total, transposed, zeros

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]
Indices = NDArray[np.int32]

MASK, MASKED = 0, 1  # of the values
_ZERO = np.float32(0)


class Support(NamedTuple):
    """What a mask keeps, a feature after the other: how much, where, and 2 x N values.

    The values are the mask's and those of mask * x. Nothing is noted, the size 0, where whole
    matrices are faster.
    """

    size: int
    features: Indices
    rows: Indices
    values: Matrix


@inlined
def support_of(tape: Tape, s: int) -> Support:
    """That of the mask of step s, which `find_support` has noted."""
    return Support(tape.n_kept[s], tape.features[s], tape.rows[s], tape.kept[s])


@compiled
def find_support(mask: Matrix, tape: Tape, s: int, rows: int) -> bool:
    """Note the support of step s, if that is faster; returns whether it is.

    What is no number is not 0 either.
    """
    features, places, values = tape.features[s], tape.rows[s], tape.kept[s]
    size = 0
    for d in range(len(mask)):
        for v in range(0, rows, LANES):
            m = keep_first(load(mask, d, v), rows - v)
            size += append_nonzero(features, places, values[MASK], size, m, d, v)
        if KEPT_ONE_IN * size > rows * len(mask):
            return False
    tape.n_kept[s] = size
    for n in range(size):
        values[MASKED, n] = values[MASK, n] * tape.x[features[n], places[n]]
    return size > 0


@compiled
def kept_means(support: Support, rows: int, mean: Floats) -> None:
    """Each masked feature's mean over the rows."""
    mean[:] = _ZERO
    for n in range(support.size):
        mean[support.features[n]] += support.values[MASKED, n]
    for d in range(len(mean)):
        mean[d] /= np.float32(rows)


@compiled
def kept_product(
    w: Matrix, support: Support, means: Matrix, by_row: Matrix, y: Matrix, rows: int
) -> None:
    """y = w^T x - means[0] of masked features x; by_row, V x O or wider, becomes y^T.

    The same bytes as by `centred_product`: a row's depend on nothing that is kept of others.
    """
    n_out = w.shape[1]
    full = n_out - n_out % LANES
    for v in range(rows):
        for o in range(0, full, LANES):
            store(by_row, v, o, zeros() - load(means, 0, o))
        for o in range(full, n_out):
            by_row[v, o] = -means[0, o]
    for n in range(support.size):
        i, v, x = support.features[n], support.rows[n], support.values[MASKED, n]
        for o in range(0, full, LANES):
            store(by_row, v, o, load(by_row, v, o) + x * load(w, i, o))
        for o in range(full, n_out):
            by_row[v, o] = plus_product(by_row[v, o], x, w[i, o])
    _transpose(by_row, y, rows, n_out)


@compiled
def kept_product_backward(
    w: Matrix,
    support: Support,
    grad_y: Matrix,
    by_row: Matrix,
    grad_kept: Matrix,
    grad_w: Matrix,
    rows: int,
    first: int,
    last: int,
) -> None:
    """grad_w += x grad_y^T and grad_kept[0] = w grad_y, for the masked features that are kept.

    Of y's two halves each from `first` to `last`: elsewhere grad_y becomes 0. by_row, V x O or
    wider, becomes grad_y^T.
    """
    n_out = w.shape[1]
    half, full = n_out // 2, n_out - n_out % LANES
    for o in range(half):
        if not first <= o < last:
            grad_y[o] = _ZERO
            grad_y[half + o] = _ZERO
    _transpose(grad_y, by_row, n_out, rows)
    for n in range(support.size):
        i, v, x = support.features[n], support.rows[n], support.values[MASKED, n]
        products, rest = zeros(), _ZERO
        for o in range(0, full, LANES):
            g = load(by_row, v, o)
            store(grad_w, i, o, load(grad_w, i, o) + x * g)
            products = products + load(w, i, o) * g
        for o in range(full, n_out):
            grad_w[i, o] += x * by_row[v, o]
            rest += w[i, o] * by_row[v, o]
        grad_kept[0, n] = total(products) + rest


@compiled
def _transpose(x: Matrix, y: Matrix, rows: int, columns: int) -> None:
    """y = x^T, of the first rows and columns of x."""
    full_rows, full_columns = rows - rows % LANES, columns - columns % LANES
    for c in range(0, full_columns, LANES):
        for r in range(0, full_rows, LANES):
            store_rows(y, c, r, transposed(load_rows(x, r, c)))
        for r in range(full_rows, rows):
            for i in range(c, c + LANES):
                y[i, r] = x[r, i]
    for c in range(full_columns, columns):
        for r in range(rows):
            y[c, r] = x[r, c]
