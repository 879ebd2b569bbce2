"""Training's hot paths, each one `autograd.Function` with its gradient written out.

At TabNet's sizes the time goes into starting operations, not into arithmetic: these start a third
of those that the formulas in `tabnet.layers` and `tabnet.model` would. Their gradients are the
same; a second derivative raises RuntimeError.

Activations are K x F x B and consist of `count` ghost batches of as many rows each, one after the
other. Of one feature and seed, such a run of rows is what group norm calls a group; batch norm in
torch computes the same, on the CPU several times as slowly where rows lie side by side.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from tabnet.sparsemax import Formula, gradient

# Rounded to float32 in every precision, as in pytorch-tabnet: float64 is then the same function.
SQRT_HALF = float(torch.tensor(0.5).sqrt())
EPS = 1e-5
MOST_RUNS = 65535  # at once: torch starts CUDA's kernel with a block for each in a second dimension

Moments = tuple[Tensor, Tensor]  # of runs: means and 1 / sqrt(variance + eps), K F G each
Affine = tuple[Tensor, Tensor]  # a norm's weights and biases, once for each run: K F G each
_aten = torch.ops.aten


def normalise(x: Tensor, affine: Affine) -> tuple[Tensor, Moments]:
    """weight (x - mean) / sqrt(variance + eps) + bias in each run of rows, and the runs' moments.

    Shape: x is K x F x B, contiguous. Differentiable.
    """
    runs = affine[0].numel()
    y, mean, inverse = torch.native_group_norm(x, *affine, 1, runs, x.numel() // runs, runs, EPS)
    return y.view(x.shape), (mean, inverse)


def _normalise_backward(
    grad: Tensor, x: Tensor, weight: Tensor, moments: Moments
) -> tuple[Tensor, Tensor, Tensor]:
    """From the gradient of `normalise` to those of x, weight and bias."""
    runs = weight.numel()
    if runs > MOST_RUNS:
        of_runs = (t.reshape(runs, -1).split(MOST_RUNS) for t in (grad, x, weight, *moments))
        parts = [
            _normalise_backward(some_grad, some_x, some_weight.flatten(), (mean, inverse))
            for some_grad, some_x, some_weight, mean, inverse in zip(*of_runs, strict=True)
        ]
        grad_x, grad_weight, grad_bias = map(torch.cat, zip(*parts, strict=True))
        return grad_x.view(x.shape), grad_weight, grad_bias
    grad_x, grad_weight, grad_bias = _aten.native_group_norm_backward(
        grad, x, *moments, weight, 1, runs, x.numel() // runs, runs, [True, True, True]
    )
    return grad_x.view(x.shape), grad_weight, grad_bias


def transform(
    x: Tensor, weights: Sequence[Tensor], affine: Sequence[Affine]
) -> tuple[Tensor, list[Moments]]:
    """Run x (K x I x B) through GLU layers; also the moments of each one's norm.

    x <- GLU(norm(W^T x)) in the first layer, x <- sqrt(1/2) (x + GLU(norm(W^T x))) in the others.
    `weights` are K x I x 2O each.
    """
    seen: list[Moments] = []
    spread = [p for pair in affine for p in pair]
    y: Tensor = _Transform.apply(x, seen, *weights, *spread)  # type: ignore[no-untyped-call]
    return y, seen


class _Transform(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, seen: list[Moments], *parameters: Tensor) -> Tensor:
        weights, scales, shifts = _by_kind(parameters)
        kept = []
        for layer, w in enumerate(weights):
            h = torch.bmm(w.transpose(1, 2), x)
            n, moments = normalise(h, (scales[layer], shifts[layer]))
            seen.append(moments)
            kept += [x, h, n, *moments]
            y = _aten.glu(n, 1)
            x = y.add_(x).mul_(SQRT_HALF) if layer else y
        ctx.save_for_backward(*kept, *parameters)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        n_layers = len(saved) // 8
        weights, scales, _ = _by_kind(saved[5 * n_layers :])
        grad_weights, grad_affine = [], []
        for layer in range(n_layers - 1, -1, -1):
            x, h, n, *moments = saved[5 * layer : 5 * layer + 5]
            grad = grad * SQRT_HALF if layer else grad
            grad_n = _aten.glu_backward(grad, n, 1)
            grad_h, *affine = _normalise_backward(grad_n, h, scales[layer], moments)
            grad_weights.append(torch.bmm(x, grad_h.transpose(1, 2)))
            grad_affine.append(affine)
            w = weights[layer]
            grad = torch.baddbmm(grad, w, grad_h) if layer else torch.bmm(w, grad_h)
        return grad, None, *grad_weights[::-1], *(g for pair in grad_affine[::-1] for g in pair)


def _by_kind(
    parameters: Sequence[Tensor],
) -> tuple[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor]]:
    """The layers' weights, and their norms' weights and biases."""
    n_layers = len(parameters) // 3
    return parameters[:n_layers], parameters[n_layers::2], parameters[n_layers + 1 :: 2]


def attend(
    a: Tensor,
    x: Tensor,
    prior: Tensor | None,
    weight: Tensor,
    affine: Affine,
    *,
    gamma: float,
    formula: Formula,
) -> tuple[Tensor, Tensor, Tensor, Moments]:
    """M = mask_function(P * norm(W^T a)), M * x, P * (gamma - M), and the moments of the norm.

    Shapes: a is K x n_a x B; x, the prior P (None for all ones) and the mask M are K x D x B; W is
    K x n_a x D.
    """
    seen: list[Moments] = []
    mask, masked, after = _Attend.apply(  # type: ignore[no-untyped-call]
        a, x, prior, weight, *affine, gamma, formula, seen
    )
    return mask, masked, after, seen[0]


class _Attend(Function):
    @staticmethod
    def forward(
        ctx: Any,
        a: Tensor,
        x: Tensor,
        prior: Tensor | None,
        w: Tensor,
        scale: Tensor,
        shift: Tensor,
        gamma: float,
        formula: Formula,
        seen: list[Moments],
    ) -> tuple[Tensor, Tensor, Tensor]:
        h = torch.bmm(w.transpose(1, 2), a)
        n, moments = normalise(h, (scale, shift))
        seen.append(moments)
        mask = formula.project(n if prior is None else n * prior, 1)
        relaxed = gamma - mask
        ctx.save_for_backward(a, x, prior, w, scale, h, n, mask, *moments)
        ctx.gamma, ctx.slope = gamma, formula.slope
        ctx.set_materialize_grads(False)
        return mask, mask * x, relaxed if prior is None else relaxed.mul_(prior)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_mask: Tensor | None, grad_masked: Tensor | None, grad_after: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        a, x, prior, w, scale, h, n, mask, *moments = ctx.saved_tensors
        grad = torch.zeros_like(mask) if grad_mask is None else grad_mask
        grad_x = grad_prior = None
        if grad_masked is not None:
            grad = torch.addcmul(grad, grad_masked, x)
            grad_x = grad_masked * mask
        if grad_after is not None:
            grad = grad - grad_after if prior is None else grad - grad_after * prior
        grad = gradient(grad, ctx.slope(mask), 1)  # of the mask function's argument
        if prior is not None:
            grad_prior = grad * n
            if grad_after is not None:
                grad_prior += grad_after * (ctx.gamma - mask)
            grad = grad * prior
        grad_h, *affine = _normalise_backward(grad.contiguous(), h, scale, moments)
        grad_w = torch.bmm(a, grad_h.transpose(1, 2))
        return torch.bmm(w, grad_h), grad_x, grad_prior, grad_w, *affine, None, None, None


def entropy(mask: Tensor, eps: float) -> Tensor:
    """The sum over features and rows of -M log(M + eps): K x D x B -> K."""
    total: Tensor = _Entropy.apply(mask, eps)  # type: ignore[no-untyped-call]
    return total


class _Entropy(Function):
    @staticmethod
    def forward(ctx: Any, mask: Tensor, eps: float) -> Tensor:
        above = mask + eps
        logarithm = above.log()
        ctx.save_for_backward(mask, above, logarithm)
        return (mask * logarithm).sum((1, 2)).neg_()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        mask, above, logarithm = ctx.saved_tensors
        return (mask / above).add_(logarithm).mul_(grad.neg()[:, None, None]), None
