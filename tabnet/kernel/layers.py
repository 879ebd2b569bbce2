"""The layers of `tabnet.layers` for one ghost batch of one seed, each forward and then backward.

Activations and their gradients are F x V, feature by feature (see `products`). A forward pass
leaves of a norm's input what its backward pass needs, the input less its mean; the backward pass
leaves there the gradient of the norm's input, which the product before it needs.

`norm` is 2 x F, weights and then biases; `statistics` is 2 x F, means and then variances. In
training they are those of the ghost batch and are written; in evaluation they are read.
"""

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel.compiled import compiled, spliced
from tabnet.kernel.functions import exp, sigmoid
from tabnet.kernel.memory import load, load_block, store
from tabnet.kernel.products import centred_product, clear_past
from tabnet.kernel.support import Support, kept_means, kept_product
from tabnet.kernel.vectors import BLOCK, LANES, Vector, element, maximum, totals, zeros

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]

EPS = np.float32(1e-5)
SQRT_HALF = np.float32(np.sqrt(np.float32(0.5)))
_ZERO, _ONE = np.float32(0), np.float32(1)


@spliced
def running(statistics: Matrix, f: int) -> tuple[np.float32, np.float32]:
    """A feature's mean, and one over its standard deviation, of statistics that are read."""
    return statistics[0, f], _ONE / np.sqrt(statistics[1, f] + EPS)


@spliced
def exponentials(logits: Matrix, v: int) -> tuple[Vector, Vector]:
    """Logits of LANES rows from v on become e^(logit - largest): the largest, and their sums."""
    largest = load(logits, 0, v)
    for c in range(1, len(logits)):
        largest = maximum(largest, load(logits, c, v))
    sums = zeros()
    for c in range(len(logits)):
        e = exp(load(logits, c, v) - largest)
        store(logits, c, v, e)
        sums = sums + e
    return largest, sums


@spliced
def means(x: Matrix, rows: int, mean: Floats, squares: bool) -> None:
    """Each feature's mean over the rows, or that of its squares; x is 0 past the last row."""
    last = len(x) - 1
    for f in range(0, len(x), 4):
        p, q, r = min(f + 1, last), min(f + 2, last), min(f + 3, last)
        a, b, c, d = zeros(), zeros(), zeros(), zeros()
        for v in range(0, rows, LANES):
            i, j, k, m = load(x, f, v), load(x, p, v), load(x, q, v), load(x, r, v)
            if squares:
                a, b, c, d = a + i * i, b + j * j, c + k * k, d + m * m
            else:
                a, b, c, d = a + i, b + j, c + k, d + m
        _store_four(mean, f, totals((a, b, c, d)) / np.float32(rows))


@spliced
def _store_four(values: Floats, f: int, four: Vector) -> None:
    for i in range(min(4, len(values) - f)):
        values[f + i] = element(four, i)


@compiled
def centred(
    x: Matrix,
    w: Matrix,
    statistics: Matrix,
    h: Matrix,
    inverse: Floats,
    x_mean: Floats,
    rows: int,
    training: bool,
) -> None:
    """h = w^T x - its mean, and `inverse`, 1 / sqrt(its variance + eps): a norm's input, centred.

    In training the products' mean is that of x, left in `x_mean`, through the weights, and of their
    variance the unbiased one is left in `statistics`; x and h become 0 past the last row, as the
    backward pass needs them.
    """
    if training:
        clear_past(x, 0, len(x), rows)
        means(x, rows, x_mean[: len(x)], False)
        _mean_products(w, x_mean, statistics)
    centred_product(w, x, statistics[0], h, rows)
    _deviations(h, statistics, inverse, rows, training)


@compiled
def centred_kept(
    w: Matrix,
    support: Support,
    statistics: Matrix,
    h: Matrix,
    inverse: Floats,
    x_mean: Floats,
    by_row: Matrix,
    rows: int,
    training: bool,
) -> None:
    """`centred` of masked features, by what the mask keeps."""
    if training:
        kept_means(support, rows, x_mean[: len(w)])
        _mean_products(w, x_mean, statistics)
    kept_product(w, support, statistics, by_row, h, rows)
    _deviations(h, statistics, inverse, rows, training)


@spliced
def _deviations(h: Matrix, statistics: Matrix, inverse: Floats, rows: int, training: bool) -> None:
    if training:
        clear_past(h, 0, len(h), rows)
        variance = statistics[1]
        means(h, rows, variance, True)
        unbiased = np.float32(rows) / np.float32(rows - 1)
        for f in range(len(h)):
            inverse[f] = _ONE / np.sqrt(variance[f] + EPS)
            variance[f] *= unbiased
    else:
        for f in range(len(h)):
            _, inverse[f] = running(statistics, f)


