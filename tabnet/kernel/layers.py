"""The layers of `tabnet.layers` for one ghost batch of one seed, each forward and then backward.

Activations and their gradients are F x V, feature by feature (see `products`). A forward pass
leaves in the place of a norm's input what its backward pass needs, the normalised input; the
backward pass leaves there the gradient of the norm's input, which the product before it needs.

`norm` is 2 x F, weights and then biases; `statistics` is 2 x F, means and then variances. In
training they are those of the ghost batch and are written; in evaluation they are read.
"""

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel.compiled import compiled
from tabnet.kernel.functions import sigmoid
from tabnet.kernel.products import add_weight_gradient, product, product_backward

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]

EPS = np.float32(1e-5)
SQRT_HALF = np.float32(np.sqrt(np.float32(0.5)))
_ZERO, _ONE = np.float32(0), np.float32(1)


@compiled
def moments(x: Matrix, statistics: Matrix, rows: int) -> None:
    """Each feature's mean and (biased) variance over the rows."""
    n = np.float32(rows)
    for f in range(len(x)):
        total = _ZERO
        for v in range(rows):
            total += x[f, v]
        mean = total / n
        squares = _ZERO
        for v in range(rows):
            squares += (x[f, v] - mean) * (x[f, v] - mean)
        statistics[0, f] = mean
        statistics[1, f] = squares / n


@compiled
def normalise(x: Matrix, statistics: Matrix, inverse: Vector, rows: int, training: bool) -> None:
    """x <- (x - mean) / sqrt(variance + eps); `inverse` is 1 / sqrt(variance + eps)."""
    if training:
        moments(x, statistics, rows)
    for f in range(len(x)):
        mean = statistics[0, f]
        scale = _ONE / np.sqrt(statistics[1, f] + EPS)
        inverse[f] = scale
        for v in range(rows):
            x[f, v] = (x[f, v] - mean) * scale


@compiled
def normalise_backward(
    x: Matrix,
    f: int,
    grad: Matrix,
    g: int,
    norm: Matrix,
    grad_norm: Matrix,
    inverse: Vector,
    rows: int,
) -> None:
    """From the gradient of weight * x + bias to those of weight, bias and the norm's input.

    For feature f, whose gradient is grad[g]: x <- weight * inverse * (grad - mean(grad)
    - x * mean(grad * x)), with x the normalised input.
    """
    along, total = _ZERO, _ZERO
    for v in range(rows):
        along += grad[g, v] * x[f, v]
        total += grad[g, v]
    grad_norm[0, f] += along
    grad_norm[1, f] += total
    scale = norm[0, f] * inverse[f]
    along /= np.float32(rows)
    total /= np.float32(rows)
    for v in range(rows):
        x[f, v] = scale * (grad[g, v] - total - x[f, v] * along)


@compiled
def glu(
    x: Matrix,
    w: Matrix,
    norm: Matrix,
    statistics: Matrix,
    h: Matrix,
    inverse: Vector,
    gate: Matrix,
    y: Matrix,
    residual: bool,
    rows: int,
    training: bool,
) -> None:
    """y = GLU(norm(w^T x)), or sqrt(1/2) (x + that) if residual; GLU(a, b) = a * sigmoid(b).

    Shapes: x I x V, w I x 2O, h 2O x V (the normalised products), gate and y O x V.
    """
    product(w, x, h, rows)
    normalise(h, statistics, inverse, rows, training)
    half = len(y)
    for f in range(half):
        weight, bias = norm[0, f], norm[1, f]
        gate_weight, gate_bias = norm[0, half + f], norm[1, half + f]
        for v in range(rows):
            gate[f, v] = sigmoid(gate_weight * h[half + f, v] + gate_bias)
        if residual:
            for v in range(rows):
                y[f, v] = SQRT_HALF * (x[f, v] + (weight * h[f, v] + bias) * gate[f, v])
        else:
            for v in range(rows):
                y[f, v] = (weight * h[f, v] + bias) * gate[f, v]


@compiled
def glu_backward(
    x: Matrix,
    w: Matrix,
    norm: Matrix,
    h: Matrix,
    inverse: Vector,
    gate: Matrix,
    grad_y: Matrix,
    grad_x: Matrix,
    grad_w: Matrix,
    grad_norm: Matrix,
    work: Matrix,
    residual: bool,
    rows: int,
) -> None:
    """Adds to the gradients of w and norm; writes grad_x, of the product's input.

    d(a * s) = s da + a s (1 - s) db with s = sigmoid(b). `work` is 2 x V; h becomes its gradient.
    """
    half = len(gate)
    scale = SQRT_HALF if residual else _ONE
    for f in range(half):
        weight, bias = norm[0, f], norm[1, f]
        for v in range(rows):
            grad_a = scale * grad_y[f, v] * gate[f, v]
            work[0, v] = grad_a
            work[1, v] = grad_a * (_ONE - gate[f, v]) * (weight * h[f, v] + bias)
        normalise_backward(h, f, work, 0, norm, grad_norm, inverse, rows)
        normalise_backward(h, half + f, work, 1, norm, grad_norm, inverse, rows)
    add_weight_gradient(x, h, grad_w, rows)
    product_backward(w, h, grad_x, rows)
