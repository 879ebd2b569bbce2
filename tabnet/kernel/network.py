"""The network of `tabnet.model` for one ghost batch of one seed, forward and then backward.

One forward pass serves training and explanation. It leaves everything on the `Tape`, from where
the backward pass and the explanation take it.
"""

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel import layers
from tabnet.kernel.attention import attention, attention_backward
from tabnet.kernel.compiled import compiled, inlined
from tabnet.kernel.memory import load, matrix, store
from tabnet.kernel.parameters import glu_norm, glu_weights
from tabnet.kernel.plan import Plan
from tabnet.kernel.products import add_weight_gradient, product, product_backward
from tabnet.kernel.support import kept_product_backward, support_of
from tabnet.kernel.tape import Tape
from tabnet.kernel.vectors import LANES, keep_first, maximum, select_greater, total, zeros

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]

_ZERO = np.float32(0)


@compiled
def feature_transformer(
    x: Matrix,
    parameters: Floats,
    statistics: Floats,
    plan: Plan,
    tape: Tape,
    t: int,
    rows: int,
) -> None:
    """x <- g in the first layer, x <- sqrt(1/2) (x + g) in the others; g = GLU(norm(W^T x))."""
    for layer in range(plan.glu.shape[1]):
        w, norm = glu_weights(parameters, plan, t, layer), glu_norm(parameters, plan, t, layer)
        h, inverse = tape.h[t, layer], tape.inverse[t, layer]
        at = matrix(statistics, plan.glu_statistics[t, layer], 2, 2 * (plan.n_d + plan.n_a))
        given = tape.y[t, layer - 1] if layer else x
        if layer == 0 and _kept(tape, t):
            support = support_of(tape, t - 1)
            layers.centred_kept(
                w, support, at, h, inverse, tape.x_mean, tape.by_row, rows, plan.training
            )
        else:
            layers.centred(given, w, at, h, inverse, tape.x_mean, rows, plan.training)
        first, last = used(plan, t, layer)
        gate, y = tape.gate[t, layer], tape.y[t, layer]
        layers.glu(h, inverse, norm, given, gate, y, layer > 0, rows, first, last)


@inlined
def _kept(tape: Tape, t: int) -> bool:
    """Whether the support of a transformer's input is noted, and not the input as a matrix."""
    return t > 0 and tape.n_kept[t - 1] > 0


@inlined
def used(plan: Plan, t: int, layer: int) -> tuple[int, int]:
    """Which of a layer's outputs are: not d before the first step, nor a of the last one."""
    final = layer == plan.glu.shape[1] - 1
    first = plan.n_d if final and t == 0 else 0
    last = plan.n_d if final and t == len(plan.attention) else plan.n_d + plan.n_a
    return first, last


@compiled
def feature_transformer_backward(
    x: Matrix, parameters: Floats, gradient: Floats, plan: Plan, tape: Tape, t: int, rows: int
) -> None:
    """From tape.grad_y, the gradient of the last layer, to that of x.

    It is left in tape.grad_masked or, of what a mask keeps, in tape.grad_kept.
    """
    for layer in range(plan.glu.shape[1] - 1, -1, -1):
        first, last = used(plan, t, layer)
        h, norm = tape.h[t, layer], glu_norm(parameters, plan, t, layer)
        layers.glu_backward(
            h,
            tape.inverse[t, layer],
            norm,
            tape.gate[t, layer],
            tape.grad_y,
            glu_norm(gradient, plan, t, layer),
            tape.work,
            layer > 0,
            rows,
            first,
            last,
        )
        w, grad_w = glu_weights(parameters, plan, t, layer), glu_weights(gradient, plan, t, layer)
        if layer == 0 and _kept(tape, t):
            support = support_of(tape, t - 1)
            kept_product_backward(
                w, support, h, tape.by_row, tape.grad_kept, grad_w, rows, first, last
            )
        else:
            given = tape.y[t, layer - 1] if layer else x
            grad_given = tape.grad_y if layer else tape.grad_masked
            add_weight_gradient(given, h, grad_w, rows, first, last)
            residual = layers.SQRT_HALF if layer else _ZERO
            product_backward(w, h, grad_given, residual, rows, first, last)