@spliced
def _mean_products(w: Matrix, x_mean: Floats, statistics: Matrix) -> None:
    """The products' means: w^T x_mean."""
    full = w.shape[1] - w.shape[1] % LANES
    for o in range(0, full, LANES):
        sums = zeros()
        for i in range(len(w)):
            sums = sums + x_mean[i] * load(w, i, o)
        store(statistics, 0, o, sums)
    for o in range(full, w.shape[1]):
        plain = _ZERO
        for i in range(len(w)):
            plain += x_mean[i] * w[i, o]
        statistics[0, o] = plain


@spliced
def norm_backward(
    h: Matrix,
    f: int,
    grad: Matrix,
    g: int,
    norm: Matrix,
    grad_norm: Matrix,
    inverse: Floats,
    scale: np.float32,
    along: np.float32,
    plain: np.float32,
    rows: int,
) -> None:
    """From the gradient of weight * n + bias, n = inverse * h, to those of weight, bias and h.

    Of feature f. The gradient is scale * grad[g]; `along` and `plain` sum grad * h and grad.
    h <- weight * inverse * (grad - mean(grad) - n * mean(grad * n)).
    """
    grad_norm[0, f] += scale * inverse[f] * along
    grad_norm[1, f] += scale * plain
    slope = scale * norm[0, f] * inverse[f]
    mean = slope * plain / np.float32(rows)
    tilt = slope * along * inverse[f] * inverse[f] / np.float32(rows)
    for v in range(0, rows, LANES):
        store(h, f, v, slope * load(grad, g, v) - mean - tilt * load(h, f, v))


@compiled
def glu(
    h: Matrix,
    inverse: Floats,
    norm: Matrix,
    x: Matrix,
    gate: Matrix,
    y: Matrix,
    residual: bool,
    rows: int,
    first: int,
    last: int,
) -> None:
    """y = GLU(norm(h)), or sqrt(1/2) (x + that) if residual; GLU(a, b) = a * sigmoid(b).

    Shapes: h 2O x V (the `centred` products w^T x), x, gate and y O x V, of which only the features
    from `first` to `last` are written.
    """
    half = len(y)
    scale = SQRT_HALF if residual else _ONE
    for f in range(first, last):
        g = half + f
        weight, bias = scale * norm[0, f] * inverse[f], scale * norm[1, f]
        gate_weight, gate_bias = norm[0, g] * inverse[g], norm[1, g]
        for v in range(0, rows, BLOCK):
            s = sigmoid(gate_weight * load_block(h, g, v) + gate_bias)
            out = (weight * load_block(h, f, v) + bias) * s
            store(gate, f, v, s)
            store(y, f, v, out + scale * load_block(x, f, v) if residual else out)


@compiled
def glu_backward(
    h: Matrix,
    inverse: Floats,
    norm: Matrix,
    gate: Matrix,
    grad_y: Matrix,
    grad_norm: Matrix,
    work: Matrix,
    residual: bool,
    rows: int,
    first: int,
    last: int,
) -> None:
    """Adds to the gradient of norm; h becomes its gradient, which the product before it needs.

    d(a * s) = s da + a s (1 - s) db with s = sigmoid(b). `work` is 2 x V; of h's halves each is
    written from `first` to `last`: elsewhere grad_y is 0.
    """
    half = len(gate)
    scale = SQRT_HALF if residual else _ONE
    clear_past(grad_y, first, last, rows)
    for f in range(first, last):
        g = half + f
        weight, bias = norm[0, f] * inverse[f], norm[1, f]
        products_a, sums_a, products_b, sums_b = zeros(), zeros(), zeros(), zeros()
        for v in range(0, rows, LANES):
            s, a = load(gate, f, v), load(h, f, v)
            grad_a = load(grad_y, f, v) * s
            grad_b = (grad_a - grad_a * s) * (weight * a + bias)
            store(work, 0, v, grad_a)
            store(work, 1, v, grad_b)
            products_a, sums_a = products_a + grad_a * a, sums_a + grad_a
            products_b, sums_b = products_b + grad_b * load(h, g, v), sums_b + grad_b
        sums = totals((products_a, sums_a, products_b, sums_b))
        along, plain = element(sums, 0), element(sums, 1)
        norm_backward(h, f, work, 0, norm, grad_norm, inverse, scale, along, plain, rows)
        along, plain = element(sums, 2), element(sums, 3)
        norm_backward(h, g, work, 1, norm, grad_norm, inverse, scale, along, plain, rows)
