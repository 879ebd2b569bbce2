"""The layers of `tabnet.layers` for one ghost batch of one seed, each forward and then backward.

Activations and their gradients are F x V, feature by feature (see `products`). A forward pass
leaves in the place of a norm's input what its backward pass needs, the normalised input; the
backward pass leaves there the gradient of the norm's input, which the product before it needs.

`norm` is 2 x F, weights and then biases; `statistics` is 2 x F, means and then variances. In
training they are those of the ghost batch and are written; in evaluation they are read. `valid`
is 1 in each row of the ghost batch and 0 past the last: sums over rows are of vectors.
"""

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel.compiled import compiled, spliced
from tabnet.kernel.functions import sigmoid
from tabnet.kernel.products import add_weight_gradient, product, product_backward
from tabnet.kernel.vectors import LANES, Vector, load, store, total, zeros

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]

EPS = np.float32(1e-5)
SQRT_HALF = np.float32(np.sqrt(np.float32(0.5)))
_ZERO, _ONE = np.float32(0), np.float32(1)


@compiled
def moments(x: Matrix, statistics: Matrix, valid: Matrix, rows: int) -> None:
    """Each feature's mean and (biased) variance over the rows.

    Two sums at a time, of every other vector: an addition waits for the one before it. `valid` is
    needed in the last two only, if they are not full.
    """
    n = np.float32(rows)
    full = rows - rows % (2 * LANES)
    for f in range(len(x)):
        even, odd = zeros(), zeros()
        for v in range(0, full, 2 * LANES):
            even, odd = even + load(x, f, v), odd + load(x, f, v + LANES)
        if full < rows:
            even = even + load(valid, 0, full) * load(x, f, full)
            odd = odd + load(valid, 0, full + LANES) * load(x, f, full + LANES)
        mean = total(even + odd) / n
        even, odd = zeros(), zeros()
        for v in range(0, full, 2 * LANES):
            a, b = load(x, f, v) - mean, load(x, f, v + LANES) - mean
            even, odd = even + a * a, odd + b * b
        if full < rows:
            a = load(valid, 0, full) * (load(x, f, full) - mean)
            b = load(valid, 0, full + LANES) * (load(x, f, full + LANES) - mean)
            even, odd = even + a * a, odd + b * b
        statistics[0, f] = mean
        statistics[1, f] = total(even + odd) / n


@compiled
def scales(
    x: Matrix, statistics: Matrix, inverse: Floats, valid: Matrix, rows: int, training: bool
) -> None:
    """`inverse` is each feature's 1 / sqrt(variance + eps)."""
    if training:
        moments(x, statistics, valid, rows)
    for f in range(len(x)):
        inverse[f] = _ONE / np.sqrt(statistics[1, f] + EPS)


@spliced
def normalised(x: Matrix, f: int, v: int, mean: np.float32, inverse: np.float32) -> Vector:
    """(x - mean) / sqrt(variance + eps) of feature f, which takes the place of x."""
    n = (load(x, f, v) - mean) * inverse
    store(x, f, v, n)
    return n


@spliced
def normalise_backward(
    x: Matrix,
    f: int,
    grad: Matrix,
    g: int,
    norm: Matrix,
    grad_norm: Matrix,
    inverse: Floats,
    valid: Matrix,
    rows: int,
) -> None:
    """From the gradient of weight * x + bias to those of weight, bias and the norm's input.

    For feature f, whose gradient is grad[g]: x <- weight * inverse * (grad - mean(grad)
    - x * mean(grad * x)), with x the normalised input.
    """
    products, sums = zeros(), zeros()
    for v in range(0, rows, LANES):
        of_rows = load(valid, 0, v) * load(grad, g, v)
        products = products + of_rows * load(x, f, v)
        sums = sums + of_rows
    along, plain = total(products), total(sums)
    grad_norm[0, f] += along
    grad_norm[1, f] += plain
    _norm_input_gradient(x, f, grad, g, norm[0, f] * inverse[f], along, plain, rows)


