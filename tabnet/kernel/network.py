"""The network of `tabnet.model` for one ghost batch of one seed, forward and then backward.

One forward pass serves training and explanation. It leaves everything on the `Tape`, from where
the backward pass and the explanation take it.
"""

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel import layers, masks
from tabnet.kernel.bits import reciprocal
from tabnet.kernel.compiled import compiled, inlined
from tabnet.kernel.functions import log
from tabnet.kernel.memory import load, load_block, matrix, store
from tabnet.kernel.parameters import glu_norm, glu_weights
from tabnet.kernel.plan import Plan
from tabnet.kernel.products import add_weight_gradient, product, product_backward
from tabnet.kernel.tape import Tape
from tabnet.kernel.vectors import (
    BLOCK,
    LANES,
    keep_first,
    maximum,
    select_greater,
    total,
    zero_block,
    zeros,
)

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]

MASK_EPS = np.float32(1e-15)
_ZERO, _ONE = np.float32(0), np.float32(1)


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
    """x <- GLU(x) in the first layer, x <- sqrt(1/2) (x + GLU(x)) in the others."""
    for layer in range(plan.glu.shape[1]):
        first, last = used(plan, t, layer)
        layers.glu(
            tape.y[t, layer - 1] if layer else x,
            glu_weights(parameters, plan, t, layer),
            glu_norm(parameters, plan, t, layer),
            matrix(statistics, plan.glu_statistics[t, layer], 2, 2 * (plan.n_d + plan.n_a)),
            tape.h[t, layer],
            tape.inverse[t, layer],
            tape.gate[t, layer],
            tape.y[t, layer],
            tape.x_mean,
            layer > 0,
            rows,
            first,
            last,
            plan.training,
        )


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
    """From tape.grad_y, the gradient of the last layer, to tape.grad_masked, that of x."""
    for layer in range(plan.glu.shape[1] - 1, -1, -1):
        first, last = used(plan, t, layer)
        layers.glu_backward(
            tape.y[t, layer - 1] if layer else x,
            glu_weights(parameters, plan, t, layer),
            glu_norm(parameters, plan, t, layer),
            tape.h[t, layer],
            tape.inverse[t, layer],
            tape.gate[t, layer],
            tape.grad_y,
            tape.grad_y if layer else tape.grad_masked,
            glu_weights(gradient, plan, t, layer),
            glu_norm(gradient, plan, t, layer),
            tape.work,
            layer > 0,
            rows,
            first,
            last,
        )


@compiled
def attention(
    parameters: Floats,
    statistics: Floats,
    plan: Plan,
    tape: Tape,
    s: int,
    rows: int,
) -> None:
    """M[s] = mask_function(P[s] * norm(W^T a[s])), P[s + 1] = P[s] * (gamma - M[s]); M[s] * x.

    The first prior is 1, and the one after the last step is not needed.
    """
    z, prior, mask = tape.z[s], tape.prior[s], tape.mask[s]
    norm = matrix(parameters, plan.attention_norm[s], 2, plan.n_features)
    at = matrix(statistics, plan.attention_statistics[s], 2, plan.n_features)
    w = matrix(parameters, plan.attention[s], plan.n_a, plan.n_features)
    a, inverse = tape.y[s, -1, plan.n_d :], tape.z_inverse[s]
    layers.centred(a, w, at, z, inverse, tape.x_mean, rows, plan.training)
    final = s + 1 == len(tape.prior)
    relaxed, masked = tape.prior[s if final else s + 1], tape.masked[s]
    for v in range(0, rows, BLOCK):
        for d in range(plan.n_features):
            weight, bias = norm[0, d] * inverse[d], norm[1, d]
            n = weight * load_block(z, d, v) + bias
            store(mask, d, v, n * load_block(prior, d, v) if s else n)
        if plan.entmax:
            masks.entmax15(mask, v)
        else:
            masks.sparsemax(mask, v)
        for d in range(plan.n_features):
            m = load_block(mask, d, v)
            store(masked, d, v, m * load_block(tape.x, d, v))
            if not final:
                left = plan.gamma - m
                store(relaxed, d, v, load_block(prior, d, v) * left if s else left)


@compiled
def attention_backward(
    parameters: Floats,
    gradient: Floats,
    plan: Plan,
    tape: Tape,
    s: int,
    entropy_scale: np.float32,
    rows: int,
) -> np.float32:
    """From the gradients of M[s] * x and P[s + 1] to those of x, P[s] and, in tape.grad_y, a[s].

    The loss has `entropy_scale` times the entropy, the sum of -M log(M + eps), which is returned.
    """
    x, z, inverse, mask, prior = tape.x, tape.z[s], tape.z_inverse[s], tape.mask[s], tape.prior[s]
    grad, grad_x, grad_prior = tape.grad_mask, tape.grad_x, tape.grad_prior
    entropy = zero_block()
    for v in range(0, rows, BLOCK):
        for d in range(plan.n_features):
            m, g = load_block(mask, d, v), load_block(tape.grad_masked, d, v)
            p, grad_p = load_block(prior, d, v), load_block(grad_prior, d, v)
            logarithm = log(m + MASK_EPS)
            slope = logarithm + m * reciprocal(m + MASK_EPS)
            entropy = entropy - keep_first(m * logarithm, rows - v)
            store(grad, d, v, g * load_block(x, d, v) - grad_p * p - entropy_scale * slope)
            store(grad_prior, d, v, grad_p * (plan.gamma - m))
            store(grad_x, d, v, load_block(grad_x, d, v) + g * m)
        masks.mask_backward(mask, grad, plan.entmax, v)
    norm = matrix(parameters, plan.attention_norm[s], 2, plan.n_features)
    grad_norm = matrix(gradient, plan.attention_norm[s], 2, plan.n_features)
    for d in range(plan.n_features):
        weight, bias = norm[0, d] * inverse[d], norm[1, d]
        products, sums = zeros(), zeros()
        for v in range(0, rows, LANES):
            g, h = load(grad, d, v), load(z, d, v)
            store(grad_prior, d, v, load(grad_prior, d, v) + g * (weight * h + bias))
            g = keep_first(g * load(prior, d, v), rows - v)
            store(grad, d, v, g)
            products, sums = products + g * h, sums + g
        along, plain = total(products), total(sums)
        layers.norm_backward(z, d, grad, d, norm, grad_norm, inverse, _ONE, along, plain, rows)
    a, grad_a = tape.y[s, -1, plan.n_d :], tape.grad_y[plan.n_d :]
    w = matrix(parameters, plan.attention[s], plan.n_a, plan.n_features)
    grad_w = matrix(gradient, plan.attention[s], plan.n_a, plan.n_features)
    add_weight_gradient(a, z, grad_w, rows, 0, plan.n_features)
    product_backward(w, z, grad_a, _ZERO, rows, 0, plan.n_features)
    entropy_sum: np.float32 = total(entropy)
    return entropy_sum


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
