"""The attentive transformer for one ghost batch of one seed, forward and then backward."""

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel import layers, masks
from tabnet.kernel.bits import reciprocal
from tabnet.kernel.compiled import compiled, inlined, spliced
from tabnet.kernel.functions import log
from tabnet.kernel.memory import load, load_block, matrix, store
from tabnet.kernel.plan import Plan
from tabnet.kernel.products import add_weight_gradient, product_backward
from tabnet.kernel.support import MASK, find_support, support_of
from tabnet.kernel.tape import WIDE, Tape
from tabnet.kernel.vectors import BLOCK, LANES, Vector, keep_first, total, zero_block, zeros

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]

MASK_EPS = np.float32(1e-15)
_ZERO, _ONE = np.float32(0), np.float32(1)


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

    s counts from 0: M[s] is M[s + 1] of `tabnet.model`, P[s] and a[s] are its own. The first prior
    is 1, and the one after the last step is not needed. M[s] * x is left either as a matrix or with
    the mask's support.
    """
    z, prior, mask = tape.z[s], tape.prior[s], tape.mask[s]
    norm = matrix(parameters, plan.attention_norm[s], 2, plan.n_features)
    at = matrix(statistics, plan.attention_statistics[s], 2, plan.n_features)
    w = matrix(parameters, plan.attention[s], plan.n_a, plan.n_features)
    a, inverse = tape.y[s, -1, plan.n_d :], tape.z_inverse[s]
    layers.centred(a, w, at, z, inverse, tape.x_mean, rows, plan.training)
    final = s + 1 == len(tape.prior)
    relaxed, masked = tape.prior[s if final else s + 1], tape.masked[s]
    wide = plan.n_features >= WIDE
    tape.n_kept[s] = 0
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
            if not wide:
                store(masked, d, v, m * load_block(tape.x, d, v))
            if not final:
                left = plan.gamma - m
                store(relaxed, d, v, load_block(prior, d, v) * left if s else left)
    if wide and not find_support(mask, tape, s, rows):
        for d in range(plan.n_features):
            for v in range(0, rows, BLOCK):
                store(masked, d, v, load_block(mask, d, v) * load_block(tape.x, d, v))


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
    norm = matrix(parameters, plan.attention_norm[s], 2, plan.n_features)
    grad_norm = matrix(gradient, plan.attention_norm[s], 2, plan.n_features)
    if tape.n_kept[s]:
        entropy = _kept_backward(norm, grad_norm, plan, tape, s, entropy_scale, rows)
    else:
        entropy = _mask_backward(norm, grad_norm, plan, tape, s, entropy_scale, rows)
    z, a, grad_a = tape.z[s], tape.y[s, -1, plan.n_d :], tape.grad_y[plan.n_d :]
    w = matrix(parameters, plan.attention[s], plan.n_a, plan.n_features)
    grad_w = matrix(gradient, plan.attention[s], plan.n_a, plan.n_features)
    add_weight_gradient(a, z, grad_w, rows, 0, plan.n_features)
    product_backward(w, z, grad_a, _ZERO, rows, 0, plan.n_features)
    return entropy


@spliced
def _entropy(m: Vector) -> tuple[Vector, Vector]:
    """m log(m + eps), and its derivative."""
    logarithm = log(m + MASK_EPS)
    return m * logarithm, logarithm + m * reciprocal(m + MASK_EPS)


@inlined
def _mask_backward(
    norm: Matrix,
    grad_norm: Matrix,
    plan: Plan,
    tape: Tape,
    s: int,
    entropy_scale: np.float32,
    rows: int,
) -> np.float32:
    """The part of `attention_backward` down to the gradient of W^T a[s], which z becomes."""
    x, z, inverse, mask, prior = tape.x, tape.z[s], tape.z_inverse[s], tape.mask[s], tape.prior[s]
    grad, grad_x, grad_prior = tape.grad_mask, tape.grad_x, tape.grad_prior
    for v in range(0, rows, BLOCK):
        entropy = zero_block()
        for d in range(plan.n_features):
            m, g = load_block(mask, d, v), load_block(tape.grad_masked, d, v)
            p, grad_p = load_block(prior, d, v), load_block(grad_prior, d, v)
            part, slope = _entropy(m)
            entropy = entropy - part
            store(grad, d, v, g * load_block(x, d, v) - grad_p * p - entropy_scale * slope)
            store(grad_prior, d, v, grad_p * (plan.gamma - m))
            store(grad_x, d, v, load_block(grad_x, d, v) + g * m)
        store(tape.work, 0, v, entropy)
        masks.mask_backward(mask, grad, plan.entmax, v)
    for d in range(plan.n_features):
        weight, bias = norm[0, d] * inverse[d], norm[1, d]
        products, sums = zeros(), zeros()
        for v in range(0, rows, LANES):
            g, h = load(grad, d, v), load(z, d, v)
            store(grad_prior, d, v, load(grad_prior, d, v) + g * (weight * h + bias))
            g = keep_first(g, rows - v) * keep_first(load(prior, d, v), rows - v)
            store(grad, d, v, g)
            products, sums = products + g * h, sums + g
        along, plain = total(products), total(sums)
        layers.norm_backward(z, d, grad, d, norm, grad_norm, inverse, _ONE, along, plain, rows)
    entropies = zeros()
    for v in range(0, rows, LANES):
        entropies = entropies + keep_first(load(tape.work, 0, v), rows - v)
    entropy_sum: np.float32 = total(entropies)
    return entropy_sum


@inlined
def _kept_backward(
    norm: Matrix,
    grad_norm: Matrix,
    plan: Plan,
    tape: Tape,
    s: int,
    entropy_scale: np.float32,
    rows: int,
) -> np.float32:
    """`_mask_backward` by what the mask keeps: elsewhere the mask's gradient is 0.

    The prior's gradient is g (gamma - M), from g of the next one: where M is 0, gamma g. All of it
    is multiplied by gamma in one pass, and so -g M / gamma is added before that; what comes through
    the mask is added after it.
    """
    x, z, inverse, prior = tape.x, tape.z[s], tape.z_inverse[s], tape.prior[s]
    grad, grad_x, grad_prior = tape.grad_kept, tape.grad_x, tape.grad_prior
    support = support_of(tape, s)
    kept, slopes = 0, 1  # of `grad`: the gradients of what is kept, and the entropy's slopes
    entropy = zeros()
    for n in range(0, support.size, LANES):
        m = keep_first(load(support.values, MASK, n), support.size - n)
        part, slope = _entropy(m)
        entropy = entropy - part
        store(grad, slopes, n, entropy_scale * slope)
    along, weights = tape.work[0], tape.work[1]
    along[:] = _ZERO
    weights[:] = _ZERO
    for n in range(support.size):
        d, v, m, g = support.features[n], support.rows[n], support.values[MASK, n], grad[kept, n]
        grad_x[d, v] += g * m
        g = g * x[d, v] - grad_prior[d, v] * prior[d, v] - grad[slopes, n]
        grad_prior[d, v] -= grad_prior[d, v] * m / plan.gamma
        weight = masks.slope(m, plan.entmax)
        along[v] += weight * g
        weights[v] += weight
        grad[kept, n] = g
    if 0 < s < len(tape.prior) - 1:  # else it is 0, or not needed
        for d in range(plan.n_features):
            for v in range(0, rows, LANES):
                store(grad_prior, d, v, plan.gamma * load(grad_prior, d, v))
    n, of_feature = 0, tape.grad_mask[:1]
    for d in range(plan.n_features):
        weight, bias = norm[0, d] * inverse[d], norm[1, d]
        products, sums = _ZERO, _ZERO
        of_feature[0, :] = _ZERO
        while n < support.size and support.features[n] == d:
            v, h = support.rows[n], z[d, support.rows[n]]
            g = grad[kept, n] - along[v] / weights[v]
            g *= masks.slope(support.values[MASK, n], plan.entmax)
            grad_prior[d, v] += g * (weight * h + bias)
            g *= prior[d, v]
            products, sums = products + g * h, sums + g
            of_feature[0, v] = g
            n += 1
        layers.norm_backward(
            z, d, of_feature, 0, norm, grad_norm, inverse, _ONE, products, sums, rows
        )
    entropy_sum: np.float32 = total(entropy)
    return entropy_sum
