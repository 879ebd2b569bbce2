"""The layers of TabNet, each with a seed dimension K: K networks compute in one batch of tensors.

Activations are K x F x B, each feature's rows side by side: a product, a norm and a mask then read
memory in its order, and nothing is copied. Parameters are K x ..., so that a seed's parameters are
one slice. Nothing mixes two seeds.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tabnet.fused import EPS, SQRT_HALF, Moments, attend, normalise, transform
from tabnet.ghosts import ghost_batches
from tabnet.sparsemax import FORMULAS, MASKS


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """y[k] = weight[k]^T x[k]. Shapes: K x I x B, K x I x O -> K x O x B."""
    return weight.transpose(1, 2) @ x


class GhostBatchNorm(nn.Module):
    """Batch norm over ghost batches (Hoffer et al. 2017, "Train longer, generalize better").

    Shape: K x F x B -> K x F x B. In training each ghost batch, a run of rows, is normalised by its
    own mean and variance; in evaluation, by the running ones. `virtual_batch_size=None` is plain
    batch norm. With `cumulative`, which counts the `batches` so far, the running statistics of the
    first ones are their mean, whatever they started from.
    """

    running_mean: Tensor
    running_var: Tensor
    batches: Tensor | None

    def __init__(
        self,
        n_seeds: int,
        width: int,
        *,
        virtual_batch_size: int | None,
        momentum: float,
        cumulative: bool = False,
    ) -> None:
        super().__init__()
        self.virtual_batch_size = virtual_batch_size
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(n_seeds, width))
        self.bias = nn.Parameter(torch.zeros(n_seeds, width))
        self.register_buffer("running_mean", torch.zeros(n_seeds, width))
        self.register_buffer("running_var", torch.ones(n_seeds, width))
        # In no model file: of a trained one nobody asks how many there were.
        self.register_buffer("batches", torch.zeros(()) if cumulative else None, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return self._normalise_ghosts(x)
        scale = self.weight * torch.rsqrt(self.running_var + EPS)
        # Subtracted first: of a large mean, products with the scale would leave no digits.
        left = x - self.running_mean[..., None]
        return torch.addcmul(self.bias[..., None], left, scale[..., None])

    def _normalise_ghosts(self, x: Tensor) -> Tensor:
        parts, together = [], []
        # Of a large mean the norm's own sums lose digits: of what is left without it they do not.
        x = x.contiguous()  # else how a seed's rows are summed depends on how many seeds there are
        centre = x.detach().mean(-1, keepdim=True)
        x = x - centre
        for part, count in equal_ghosts(x, self.virtual_batch_size):
            norms = Together([self], count, part.shape[-1] // count)
            y, (mean, inverse) = normalise(part, norms.affine[0])
            mean = (mean.view(*x.shape[:2], count) + centre).view(mean.shape)
            norms.seen.append((mean, inverse))
            parts.append(y)
            together.append(norms)
        update(together)
        return torch.cat(parts, -1) if len(parts) > 1 else parts[0]


def equal_ghosts(x: Tensor, virtual_batch_size: int | None) -> list[tuple[Tensor, int]]:
    """A batch, K x F x B, in parts that each have so many ghost batches of as many rows."""
    rows = x.shape[-1]
    groups = ghost_batches(rows, virtual_batch_size or rows)
    parts = x.split([count * size for count, size in groups], -1)
    return [(part.contiguous(), count) for part, (count, _) in zip(parts, groups, strict=True)]


class Together:
    """Norms of one width, in training together: for `count` ghost batches of `size` rows each.

    `affine` are their parameters once for each ghost batch, `seen` the moments of those that the
    batch has been through so far, both in their order.
    """

    def __init__(self, norms: Sequence[GhostBatchNorm], count: int, size: int) -> None:
        self.norms, self.count, self.size = norms, count, size
        self.seen: list[Moments] = []
        affine = torch.stack([*(norm.weight for norm in norms), *(norm.bias for norm in norms)])
        spread = affine.unsqueeze(-1).expand(-1, -1, -1, count).reshape(len(affine), -1).unbind()
        self.affine = list(zip(spread[: len(norms)], spread[len(norms) :], strict=True))

    def totals(self) -> tuple[Tensor, Tensor]:
        """The sums over ghost batches of their means and unbiased variances, N x K x F each."""
        mean, inverse = (torch.stack(found) for found in zip(*self.seen, strict=True))
        variance = inverse.pow_(-2).sub_(EPS).clamp_min_(0).mul_(self.size / (self.size - 1))
        shape = (len(mean), *self.norms[0].weight.shape, self.count)
        return mean.view(shape).sum(-1), variance.view(shape).sum(-1)


@torch.no_grad()
def update(parts: Sequence[Together]) -> None:
    """Move the norms' running statistics towards what the parts of a batch have seen.

    NOTE[DIFF] pytorch-tabnet updates once a ghost batch, one after the other, so that the last ones
    weigh most; this is one update a batch with the ghost batches' average and the same total
    momentum, in which the order of ghost batches does not matter.
    """
    norms, n_ghosts = parts[0].norms, sum(part.count for part in parts)
    momentum: float | Tensor = 1 - (1 - norms[0].momentum) ** n_ghosts
    if (batches := norms[0].batches) is not None:
        momentum = batches.add_(1).reciprocal().clamp_min(momentum)
    means, variances = (sum(both) for both in zip(*(part.totals() for part in parts), strict=True))
    both = zip(norms, (means / n_ghosts).unbind(), (variances / n_ghosts).unbind(), strict=True)
    for norm, mean, variance in both:
        norm.running_mean.lerp_(mean, momentum)
        norm.running_var.lerp_(variance, momentum)


class FeatureTransformer(nn.Module):
    """A stack of GLU layers: the first ones share their weights with all decision steps.

    x <- GLU(norm(x W)) in the first layer, x <- sqrt(1/2) (x + GLU(norm(x W))) in the others;
    GLU(u, v) = u * sigmoid(v). Every layer has its own norm, shared weights or not.

    Shape: K x D x B -> K x (n_d + n_a) x B. Source: TabNet, section 3.3 and figure 4(c).
    """

    def __init__(self, norms: Iterable[GhostBatchNorm], independent: Iterable[Tensor]) -> None:
        super().__init__()
        self.norms = nn.ModuleList(norms)
        self.independent = nn.ParameterList(independent)

    def forward(
        self, x: Tensor, shared: Sequence[Tensor], together: Together | None = None
    ) -> Tensor:
        weights = [*shared, *self.independent]
        if together:
            first = len(together.seen)
            x, seen = transform(x, weights, together.affine[first : first + len(weights)])
            together.seen += seen
            return x
        for layer, (weight, norm) in enumerate(zip(weights, self.norms, strict=True)):
            y = F.glu(norm(linear(x, weight)), 1)
            x = (x + y) * SQRT_HALF if layer else y
        return x


class AttentiveTransformer(nn.Module):
    """The mask of a decision step: M = mask_function(prior * norm(W^T a)).

    Shapes: a is K x n_a x B; x, the prior (None at the first step: all ones) and the mask are
    K x D x B, the mask's columns on the simplex. Returns the mask, mask * x, and the next step's
    prior, prior * (gamma - mask). Source: TabNet, section 3.2, equations 1 and 2.
    """

    def __init__(
        self, norm: GhostBatchNorm, weight: Tensor, *, mask_type: str, gamma: float
    ) -> None:
        super().__init__()
        self.norm = norm
        self.weight = nn.Parameter(weight)
        self.mask_type, self.gamma = mask_type, gamma

    def forward(
        self, a: Tensor, x: Tensor, prior: Tensor | None, together: Together | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        if together:
            affine, formula = together.affine[len(together.seen)], FORMULAS[self.mask_type]
            *found, seen = attend(
                a, x, prior, self.weight, affine, gamma=self.gamma, formula=formula
            )
            together.seen.append(seen)
            mask, masked, after = found
            return mask, masked, after
        z: Tensor = self.norm(linear(a, self.weight))
        mask = MASKS[self.mask_type](z if prior is None else z * prior, 1)
        relaxed = self.gamma - mask
        return mask, mask * x, relaxed if prior is None else prior * relaxed
