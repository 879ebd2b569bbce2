"""Random networks and data on which what computes is compared with torch in float64."""

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import Phase, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from tabnet.engine import TorchEngine
from tabnet.explain import Compute
from tabnet.kernel.engine import KernelEngine
from tabnet.model import TabNet
from tabnet.params import Model, Train
from tabnet.survivors import Engine
from tabnet.weights import initial

FEW = settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate])
Arrays = dict[str, NDArray[np.float32]]
Found = dict[str, NDArray[np.floating]]


@dataclass(frozen=True)
class Case:
    """Networks with weights, affine parameters and statistics of their own, and data."""

    model: Model
    train: Train
    n_features: int
    n_classes: int
    rows: int

    @property
    def sizes(self) -> dict[str, int]:
        return {"n_features": self.n_features, "n_classes": self.n_classes}

    def weights(self) -> Arrays:
        weights = initial(self.model, self.train.seeds, **self.sizes)
        rng = np.random.default_rng(self.train.seeds)
        for name, array in weights.items():
            if "norm" in name:
                low, high = (-1.0, 1.0) if name.endswith(("bias", "mean")) else (0.5, 2.0)
                array[...] = rng.uniform(low, high, array.shape)
        return weights

    def data(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        rng = np.random.default_rng((*self.train.seeds, 1))
        x = rng.standard_normal((self.rows, self.n_features)).astype(np.float32)
        return x, rng.integers(0, self.n_classes, self.rows)

    def order(self) -> NDArray[np.int64]:
        rng = np.random.default_rng((*self.train.seeds, 2))
        return np.stack([rng.permutation(self.rows) for _ in self.train.seeds], 1)

    @property
    def whole(self) -> list[slice]:
        """All rows in one batch."""
        return [slice(0, self.rows)]

    def network(self, dtype: torch.dtype = torch.float32) -> TabNet:
        net = TabNet(self.model, **self.sizes, n_seeds=len(self.train.seeds))
        net.load_state_dict({k: torch.from_numpy(v) for k, v in self.weights().items()})
        return net.to(dtype)

    def kernel(self, train: Train | None = None) -> KernelEngine:
        engine = KernelEngine(self.model, self.weights(), train=train or self.train, rows=self.rows)
        engine.load(*self.data())
        return engine

    def torch(self, device: str = "cpu") -> TorchEngine:
        engine = TorchEngine(self.model, self.weights(), train=self.train, device=device)
        engine.load(*self.data())
        return engine


def in_torch(case: Case, dtype: torch.dtype) -> Found:
    """Losses and running statistics after a batch, and the masks of that network in evaluation."""
    net = case.network(dtype).train()
    x, y = case.data()
    rows, n_seeds = torch.from_numpy(case.order()), len(case.train.seeds)
    found: dict[str, Tensor] = {}
    with torch.no_grad():
        logits, entropy = net(torch.from_numpy(x).to(dtype)[rows])
        labels = torch.from_numpy(y)[rows].flatten()
        losses = F.cross_entropy(logits.flatten(0, 1), labels, reduction="none")
        found["losses"] = torch.stack([losses.view(-1, n_seeds).mean(0), entropy], 1)
        found |= dict(net.named_buffers())
        net = case.network(dtype).eval()
        every = torch.from_numpy(x).to(dtype)[:, None].expand(-1, n_seeds, -1)
        steps = list(net.steps(every))
        raw = torch.stack([s.decision.sum(-1, keepdim=True) * s.mask for s in steps]).sum(0)
        found["steps"] = torch.stack([step.mask for step in steps]).permute(2, 0, 1, 3)
        found["aggregate"] = raw.transpose(0, 1)
        found["probability"] = net(every)[0].softmax(-1).transpose(0, 1)
    return {name: tensor.double().numpy() for name, tensor in found.items()}


def computed(case: Case, engine: Engine, explainer: Compute) -> Found:
    """What `in_torch` finds."""
    losses = engine.iterate(case.order(), case.whole, [0.0])
    found: Found = {"losses": losses[0]}
    found |= {name: array for name, array in engine.weights().items() if "running" in name}
    masks = explainer(case.data()[0], steps=True)
    found |= {"steps": masks.steps, "probability": masks.probability}
    return found | {"aggregate": masks.total[..., None] * masks.aggregate}


def check(case: Case, found: Found) -> None:
    """What was computed for a case is as in torch, to 1e-4 of the largest."""
    exact, theirs = in_torch(case, torch.float64), in_torch(case, torch.float32)
    for name, ours in found.items():
        assert ours.shape == exact[name].shape
        scale = max(1e-3, np.abs(exact[name]).max())
        # At a badly conditioned point float32 errs by more than 1e-4, torch's as well.
        allowed = 1e-4 * scale + 20 * np.abs(theirs[name] - exact[name]).max()
        assert np.abs(ours - exact[name]).max() <= allowed, name


def close(found: Arrays, expected: Arrays) -> None:
    """Two states after some steps, but for a twentieth of the entries.

    The first steps of Adam are signs of gradients, nearly: where these are 0, rounding decides.
    """
    assert found.keys() == expected.keys()
    for name, array in found.items():
        assert array.shape == expected[name].shape
        assert array.dtype == expected[name].dtype
        off = np.abs(array - expected[name]) > 1e-3 * np.abs(expected[name]).max()
        assert off.mean() < 0.05, name


@st.composite
def cases(draw: st.DrawFn) -> Case:
    n_shared, n_independent = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)).filter(any))
    model = Model(
        n_d=draw(st.integers(1, 20)),
        n_a=draw(st.integers(1, 20)),
        n_steps=draw(st.integers(1, 5)),
        gamma=draw(st.floats(1, 2)),
        n_shared=n_shared,
        n_independent=n_independent,
        # Of a few rows, one norm after the other makes any two of float32's roundings far apart.
        virtual_batch_size=draw(st.integers(8, 64)),
        momentum=draw(st.floats(0.01, 0.5)),
        mask_type=draw(st.sampled_from(["sparsemax", "entmax15"])),
    )
    seed = draw(st.integers(0, 2**31))
    train = Train(
        seeds=(seed, seed + 1), lambda_sparse=draw(st.floats(0, 0.1)), batch_size=128, clip_norm=10
    )
    return Case(
        model=model,
        train=train,
        # Few, and so many that what masks leave out is passed over.
        n_features=draw(st.one_of(st.integers(1, 40), st.integers(64, 150))),
        n_classes=draw(st.integers(2, 5)),
        rows=draw(st.integers(8, 129)),
    )
