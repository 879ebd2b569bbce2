"""Matrix products of a weight matrix with the rows of a ghost batch.

Activations lie feature by feature, F x V: a feature's rows are side by side, so that everything
vectorises over rows whatever the widths. The memory between two features is `stride(V)` rows: what
lies past row V never reaches a result, so that nothing needs a remainder loop.

A product keeps some results in registers while it runs through the sum: 4 features of a block of
rows or, of a weight matrix's gradient, a tile of as many as a register has elements. Past the last
feature it computes that one again.
"""

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel.compiled import compiled, spliced
from tabnet.kernel.memory import add_tile, load, load_block, load_register, store
from tabnet.kernel.vectors import (
    BLOCK,
    LANES,
    REGISTER,
    Vector,
    added,
    element,
    keep_first,
    totals,
    zero_block,
    zero_register,
)

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]
_TILE_IN, _TILE_OUT = REGISTER // 4, 4  # of a weight matrix
_ZERO = np.float32(0)
Span = tuple[int, int]


@compiled
def product(w: Matrix, x: Matrix, y: Matrix, rows: int) -> None:
    """y = w^T x. Shapes: I x O, I x V, O x V."""
    _product(w, x, None, y, _ZERO, rows, (0, len(w)), (0, 0))


@compiled
def centred_product(w: Matrix, x: Matrix, mean: Floats, y: Matrix, rows: int) -> None:
    """y = w^T x - mean. Shapes: I x O, I x V, O, O x V."""
    _product(w, x, mean, y, _ZERO, rows, (0, len(w)), (0, 0))


@compiled
def product_backward(
    w: Matrix, grad_y: Matrix, grad_x: Matrix, kept: np.float32, rows: int, first: int, last: int
) -> None:
    """grad_x = w grad_y + kept grad_x, the gradient of `product` with respect to x.

    Of y's two halves each from `first` to `last`, the gradient elsewhere being 0; or, from 0 to O,
    all of it.
    """
    gates = _gates(grad_y, first, last)
    _product(w.T, grad_y, None, grad_x, kept, rows, (first, last), gates)


@spliced
def _product(
    w: Matrix,
    x: Matrix,
    mean: Floats | None,
    y: Matrix,
    kept: np.float32,
    rows: int,
    features: Span,
    more: Span,
) -> None:
    """y = w^T x - mean + kept y, of two spans of the features of x."""
    last = w.shape[1] - 1
    for v in range(0, rows, BLOCK):
        for o in range(0, last + 1, 4):
            p, q, r = min(o + 1, last), min(o + 2, last), min(o + 3, last)
            a, b, c, d = _start(mean, o), _start(mean, p), _start(mean, q), _start(mean, r)
            for start, stop in (features, more):
                for i in range(start, stop):
                    block = load_block(x, i, v)
                    a, b = a + w[i, o] * block, b + w[i, p] * block
                    c, d = c + w[i, q] * block, d + w[i, r] * block
            if kept != _ZERO:
                a, b = a + kept * load_block(y, o, v), b + kept * load_block(y, p, v)
                c, d = c + kept * load_block(y, q, v), d + kept * load_block(y, r, v)
            store(y, o, v, a)
            store(y, p, v, b)
            store(y, q, v, c)
            store(y, r, v, d)


@spliced
def _start(mean: Floats | None, o: int) -> Vector:
    return zero_block() if mean is None else zero_block() - mean[o]


@compiled
def add_weight_gradient(
    x: Matrix, grad_y: Matrix, grad_w: Matrix, rows: int, first: int, last: int
) -> None:
    """grad_w += x grad_y^T, the gradient of `product` with respect to w.

    Of y's two halves each from `first` to `last`, the gradient elsewhere being 0; or, from 0 to O,
    all of it. Zeroes what lies past the last row of grad_y, as far as a vector reaches; there x
    must be finite.
    """
    n_in = len(grad_w)
    for start, stop in ((first, last), _gates(grad_y, first, last)):
        clear_past(grad_y, start, stop, rows)
        for i in range(0, n_in, _TILE_IN):
            for o in range(start, stop, _TILE_OUT):
                sums = _weight_sums(x, grad_y, i, n_in - 1, o, stop - 1, rows)
                if i + _TILE_IN <= n_in and o + _TILE_OUT <= stop:
                    add_tile(grad_w, i, o, sums)
                else:
                    for r in range(min(_TILE_IN, n_in - i)):
                        for c in range(min(_TILE_OUT, stop - o)):
                            grad_w[i + r, o + c] += element(sums, _TILE_OUT * r + c)


@spliced
def _gates(y: Matrix, first: int, last: int) -> Span:
    """The same part of y's second half, unless `first` to `last` reaches into it."""
    half = len(y) // 2
    return (half + first, half + last) if last <= half else (0, 0)


@spliced
def clear_past(x: Matrix, first: int, last: int, rows: int) -> None:
    """Zeroes what lies past the last row of x's features first to last, as far as a vector reaches.

    Sums over rows are of vectors.
    """
    full = rows - rows % LANES
    if full < rows:
        for f in range(first, last):
            store(x, f, full, keep_first(load(x, f, full), rows - full))


@spliced
def _weight_sums(
    x: Matrix, g: Matrix, i: int, last_in: int, o: int, last_out: int, rows: int
) -> Vector:
    """Element 4 r + c is the sum over rows of x[i + r] * g[o + c]."""
    sums = _lane_sums(x, g, i, last_in, o, last_out, rows, 0)
    if REGISTER < LANES:
        sums = added(sums, _lane_sums(x, g, i, last_in, o, last_out, rows, REGISTER))
    return totals(sums)


@spliced
def _lane_sums(
    x: Matrix, g: Matrix, i: int, last_in: int, o: int, last_out: int, rows: int, lane: int
) -> tuple[Vector, ...]:
    """Vector 4 r + c sums x[i + r] * g[o + c] of a register from `lane` on, and each LANES rows."""
    j, k, m = min(i + 1, last_in), min(i + 2, last_in), min(i + 3, last_in)
    p, q, r = min(o + 1, last_out), min(o + 2, last_out), min(o + 3, last_out)
    zero = zero_register()
    a0, a1, a2, a3, b0, b1, b2, b3 = zero, zero, zero, zero, zero, zero, zero, zero
    c0, c1, c2, c3, d0, d1, d2, d3 = zero, zero, zero, zero, zero, zero, zero, zero
    for v in range(lane, rows, LANES):
        g0, g1 = load_register(g, o, v), load_register(g, p, v)
        g2, g3 = load_register(g, q, v), load_register(g, r, v)
        a, b = load_register(x, i, v), load_register(x, j, v)
        a0, a1, a2, a3 = a0 + a * g0, a1 + a * g1, a2 + a * g2, a3 + a * g3
        b0, b1, b2, b3 = b0 + b * g0, b1 + b * g1, b2 + b * g2, b3 + b * g3
        if _TILE_IN > 2:
            c, d = load_register(x, k, v), load_register(x, m, v)
            c0, c1, c2, c3 = c0 + c * g0, c1 + c * g1, c2 + c * g2, c3 + c * g3
            d0, d1, d2, d3 = d0 + d * g0, d1 + d * g1, d2 + d * g2, d3 + d * g3
    return (a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3)[:REGISTER]
