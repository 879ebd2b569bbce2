"""Matrix products of a weight matrix with the rows of a ghost batch.

Activations lie feature by feature, F x V: a feature's rows are side by side, so that everything
vectorises over rows whatever the widths. The memory between two features is `stride(V)` rows: what
lies past row V is finite and never reaches a result, so that nothing needs a remainder loop.

A product keeps a block of results in registers while it runs through the sum: 4 features of 2
vectors of rows, or 3 x 4 sums of a gradient, for which the 16 registers of AVX just suffice.
"""

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel.compiled import compiled, spliced
from tabnet.kernel.vectors import (
    LANES,
    Vector,
    add_four,
    load,
    store,
    total,
    totals,
    zeros,
)

Matrix = NDArray[np.float32]
_BLOCK = 2 * LANES
_ZERO = np.float32(0)


def stride(rows: int) -> int:
    """How far apart two features lie when there are at most `rows` rows.

    A whole number of blocks, and then one vector more: features at a distance of a power of two
    would compete for the same few places of the cache.
    """
    return -(-rows // _BLOCK) * _BLOCK + LANES


@compiled
def product(w: Matrix, x: Matrix, y: Matrix, kept: np.float32, rows: int) -> None:
    """y = w^T x + kept y. Shapes: I x O, I x V, O x V."""
    n_in = len(w)
    _product(w, x, y, kept, rows, 0, n_in, n_in, n_in)


@spliced
def _product(
    w: Matrix,
    x: Matrix,
    y: Matrix,
    kept: np.float32,
    rows: int,
    start: int,
    size: int,
    half: int,
    n_in: int,
) -> None:
    """`product` of n_in features of x: `size` from `start`, the others from half + start."""
    n_out = w.shape[1]
    gap = start + half - size
    for v in range(0, rows, _BLOCK):
        for o in range(0, n_out - 3, 4):
            a0, b0, c0, d0 = zeros(), zeros(), zeros(), zeros()
            a1, b1, c1, d1 = zeros(), zeros(), zeros(), zeros()
            for j in range(n_in):
                i = j + (start if j < size else gap)
                x0, x1 = load(x, i, v), load(x, i, v + LANES)
                a, b, c, d = w[i, o], w[i, o + 1], w[i, o + 2], w[i, o + 3]
                a0, b0, c0, d0 = a0 + a * x0, b0 + b * x0, c0 + c * x0, d0 + d * x0
                a1, b1, c1, d1 = a1 + a * x1, b1 + b * x1, c1 + c * x1, d1 + d * x1
            _store_two(y, o, v, kept, a0, a1)
            _store_two(y, o + 1, v, kept, b0, b1)
            _store_two(y, o + 2, v, kept, c0, c1)
            _store_two(y, o + 3, v, kept, d0, d1)
        for o in range(n_out - n_out % 4, n_out):
            a0, a1 = zeros(), zeros()
            for j in range(n_in):
                i = j + (start if j < size else gap)
                a0 = a0 + w[i, o] * load(x, i, v)
                a1 = a1 + w[i, o] * load(x, i, v + LANES)
            _store_two(y, o, v, kept, a0, a1)


@compiled
def _store_two(y: Matrix, o: int, v: int, kept: np.float32, first: Vector, second: Vector) -> None:
    if kept != _ZERO:
        first, second = first + kept * load(y, o, v), second + kept * load(y, o, v + LANES)
    store(y, o, v, first)
    store(y, o, v + LANES, second)


@compiled
def product_backward(
    w: Matrix, grad_y: Matrix, grad_x: Matrix, kept: np.float32, rows: int, first: int, last: int
) -> None:
    """grad_x = w grad_y + kept grad_x, the gradient of `product` with respect to x.

    Of y's two halves each from `first` to `last`, the gradient elsewhere being 0; or, from 0 to O,
    all of it.
    """
    n_out, size = w.shape[1], last - first
    half = n_out // 2
    _product(w.T, grad_y, grad_x, kept, rows, first, size, half, min(2 * size, n_out))


@compiled
def add_weight_gradient(
    x: Matrix, grad_y: Matrix, grad_w: Matrix, rows: int, first: int, last: int
) -> None:
    """grad_w += x grad_y^T, the gradient of `product` with respect to w, from y's first to last.

    Zeroes what lies past the last row of grad_y, as far as a vector reaches.
    """
    n_in = len(grad_w)
    padded = -(-rows // LANES) * LANES
    grad_y[first:last, rows:padded] = _ZERO
    blocks = last - (last - first) % 4
    for i in range(0, n_in - 2, 3):
        for o in range(first, blocks, 4):
            _add_sums_3x4(x, grad_y, grad_w, i, o, padded)
    for i in range(n_in - n_in % 3, n_in):
        for o in range(first, blocks, 4):
            _add_sums_1x4(x, grad_y, grad_w, i, o, padded)
    for i in range(n_in):
        for o in range(blocks, last):
            _add_sum(x, grad_y, grad_w, i, o, padded)


@spliced
def _add_sums_3x4(x: Matrix, g: Matrix, grad_w: Matrix, i: int, o: int, rows: int) -> None:
    a0, a1, a2, a3 = zeros(), zeros(), zeros(), zeros()
    b0, b1, b2, b3 = zeros(), zeros(), zeros(), zeros()
    c0, c1, c2, c3 = zeros(), zeros(), zeros(), zeros()
    for v in range(0, rows, LANES):
        a, b, c = load(x, i, v), load(x, i + 1, v), load(x, i + 2, v)
        g0, g1, g2, g3 = load(g, o, v), load(g, o + 1, v), load(g, o + 2, v), load(g, o + 3, v)
        a0, b0, c0 = a0 + a * g0, b0 + b * g0, c0 + c * g0
        a1, b1, c1 = a1 + a * g1, b1 + b * g1, c1 + c * g1
        a2, b2, c2 = a2 + a * g2, b2 + b * g2, c2 + c * g2
        a3, b3, c3 = a3 + a * g3, b3 + b * g3, c3 + c * g3
    add_four(grad_w, i, o, totals(a0, a1, a2, a3))
    add_four(grad_w, i + 1, o, totals(b0, b1, b2, b3))
    add_four(grad_w, i + 2, o, totals(c0, c1, c2, c3))


@spliced
def _add_sums_1x4(x: Matrix, g: Matrix, grad_w: Matrix, i: int, o: int, rows: int) -> None:
    a0, a1, a2, a3 = zeros(), zeros(), zeros(), zeros()
    for v in range(0, rows, LANES):
        a = load(x, i, v)
        a0, a1 = a0 + a * load(g, o, v), a1 + a * load(g, o + 1, v)
        a2, a3 = a2 + a * load(g, o + 2, v), a3 + a * load(g, o + 3, v)
    add_four(grad_w, i, o, totals(a0, a1, a2, a3))


@compiled
def _add_sum(x: Matrix, g: Matrix, grad_w: Matrix, i: int, o: int, rows: int) -> None:
    a = zeros()
    for v in range(0, rows, LANES):
        a = a + load(x, i, v) * load(g, o, v)
    grad_w[i, o] += total(a)
