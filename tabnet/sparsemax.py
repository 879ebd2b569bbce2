"""Mask functions: projections of logits onto the probability simplex that return exact zeros.

Each is a `Formula`, pure functions that its gradient needs as well, one `autograd.Function` for
all of them, and an entry of `MASKS` and `FORMULAS` by the name that `model.mask_type` gives.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


class Formula(NamedTuple):
    """A mask function along a dimension, p = project(z, dim), and s = slope(p).

    Its Jacobian is diag(s) - s s^T / sum(s).
    """

    project: Callable[[Tensor, int], Tensor]
    slope: Callable[[Tensor], Tensor]


def gradient(grad: Tensor, s: Tensor, dim: int) -> Tensor:
    """J grad, with the Jacobian of either mask function: J = diag(s) - s s^T / sum(s)."""
    grad = grad * s
    mean = grad.sum(dim, keepdim=True).div_(s.sum(dim, keepdim=True))
    return torch.addcmul(grad, s, mean, value=-1)


def _ranks(z: Tensor, dim: int) -> Tensor:
    """1, 2, ... along a dimension."""
    ranks = torch.arange(1, z.shape[dim] + 1, dtype=z.dtype, device=z.device)
    return ranks.view([-1 if d == dim % z.dim() else 1 for d in range(z.dim())])


def _sparsemax(z: Tensor, dim: int) -> Tensor:
    z = z - z.amax(dim, keepdim=True)
    cumulative = z.sort(dim, descending=True).values.cumsum(dim)
    # tau is the largest of the candidates (sum of the j largest - 1) / j: no support search.
    tau = cumulative.sub_(1).div_(_ranks(z, dim)).amax(dim, keepdim=True)
    return z.sub_(tau).clamp_min_(0)


def _entmax15(z: Tensor, dim: int) -> Tensor:
    # An entry more than 2 below the largest is never in the support; clamped, it cannot
    # cancel or overflow in the sums of squares either.
    z = ((z - z.amax(dim, keepdim=True)) / 2).clamp_min_(-1)
    ordered = z.sort(dim, descending=True).values
    j = _ranks(z, dim)
    mean = ordered.cumsum(dim) / j
    mean_square = ordered.square().cumsum(dim) / j
    delta = (1 / j - (mean_square - mean.square())).clamp_min(0)
    candidates = mean - delta.sqrt()
    support = (candidates <= ordered).sum(dim, keepdim=True)
    # At least the first: among NaN nothing is in the support, and the result is NaN.
    return (z - candidates.gather(dim, (support - 1).clamp_min(0))).clamp_min(0).square()


# The slope of sparsemax is the indicator of its support.
FORMULAS = {
    "sparsemax": Formula(_sparsemax, torch.sign),
    "entmax15": Formula(_entmax15, torch.sqrt),
}


class _Mask(Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, formula: Formula, dim: int) -> Tensor:
        p = formula.project(z, dim)
        ctx.save_for_backward(p)
        ctx.slope, ctx.dim = formula.slope, dim
        return p

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (p,) = ctx.saved_tensors
        return gradient(grad, ctx.slope(p), ctx.dim), None, None


def sparsemax(z: Tensor, dim: int = -1) -> Tensor:
    """Sparsemax along a dimension: argmin over p on the simplex of ||p - z||^2.

    `z`: floating point, any shape with at least one entry along `dim`. Returns a new tensor of the
    same shape, dtype and device; sums along `dim` are 1 and most entries are exactly 0. It can be
    differentiated once.

    Source: Martins and Astudillo (2016), "From softmax to sparsemax", algorithm 1.

    >>> sparsemax(torch.tensor([0.0, 0.5, 2.0]))
    tensor([0., 0., 1.])
    """
    p: Tensor = _Mask.apply(z, FORMULAS["sparsemax"], dim)  # type: ignore[no-untyped-call]
    return p


def entmax15(z: Tensor, dim: int = -1) -> Tensor:
    """1.5-entmax along a dimension: argmax over p on the simplex of <p, z> + H_1.5(p).

    H_1.5(p) = 4/3 (1 - sum of p^1.5) is Tsallis' entropy; the result is less sparse than
    sparsemax and more than softmax. Shapes and dtypes as for `sparsemax`.

    Source: Peters, Niculae and Martins (2019), "Sparse sequence-to-sequence models", algorithm 2.

    >>> entmax15(torch.tensor([0.0, 0.0, 4.0]))
    tensor([0., 0., 1.])
    """
    p: Tensor = _Mask.apply(z, FORMULAS["entmax15"], dim)  # type: ignore[no-untyped-call]
    return p


MASKS: dict[str, Callable[..., Tensor]] = {"sparsemax": sparsemax, "entmax15": entmax15}