@inlined
def forward(
    x: Matrix,
    parameters: Floats,
    statistics: Floats,
    plan: Plan,
    tape: Tape,
    rows: int,
) -> None:
    """All decision steps and the logits; `x` is D x V, normalised but for weight and bias.

    `statistics` are written in training and read in evaluation.
    """
    norm = matrix(parameters, plan.input_norm, 2, plan.n_features)
    for d in range(plan.n_features):
        weight, bias = norm[0, d], norm[1, d]
        for v in range(0, rows, LANES):
            store(tape.x, d, v, weight * load(x, d, v) + bias)
    _fill(tape.decision, _ZERO, rows)
    transformed = tape.x
    for t in range(len(plan.attention) + 1):
        if t:
            attention(parameters, statistics, plan, tape, t - 1, rows)
            transformed = tape.masked[t - 1]
        feature_transformer(transformed, parameters, statistics, plan, tape, t, rows)
        if t:
            _add_decision(tape.y[t, -1], tape.decision, rows)
    w = matrix(parameters, plan.output, plan.n_d, plan.n_classes)
    product(w, tape.decision, tape.logits, rows)


@compiled
def _add_decision(y: Matrix, decision: Matrix, rows: int) -> None:
    for f in range(len(decision)):
        for v in range(0, rows, LANES):
            store(decision, f, v, load(decision, f, v) + maximum(load(y, f, v), _ZERO))


@compiled
def _fill(x: Matrix, value: np.float32, rows: int) -> None:
    for f in range(len(x)):
        for v in range(0, rows, LANES):
            store(x, f, v, value)


@inlined
def backward(
    x: Matrix,
    parameters: Floats,
    gradient: Floats,
    plan: Plan,
    tape: Tape,
    entropy_scale: np.float32,
    rows: int,
) -> np.float32:
    """Add a ghost batch's gradient to `gradient`, from that of the logits in tape.logits.

    The loss has the masks' entropy, summed over rows and steps, times `entropy_scale`. Returns
    that sum.
    """
    w = matrix(parameters, plan.output, plan.n_d, plan.n_classes)
    grad_w = matrix(gradient, plan.output, plan.n_d, plan.n_classes)
    add_weight_gradient(tape.decision, tape.logits, grad_w, rows, 0, plan.n_classes)
    product_backward(w, tape.logits, tape.grad_decision, _ZERO, rows, 0, plan.n_classes)
    _fill(tape.grad_x, _ZERO, rows)
    _fill(tape.grad_prior, _ZERO, rows)
    _fill(tape.grad_y, _ZERO, rows)
    entropy = _ZERO
    for t in range(len(plan.attention), -1, -1):
        if t:
            _decision_backward(tape.y[t, -1], tape.grad_decision, tape.grad_y, rows)
            transformed = tape.masked[t - 1]
        else:
            _fill(tape.grad_y[: plan.n_d], _ZERO, rows)
            transformed = tape.x
        feature_transformer_backward(transformed, parameters, gradient, plan, tape, t, rows)
        if t:
            entropy += attention_backward(
                parameters, gradient, plan, tape, t - 1, entropy_scale, rows
            )
    grad_norm = matrix(gradient, plan.input_norm, 2, plan.n_features)
    for d in range(plan.n_features):
        products, sums = zeros(), zeros()
        for v in range(0, rows, LANES):
            grad = keep_first(load(tape.grad_x, d, v) + load(tape.grad_masked, d, v), rows - v)
            products = products + grad * keep_first(load(x, d, v), rows - v)
            sums = sums + grad
        grad_norm[0, d] += total(products)
        grad_norm[1, d] += total(sums)
    return entropy


@compiled
def _decision_backward(y: Matrix, grad_decision: Matrix, grad_y: Matrix, rows: int) -> None:
    for f in range(len(grad_decision)):
        for v in range(0, rows, LANES):
            grad = select_greater(load(y, f, v), _ZERO, load(grad_decision, f, v), _ZERO)
            store(grad_y, f, v, grad)
