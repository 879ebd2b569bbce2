"""The layers of TabNet, each with a seed dimension K: K networks compute in one batch of tensors.

Activations are B x K x F, rows first, so that ghost batch norm needs no copy; parameters are
K x ..., seeds first, so that a seed's parameters are one slice. Nothing mixes two seeds.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tabnet.ghosts import ghost_batches
from tabnet.sparsemax import MASKS

# Rounded to float32 in every precision, as in pytorch-tabnet: float64 is then the same function.
SQRT_HALF = float(torch.tensor(0.5).sqrt())
EPS = 1e-5


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """y[b, k] = x[b, k] @ weight[k]. Shapes: B x K x I, K x I x O -> B x K x O."""
    return (x.transpose(0, 1) @ weight).transpose(0, 1)


class GhostBatchNorm(nn.Module):
    """Batch norm over ghost batches (Hoffer et al. 2017, "Train longer, generalize better").

    Shape: B x K x F -> B x K x F. In training each ghost batch is normalised by its own mean and
    variance; in evaluation, by the running ones. `virtual_batch_size=None` is plain batch norm.

    Rows b, b + G, b + 2G, ... are a ghost batch of the G in a batch: rows come in random order, so
    any partition is as good, and this one is a view.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self, n_seeds: int, width: int, *, virtual_batch_size: int | None, momentum: float
    ) -> None:
        super().__init__()
        self.virtual_batch_size = virtual_batch_size
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(n_seeds, width))
        self.bias = nn.Parameter(torch.zeros(n_seeds, width))
        self.register_buffer("running_mean", torch.zeros(n_seeds, width))
        self.register_buffer("running_var", torch.ones(n_seeds, width))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return self._normalise_ghosts(x)
        scale = self.weight * torch.rsqrt(self.running_var + EPS)
        return torch.addcmul(self.bias - self.running_mean * scale, x, scale)

    def _normalise_ghosts(self, x: Tensor) -> Tensor:
        groups = ghost_batches(len(x), self.virtual_batch_size or len(x))
        parts, means, variances = [], [], []
        for part, (count, size) in zip(
            x.split([count * size for count, size in groups]), groups, strict=True
        ):
            mean, var = x.new_zeros(2, count, *x.shape[1:]).unbind()  # count x K x F each
            part = F.batch_norm(
                part.reshape(size, -1),  # V x (G K F): a channel per ghost batch, seed and feature
                mean.view(-1),
                var.view(-1),
                self.weight.expand(count, -1, -1).reshape(-1),
                self.bias.expand(count, -1, -1).reshape(-1),
                training=True,
                momentum=1.0,  # the "running" statistics are then this batch's own
                eps=EPS,
            )
            parts.append(part.view(count * size, *x.shape[1:]))
            means.append(mean)
            variances.append(var)
        self._update(torch.cat(means), torch.cat(variances))
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    @torch.no_grad()
    def _update(self, mean: Tensor, var: Tensor) -> None:
        # NOTE[DIFF] pytorch-tabnet updates once a ghost batch, one after the other, so that the
        # last ones weigh most; this is one update a batch with the ghost batches' average and the
        # same total momentum, in which the order of ghost batches does not matter.
        momentum = 1 - (1 - self.momentum) ** len(mean)
        self.running_mean.lerp_(mean.mean(0), momentum)
        self.running_var.lerp_(var.mean(0), momentum)


class FeatureTransformer(nn.Module):
    """A stack of GLU layers: the first ones share their weights with all decision steps.

    x <- GLU(norm(x W)) in the first layer, x <- sqrt(1/2) (x + GLU(norm(x W))) in the others;
    GLU(u, v) = u * sigmoid(v). Every layer has its own norm, shared weights or not.

    Shape: B x K x D -> B x K x (n_d + n_a). Source: TabNet, section 3.3 and figure 4(c).
    """

    def __init__(self, norms: Iterable[GhostBatchNorm], independent: Iterable[Tensor]) -> None:
        super().__init__()
        self.norms = nn.ModuleList(norms)
        self.independent = nn.ParameterList(independent)

    def forward(self, x: Tensor, shared: Sequence[Tensor]) -> Tensor:
        for layer, (weight, norm) in enumerate(
            zip([*shared, *self.independent], self.norms, strict=True)
        ):
            y = F.glu(norm(linear(x, weight)), -1)
            x = (x + y) * SQRT_HALF if layer else y
        return x


class AttentiveTransformer(nn.Module):
    """The mask of a decision step: M = mask_function(prior * norm(a W)).

    Shapes: a is B x K x n_a, prior B x K x D (or None at the first step: all ones), the mask
    B x K x D, each row on the simplex. Source: TabNet, section 3.2, equation 1.
    """

    def __init__(self, norm: GhostBatchNorm, weight: Tensor, *, mask_type: str) -> None:
        super().__init__()
        self.norm = norm
        self.weight = nn.Parameter(weight)
        self.mask_function = MASKS[mask_type]

    def forward(self, a: Tensor, prior: Tensor | None) -> Tensor:
        z: Tensor = self.norm(linear(a, self.weight))
        return self.mask_function(z if prior is None else z * prior)
