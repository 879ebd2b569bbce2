"""TabNet for K seeds at once (Arik and Pfister, arXiv 1908.07442): the readable definition."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from tabnet.fused import entropy
from tabnet.layers import (
    AttentiveTransformer,
    FeatureTransformer,
    GhostBatchNorm,
    Together,
    equal_ghosts,
    linear,
    update,
)
from tabnet.params import Model
from tabnet.weights import Fitted

# Keeps the logarithm of a mask's zero finite, and with it the gradient of M log M.
MASK_EPS = 1e-15
# NOTE[DIFF] The paper gives no momentum for the norm of the input; as pytorch-tabnet. But of the
# first batches the running statistics are the mean: pytorch-tabnet's start from 0 and 1, of which a
# twentieth is left after 300 steps; it then predicts by chance where features have a mean of 1000.
INPUT_MOMENTUM = 0.01


class Step(NamedTuple):
    """What a decision step produces: its mask (B x K x D) and ReLU(d) (B x K x n_d)."""

    mask: Tensor
    decision: Tensor


class TabNet(nn.Module):
    """K TabNets with the same sizes and parameters of their own, computed together.

    Shape: x, B x K x D -> logits, B x K x C, and the masks' mean entropy, K. To show the same rows
    to every seed, expand: `x[:, None].expand(-1, K, -1)`.

    >>> net = TabNet(Model(n_steps=2), n_features=4, n_classes=2, n_seeds=3)
    >>> logits, entropy = net(torch.zeros(8, 3, 4))
    >>> logits.shape, entropy.shape
    (torch.Size([8, 3, 2]), torch.Size([3]))
    """

    def __init__(self, model: Model, *, n_features: int, n_classes: int, n_seeds: int) -> None:
        super().__init__()
        self.model = model
        self.n_d, self.n_a, self.n_steps = model.n_d, model.n_a, model.n_steps
        width = model.n_d + model.n_a
        norm = partial(
            GhostBatchNorm,
            n_seeds,
            virtual_batch_size=model.virtual_batch_size,
            momentum=model.momentum,
        )

        def glu_weights(first: int, last: int) -> Iterator[Tensor]:
            for layer in range(first, last):
                yield torch.zeros(n_seeds, width if layer else n_features, 2 * width)

        n_layers = model.n_shared + model.n_independent
        self.input_norm = GhostBatchNorm(
            n_seeds,
            n_features,
            virtual_batch_size=None,
            momentum=INPUT_MOMENTUM,
            cumulative=True,
        )
        self.shared = nn.ParameterList(glu_weights(0, model.n_shared))
        self.transformers = nn.ModuleList(
            FeatureTransformer(
                [norm(2 * width) for _ in range(n_layers)], glu_weights(model.n_shared, n_layers)
            )
            for _ in range(model.n_steps + 1)
        )
        self.attention = nn.ModuleList(
            AttentiveTransformer(
                norm(n_features),
                torch.zeros(n_seeds, model.n_a, n_features),
                mask_type=model.mask_type,
                gamma=model.gamma,
            )
            for _ in range(model.n_steps)
        )
        self.output = nn.Parameter(torch.zeros(n_seeds, model.n_d, n_classes))

    def steps(self, x: Tensor) -> Iterator[Step]:
        """Yield the decision steps, one after the other. Source: TabNet, section 3 and figure 4(a).

        h[0] = transformer[0](x); (d[s], a[s]) = split(h[s]);
        M[s] = attention[s](a[s-1], P[s-1]), P[s] = P[s-1] * (gamma - M[s]), P[0] = 1;
        h[s] = transformer[s](M[s] * x).
        """
        x = self.input_norm(x.permute(1, 2, 0))  # K x D x B, as everything below
        if not self.training:
            yield from self._steps(x)
            return
        # Past the norm of the input, no ghost batch sees another one.
        parts, glu, attention = [], [], []
        for part, count in equal_ghosts(x, self.model.virtual_batch_size):
            size = part.shape[-1] // count
            glu.append(Together(self._glu_norms(), count, size))
            attention.append(Together(self._attention_norms(), count, size))
            parts.append(self._steps(part, glu[-1], attention[-1]))
        for steps in zip(*parts, strict=True):
            yield Step(*map(_joined, zip(*steps, strict=True)))
        update(glu)
        update(attention)

    def _steps(
        self, x: Tensor, glu: Together | None = None, attending: Together | None = None
    ) -> Iterator[Step]:
        shared = list(self.shared)
        _, a = self._split(self.transformers[0](x, shared, glu))
        prior: Tensor | None = None
        for attention, transformer in zip(self.attention, self.transformers[1:], strict=True):
            mask, masked, prior = attention(a, x, prior, attending)
            d, a = self._split(transformer(masked, shared, glu))
            yield Step(rows_first(mask), rows_first(d.relu()))

    def _glu_norms(self) -> list[GhostBatchNorm]:
        transformers = cast(Iterable[FeatureTransformer], self.transformers)
        norms = [norm for transformer in transformers for norm in transformer.norms]
        return cast(list[GhostBatchNorm], norms)

    def _attention_norms(self) -> list[GhostBatchNorm]:
        return [layer.norm for layer in cast(Iterable[AttentiveTransformer], self.attention)]

    def _split(self, h: Tensor) -> tuple[Tensor, Tensor]:
        d, a = h.split([self.n_d, self.n_a], 1)
        return d, a

    def logits(self, decision: Tensor) -> Tensor:
        """The final mapping of the steps' summed decisions: B x K x n_d -> B x K x C."""
        return rows_first(linear(decision.permute(1, 2, 0), self.output))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B x K x C), and each seed's mask entropy (K).

        The entropy is the mean over rows and steps of -sum over features of M log(M + eps): the
        sparsity term of the loss (TabNet, section 3.2).
        """
        decision = total = x.new_zeros(())
        for step in self.steps(x):
            decision = decision + step.decision
            total = total + entropy(step.mask.permute(1, 2, 0), MASK_EPS)
        return self.logits(decision), total / (len(x) * self.n_steps)


def rows_first(x: Tensor) -> Tensor:
    """K x F x B -> B x K x F, a view."""
    return x.permute(2, 0, 1)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(parts)) if len(parts) > 1 else parts[0]


def network(fitted: Fitted) -> TabNet:
    """The network with these trained weights, on the CPU, in evaluation mode."""
    sizes = (len(fitted.features), len(fitted.classes), len(fitted.seeds))
    empty = TabNet(fitted.model, n_features=sizes[0], n_classes=sizes[1], n_seeds=sizes[2])
    empty.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in fitted.weights.items()})
    return empty.eval()
