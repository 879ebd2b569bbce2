"""Mask functions: projections of logits onto the probability simplex that return exact zeros.

Each is a pure function for the forward pass, an `autograd.Function` for its gradient, and an
entry of `MASKS` that `tabnet.layers.AttentiveTransformer` looks up by `model.mask_type`.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


def _ranks(z: Tensor) -> Tensor:
    return torch.arange(1, z.shape[-1] + 1, dtype=z.dtype, device=z.device)


def _project(grad: Tensor, s: Tensor) -> Tensor:
    """J grad, with the Jacobian of either mask function: J = diag(s) - s s^T / sum(s)."""
    grad = grad * s
    mean = grad.sum(-1, keepdim=True) / s.sum(-1, keepdim=True)
    return torch.addcmul(grad, s, mean, value=-1)


class _Sparsemax(Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        z = z - z.amax(-1, keepdim=True)
        cumulative = z.sort(-1, descending=True).values.cumsum(-1)
        # tau is the largest of the candidates (sum of the j largest - 1) / j: no support search.
        tau = ((cumulative - 1) / _ranks(z)).amax(-1, keepdim=True)
        p = (z - tau).clamp_min_(0)
        ctx.save_for_backward(p)
        return p

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        # s is the indicator of the support.
        (p,) = ctx.saved_tensors
        return _project(grad, p.sign())


class _Entmax15(Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        # An entry more than 2 below the largest is never in the support; clamped, it cannot
        # cancel or overflow in the sums of squares either.
        z = ((z - z.amax(-1, keepdim=True)) / 2).clamp_min_(-1)
        ordered = z.sort(-1, descending=True).values
        j = _ranks(z)
        mean = ordered.cumsum(-1) / j
        mean_square = ordered.square().cumsum(-1) / j
        delta = (1 / j - (mean_square - mean.square())).clamp_min(0)
        candidates = mean - delta.sqrt()
        support = (candidates <= ordered).sum(-1, keepdim=True)
        # At least the first: among NaN nothing is in the support, and the result is NaN.
        p = (z - candidates.gather(-1, (support - 1).clamp_min(0))).clamp_min(0).square()
        ctx.save_for_backward(p)
        return p

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (p,) = ctx.saved_tensors
        return _project(grad, p.sqrt())


def sparsemax(z: Tensor) -> Tensor:
    """Sparsemax over the last dimension: argmin over p on the simplex of ||p - z||^2.

    `z`: floating point, any shape with at least one entry in the last dimension. Returns a new
    tensor of the same shape, dtype and device; every row sums to 1 and most entries are exactly 0.

    Source: Martins and Astudillo (2016), "From softmax to sparsemax", algorithm 1.

    >>> sparsemax(torch.tensor([0.0, 0.5, 2.0]))
    tensor([0., 0., 1.])
    """
    p: Tensor = _Sparsemax.apply(z)  # type: ignore[no-untyped-call]
    return p


def entmax15(z: Tensor) -> Tensor:
    """1.5-entmax over the last dimension: argmax over p on the simplex of <p, z> + H_1.5(p).

    H_1.5(p) = 4/3 (1 - sum of p^1.5) is Tsallis' entropy; the result is less sparse than
    sparsemax and more than softmax. Shapes and dtypes as for `sparsemax`.

    Source: Peters, Niculae and Martins (2019), "Sparse sequence-to-sequence models", algorithm 2.

    >>> entmax15(torch.tensor([0.0, 0.0, 4.0]))
    tensor([0., 0., 1.])
    """
    p: Tensor = _Entmax15.apply(z)  # type: ignore[no-untyped-call]
    return p


MASKS: dict[str, Callable[[Tensor], Tensor]] = {"sparsemax": sparsemax, "entmax15": entmax15}
