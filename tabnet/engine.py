"""One training iteration in torch: loss, gradient, clipping and Adam, for K seeds at once."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tabnet import layout
from tabnet.model import TabNet
from tabnet.params import Model, Train

Arrays = dict[str, NDArray[np.float32]]
Losses = NDArray[np.float64]

VALIDATION_ROWS = 8192  # at once: bounds the memory


def flatten(network: nn.Module) -> nn.Parameter:
    """Move the network's parameters into one K x P tensor, of which they become views.

    Clipping and the optimiser then take one operation instead of one a parameter. Seed k's
    parameters are row k, in the order of `network.parameters()`.
    """
    parameters = list(network.parameters())
    flat = nn.Parameter(by_seed(p.data for p in parameters))
    widths = [p[0].numel() for p in parameters]
    for parameter, value in zip(parameters, flat.data.split(widths, 1), strict=True):
        parameter.data = value.view(parameter.shape)
    return flat


def by_seed(tensors: Iterable[Tensor]) -> Tensor:
    """Tensors of shapes K x ... side by side, K x P."""
    return torch.cat([tensor.flatten(1) for tensor in tensors], 1)


class TorchEngine:
    """The training state of K TabNets on a device: parameters, running statistics, Adam's moments.

    `weights` are the initial parameters and running statistics by name, each with a leading K.
    """

    def __init__(
        self,
        model: Model,
        weights: Mapping[str, NDArray[np.float32]],
        *,
        train: Train,
        device: torch.device | str,
    ) -> None:
        self.device = device = torch.device(device)
        n_seeds, (n_features, n_classes) = len(weights["output"]), layout.sizes(weights)
        network = TabNet(model, n_features=n_features, n_classes=n_classes, n_seeds=n_seeds)
        network.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()})
        self.network = network.to(device).train()
        self.lambda_sparse, self.clip_norm = train.lambda_sparse, train.clip_norm
        self.parameters = list(self.network.parameters())
        self.flat = flatten(self.network)
        self.adam = torch.optim.Adam([self.flat], fused=device.type in ("cpu", "cuda"))

    def load(self, x: NDArray[np.float32], y: NDArray[np.int64]) -> None:
        """Take up rows (N x D, N), copied to the device: `iterate` and `validate` number those."""
        self.x, self.y = torch.from_numpy(x).to(self.device), torch.from_numpy(y).to(self.device)

    def iterate(self, rows: NDArray[np.integer], learning_rate: float) -> Losses:
        """Take one optimiser step on `rows` (B x K, a column a seed).

        Returns K x 2: each seed's mean cross entropy and mask entropy, before the step. The loss of
        a seed is cross entropy + lambda_sparse * mask entropy; the seeds' losses are added up, so
        that each seed's gradient is its own.
        """
        index = torch.from_numpy(rows).to(self.device)
        logits, entropy = self.network(self.x[index])
        cross_entropy = _cross_entropy(logits, self.y[index])
        losses = torch.stack([cross_entropy.mean(0), entropy], 1)
        loss = (losses[:, 0] + self.lambda_sparse * losses[:, 1]).sum()
        self._step(by_seed(torch.autograd.grad(loss, self.parameters)), learning_rate)
        return losses.detach().double().cpu().numpy()

    def _step(self, grad: Tensor, learning_rate: float) -> None:
        norm = torch.linalg.vector_norm(grad, dim=1, keepdim=True)  # K x 1: a seed at a time
        self.flat.grad = grad.mul_((self.clip_norm / (norm + 1e-6)).clamp_max_(1))
        self.adam.param_groups[0]["lr"] = learning_rate
        self.adam.step()

    @torch.inference_mode()
    def validate(self, rows: NDArray[np.integer]) -> Losses:
        """Each seed's cross entropy, summed over `rows` (B x K, a column a seed): K.

        With the running statistics, and without a change to anything.
        """
        self.network.eval()
        total = torch.zeros(rows.shape[1], dtype=torch.float64)
        for start in range(0, len(rows), VALIDATION_ROWS):
            index = torch.from_numpy(rows[start : start + VALIDATION_ROWS]).to(self.device)
            logits, _ = self.network(self.x[index])
            total += _cross_entropy(logits, self.y[index]).sum(0).double().cpu()
        self.network.train()
        return total.numpy()

    def weights(self) -> Arrays:
        """The networks' parameters and running statistics, by name, each with a leading K."""
        state = self.network.state_dict()
        return {name: tensor.cpu().contiguous().numpy().copy() for name, tensor in state.items()}

    def state(self) -> Arrays:
        """All that the next iteration depends on besides its rows and learning rate, by name."""
        moments = self._moments()
        return self.weights() | {f"adam.{k}": v.cpu().numpy().copy() for k, v in moments.items()}

    def restore(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        """Go on from a `state` of an engine with the same parameters."""
        for name, target in (
            self.network.state_dict() | {f"adam.{k}": v for k, v in self._moments().items()}
        ).items():
            target.copy_(torch.from_numpy(state[name]))

    def _moments(self) -> dict[str, Tensor]:
        if not self.adam.state[self.flat]:
            for name in ("exp_avg", "exp_avg_sq"):
                self.adam.state[self.flat][name] = torch.zeros_like(self.flat)
            self.adam.state[self.flat]["step"] = torch.zeros((), device=self.flat.device)
        return dict(self.adam.state[self.flat])


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log softmax(logits)[label]: B x K x C and B x K -> B x K."""
    losses = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    return losses.view(labels.shape)