@spliced
def _norm_input_gradient(
    x: Matrix,
    f: int,
    grad: Matrix,
    g: int,
    scale: np.float32,
    along: np.float32,
    plain: np.float32,
    rows: int,
) -> None:
    along /= np.float32(rows)
    plain /= np.float32(rows)
    for v in range(0, rows, LANES):
        store(x, f, v, scale * (load(grad, g, v) - plain - load(x, f, v) * along))


@compiled
def glu(
    x: Matrix,
    w: Matrix,
    norm: Matrix,
    statistics: Matrix,
    h: Matrix,
    inverse: Floats,
    gate: Matrix,
    y: Matrix,
    valid: Matrix,
    residual: bool,
    rows: int,
    training: bool,
) -> None:
    """y = GLU(norm(w^T x)), or sqrt(1/2) (x + that) if residual; GLU(a, b) = a * sigmoid(b).

    Shapes: x I x V, w I x 2O, h 2O x V (the normalised products), gate and y O x V.
    """
    product(w, x, h, _ZERO, rows)
    scales(h, statistics, inverse, valid, rows, training)
    half = len(y)
    for f in range(half):
        g = half + f
        mean, scale, weight, bias = statistics[0, f], inverse[f], norm[0, f], norm[1, f]
        gate_mean, gate_scale = statistics[0, g], inverse[g]
        gate_weight, gate_bias = norm[0, g], norm[1, g]
        for v in range(0, rows, LANES):
            a = normalised(h, f, v, mean, scale)
            b = normalised(h, g, v, gate_mean, gate_scale)
            s = sigmoid(gate_weight * b + gate_bias)
            out = (weight * a + bias) * s
            store(gate, f, v, s)
            store(y, f, v, SQRT_HALF * (load(x, f, v) + out) if residual else out)


@compiled
def glu_backward(
    x: Matrix,
    w: Matrix,
    norm: Matrix,
    h: Matrix,
    inverse: Floats,
    gate: Matrix,
    grad_y: Matrix,
    grad_x: Matrix,
    grad_w: Matrix,
    grad_norm: Matrix,
    work: Matrix,
    valid: Matrix,
    residual: bool,
    rows: int,
    first: int,
    last: int,
) -> None:
    """Adds to the gradients of w and norm; writes grad_x, of x, which is grad_y if residual.

    d(a * s) = s da + a s (1 - s) db with s = sigmoid(b). `work` is 2 x V; h becomes its gradient,
    from `first` to `last` of each half: elsewhere grad_y is 0.
    """
    half = len(gate)
    scale = SQRT_HALF if residual else _ONE
    for f in range(first, last):
        g = half + f
        weight, bias = norm[0, f], norm[1, f]
        products_a, sums_a, products_b, sums_b = zeros(), zeros(), zeros(), zeros()
        for v in range(0, rows, LANES):
            s, a = load(gate, f, v), load(h, f, v)
            grad_a = scale * load(valid, 0, v) * load(grad_y, f, v) * s
            grad_b = grad_a * (_ONE - s) * (weight * a + bias)
            store(work, 0, v, grad_a)
            store(work, 1, v, grad_b)
            products_a, sums_a = products_a + grad_a * a, sums_a + grad_a
            products_b, sums_b = products_b + grad_b * load(h, g, v), sums_b + grad_b
        along_a, plain_a = total(products_a), total(sums_a)
        along_b, plain_b = total(products_b), total(sums_b)
        grad_norm[0, f] += along_a
        grad_norm[1, f] += plain_a
        grad_norm[0, g] += along_b
        grad_norm[1, g] += plain_b
        _norm_input_gradient(h, f, work, 0, weight * inverse[f], along_a, plain_a, rows)
        _norm_input_gradient(h, g, work, 1, norm[0, g] * inverse[g], along_b, plain_b, rows)
    add_weight_gradient(x, h, grad_w, rows, first, last)
    add_weight_gradient(x, h, grad_w, rows, half + first, half + last)
    product_backward(w, h, grad_x, SQRT_HALF if residual else _ZERO, rows, first, last)
