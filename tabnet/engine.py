"""Training iterations in torch: loss, gradient, clipping and Adam, for K seeds at once."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tabnet import layout
from tabnet.captured import Captured, Function
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

    `weights` are the initial parameters and running statistics by name, each with a leading K. A
    GPU is given the rows and their order, and gives the losses back, once for all batches of an
    `iterate`, and works each batch off by itself.
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
        self.adam = torch.optim.Adam(
            [self.flat],
            lr=torch.tensor(0.0, device=device),
            fused=device.type in ("cpu", "cuda"),
            capturable=device.type == "cuda",
        )
        self._hold(torch.empty(0, n_features), torch.empty(0, dtype=torch.int64))

    def load(self, x: NDArray[np.float32], y: NDArray[np.int64]) -> None:
        """Take up rows (N x D, N), copied to the device: `iterate` and `validate` number those."""
        # Of arrays that cannot be written, though nothing does, torch warns.
        rows, labels = (torch.from_numpy(np.require(a, requirements="W")) for a in (x, y))
        if len(x) > len(self.x):
            self._hold(rows, labels)
        else:
            self.x[: len(x)].copy_(rows)
            self.y[: len(y)].copy_(labels)

    def _hold(self, x: Tensor, y: Tensor) -> None:
        """Take up rows in a place of their own, and the functions that look for rows there."""
        self.x, self.y = x.to(self.device, copy=True), y.to(self.device, copy=True)
        captured = Captured if self.device.type == "cuda" else _as_it_is
        self._step, self._losses = captured(self._stepped), captured(self._validated)

    def iterate(
        self, rows: NDArray[np.integer], batches: Sequence[slice], learning_rates: Sequence[float]
    ) -> Losses:
        """Take an optimiser step on each of the batches of `rows` (N x K, a column a seed).

        Returns batches x K x 2: each seed's mean cross entropy and mask entropy, before its step.
        The loss of a seed is cross entropy + lambda_sparse * mask entropy; the seeds' losses are
        added up, so that each seed's gradient is its own.
        """
        order, rates = self._order(rows), torch.tensor(learning_rates, device=self.device)
        losses = torch.empty(len(batches), rows.shape[1], 2, device=self.device)
        for batch, rate, found in zip(batches, rates, losses, strict=True):
            found.copy_(self._step(order[batch], rate))
        return losses.cpu().double().numpy()

    def _order(self, rows: NDArray[np.integer]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(rows)).to(self.device).long()

    def _stepped(self, rows: Tensor, rate: Tensor) -> Tensor:
        """Take a step on `rows` (B x K); the losses before it, K x 2."""
        logits, entropy = self.network(self.x[rows])
        cross_entropy = _cross_entropy(logits, self.y[rows])
        losses = torch.stack([cross_entropy.mean(0), entropy], 1)
        loss = (losses[:, 0] + self.lambda_sparse * losses[:, 1]).sum()
        grad = by_seed(torch.autograd.grad(loss, self.parameters))
        norm = torch.linalg.vector_norm(grad, dim=1, keepdim=True)  # K x 1: a seed at a time
        self.flat.grad = grad.mul_((self.clip_norm / (norm + 1e-6)).clamp_max_(1))
        self.adam.param_groups[0]["lr"].copy_(rate)
        self.adam.step()
        return losses.detach()

    @torch.inference_mode()
    def validate(self, rows: NDArray[np.integer]) -> Losses:
        """Each seed's cross entropy, summed over `rows` (B x K, a column a seed): K.

        With the running statistics, and without a change to anything.
        """
        self.network.eval()
        parts = self._order(rows).split(VALIDATION_ROWS)
        losses = torch.stack([self._losses(part).clone() for part in parts])
        self.network.train()
        return losses.cpu().double().sum(0).numpy()

    def _validated(self, rows: Tensor) -> Tensor:
        logits, _ = self.network(self.x[rows])
        return _cross_entropy(logits, self.y[rows]).sum(0)

    def finite(self) -> NDArray[np.bool_]:
        """Whether all of a seed's weights are finite: K."""
        weights = self.network.state_dict().values()
        of_each = [tensor.isfinite().flatten(1).all(1) for tensor in weights]
        return np.asarray(torch.stack(of_each).all(0).cpu().numpy())

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
        assert self.network.input_norm.batches is not None
        self.network.input_norm.batches.copy_(torch.from_numpy(state["adam.step"]))

    def _moments(self) -> dict[str, Tensor]:
        if not self.adam.state[self.flat]:
            for name in ("exp_avg", "exp_avg_sq"):
                self.adam.state[self.flat][name] = torch.zeros_like(self.flat)
            self.adam.state[self.flat]["step"] = torch.zeros((), device=self.flat.device)
        return dict(self.adam.state[self.flat])


def _as_it_is(function: Function) -> Function:
    return function


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log softmax(logits)[label]: B x K x C and B x K -> B x K."""
    losses = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    return losses.view(labels.shape)
