"""TabNet for K seeds at once (Arik and Pfister, arXiv 1908.07442): the readable definition."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tabnet.layers import AttentiveTransformer, FeatureTransformer, GhostBatchNorm, linear
from tabnet.params import Model
from tabnet.weights import Fitted, initial

# Keeps the logarithm of a mask's zero finite, and with it the gradient of M log M.
MASK_EPS = 1e-15
# NOTE[DIFF] The paper gives no momentum for the norm of the input; as pytorch-tabnet.
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
        self.n_d, self.gamma, self.n_steps = model.n_d, model.gamma, model.n_steps
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
            n_seeds, n_features, virtual_batch_size=None, momentum=INPUT_MOMENTUM
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
        x = self.input_norm(x)
        shared = list(self.shared)
        h = self.transformers[0](x, shared)
        prior: Tensor | None = None
        for attention, transformer in zip(self.attention, self.transformers[1:], strict=True):
            mask = attention(h[..., self.n_d :], prior)
            relaxed = self.gamma - mask
            prior = relaxed if prior is None else prior * relaxed
            h = transformer(mask * x, shared)
            yield Step(mask, h[..., : self.n_d].relu())

    def logits(self, decision: Tensor) -> Tensor:
        """The final mapping of the steps' summed decisions: B x K x n_d -> B x K x C."""
        return linear(decision, self.output)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B x K x C), and each seed's mask entropy (K).

        The entropy is the mean over rows and steps of -sum over features of M log(M + eps): the
        sparsity term of the loss (TabNet, section 3.2).
        """
        decision = entropy = x.new_zeros(())
        for step in self.steps(x):
            decision = decision + step.decision
            entropy = entropy - (step.mask * torch.log(step.mask + MASK_EPS)).sum((0, 2))
        return self.logits(decision), entropy / (len(x) * self.n_steps)


def initialise(network: TabNet, seeds: Sequence[int]) -> None:
    """Give each seed the weights that it starts from (`tabnet.weights.initial`)."""
    n_features, (_, _, n_classes) = network.input_norm.weight.shape[1], network.output.shape
    start = initial(network.model, seeds, n_features=n_features, n_classes=n_classes)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in start.items()})


def network(fitted: Fitted) -> TabNet:
    """The network with these trained weights, on the CPU, in evaluation mode."""
    sizes = (len(fitted.features), len(fitted.classes), len(fitted.seeds))
    empty = TabNet(fitted.model, n_features=sizes[0], n_classes=sizes[1], n_seeds=sizes[2])
    empty.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in fitted.weights.items()})
    return empty.eval()
