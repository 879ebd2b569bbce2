"""Random networks and data on which the compiled kernel and torch are compared."""

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray

from tabnet.engine import TorchEngine
from tabnet.kernel.engine import KernelEngine
from tabnet.model import TabNet
from tabnet.params import Model, Train
from tabnet.weights import initial

Arrays = dict[str, NDArray[np.float32]]


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

    def torch(self) -> TorchEngine:
        engine = TorchEngine(self.model, self.weights(), train=self.train, device="cpu")
        engine.load(*self.data())
        return engine


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
        n_features=draw(st.integers(1, 40)),
        n_classes=draw(st.integers(2, 5)),
        rows=draw(st.integers(8, 129)),
    )
