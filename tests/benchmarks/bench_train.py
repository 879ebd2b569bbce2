"""Training: an iteration and a whole fit, as ratios to pytorch-tabnet and to bare matrix products.

Each ratio is the median over rounds that take both sides one after the other, on one thread.
"""

import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import torch
from pytorch_tabnet.tab_network import TabNet as Peer

from tabnet.engine import TorchEngine
from tabnet.kernel.engine import KernelEngine
from tabnet.kernel.threads import Wanted
from tabnet.params import Device, Model, Train
from tabnet.train import fit
from tabnet.weights import initial
from tests.benchmarks import table

ROWS = 5000
# What pytorch-tabnet has by default.
PEERS = Model(
    n_steps=3, gamma=1.3, n_shared=2, n_independent=2, virtual_batch_size=128, momentum=0.02
)
# Beside their bare products: model, number of features.
SHAPES = {
    "10 features": (PEERS, 10),
    "n_d = n_a = 64": (PEERS.model_copy(update={"n_d": 64, "n_a": 64}), 10),
    "100 features": (PEERS, 100),
}
ROUNDS = 7
ITERATIONS = 20  # of 256 rows: about an epoch
Run = Callable[[], object]


def data(n_features: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, n_features)).astype(np.float32)
    return x, (x[:, 2:6].sum(1) > 0).astype(np.int64)


def seconds(run: Run, repeats: int) -> float:
    run()
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats


def compare(
    what: str,
    ours: Run,
    other: Run,
    *,
    repeats: tuple[int, int],
    rounds: int = ROUNDS,
    target: str = "",
    slower: bool = False,
    times: int = 1,
) -> None:
    """Prints how many times as fast ours is as the other or, where that is asked for, as slow.

    A run does what is measured so many `times`.
    """
    pairs = [(seconds(ours, repeats[0]), seconds(other, repeats[1])) for _ in range(rounds)]
    ratio = median(own / theirs if slower else theirs / own for own, theirs in pairs)
    own, theirs = (table.time(median(side) / times) for side in zip(*pairs, strict=True))
    table.row(what, own, theirs, ratio, target)


def peer_iterations(model: Model, n_features: int, batch: int, *, device: str = "cpu") -> Run:
    """ITERATIONS of pytorch-tabnet's own training step, without its data loader."""
    x, y = (torch.from_numpy(part).to(device) for part in data(n_features))
    network = Peer(
        n_features,
        2,
        n_d=model.n_d,
        n_a=model.n_a,
        n_steps=model.n_steps,
        gamma=model.gamma,
        n_independent=model.n_independent,
        n_shared=model.n_shared,
        virtual_batch_size=model.virtual_batch_size,
        momentum=model.momentum,
        group_attention_matrix=torch.eye(n_features, device=device),
        cat_idxs=[],
        cat_dims=[],
        cat_emb_dim=[],
    ).to(device)
    adam = torch.optim.Adam(network.parameters(), lr=0.02)

    def iterate() -> float:
        rows = torch.randint(ROWS, (batch,), device=device)
        for parameter in network.parameters():
            parameter.grad = None
        logits, entropy = network(x[rows])
        loss = torch.nn.functional.cross_entropy(logits, y[rows]) - 1e-3 * entropy
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        return float(loss.detach())

    return lambda: [iterate() for _ in range(ITERATIONS)]


def iterations(
    model: Model,
    n_features: int,
    batch: int,
    *,
    n_seeds: int = 1,
    threads: Wanted = 1,
    device: str = "kernel",
) -> Run:
    """ITERATIONS of ours, in compiled code or in torch on a device."""
    train = Train(seeds=tuple(range(n_seeds)), batch_size=batch, threads=threads)
    x, y = data(n_features)
    start = initial(model, train.seeds, n_features=n_features, n_classes=2)
    engine = (
        KernelEngine(model, start, train=train, rows=len(x))
        if device == "kernel"
        else TorchEngine(model, start, train=train, device=device)
    )
    engine.load(x, y)
    rng = np.random.default_rng(0)
    batches = [slice(i * batch, (i + 1) * batch) for i in range(ITERATIONS)]

    def iterate() -> object:
        rows = rng.integers(0, ROWS, (batches[-1].stop, n_seeds), np.int32)
        return engine.iterate(rows, batches, [0.001] * ITERATIONS)

    return iterate


def products(
    model: Model, n_features: int, batch: int, *, n_seeds: int = 1, device: str = "cpu"
) -> Callable[[], torch.Tensor]:
    """The matrix products of ITERATIONS, forward and backward, and nothing else."""
    width = model.n_d + model.n_a
    n_layers = model.n_shared + model.n_independent
    shapes = [(n_features, 2 * width)] + [(width, 2 * width)] * (n_layers - 1)
    shapes = shapes * (model.n_steps + 1)
    shapes += [(model.n_a, n_features)] * model.n_steps + [(model.n_d, 2)]
    drawn = partial(torch.randn, device=device)
    operands = [
        (drawn(n_seeds, batch, i), drawn(n_seeds, i, o), drawn(n_seeds, batch, o))
        for i, o in shapes
    ]

    def multiply() -> torch.Tensor:
        for x, w, grad in operands * ITERATIONS:
            torch.bmm(x, w)
            torch.bmm(grad, w.mT)
            last = torch.bmm(x.mT, grad)
        return last

    return multiply


def peer_fit(epochs: int, *, device: str = "cpu") -> Run:
    # Here, since importing it warns, and the tests import this file.
    from pytorch_tabnet.tab_model import TabNetClassifier

    x, y = data(10)

    def run() -> None:
        peer = TabNetClassifier(n_d=8, n_a=8, verbose=0, device_name=device)
        peer.fit(x, y, max_epochs=epochs, batch_size=256, virtual_batch_size=128, drop_last=False)

    return run


def our_fit(epochs: int, *, threads: Wanted = 1, device: Device = "cpu") -> Run:
    x, y = data(10)
    train = Train(
        seeds=tuple(range(10)), epochs=epochs, batch_size=256, threads=threads, device=device
    )
    return lambda: fit(x, y, model=PEERS, train=train)


def beside_peer() -> None:
    """Against pytorch-tabnet: times as fast."""
    what = "a training iteration, 256 rows, 1 seed; pytorch-tabnet"
    peer, times = peer_iterations(PEERS, 10, 256), ITERATIONS
    ours = iterations(PEERS, 10, 256)
    compare(what, ours, peer, repeats=(20, 1), target="at least 40", times=times)
    what = "the same, 10 seeds; pytorch-tabnet's one"
    compare(what, iterations(PEERS, 10, 256, n_seeds=10), peer, repeats=(2, 1), times=times)
    what = "the same in torch, 10 seeds; pytorch-tabnet's one"
    ours = iterations(PEERS, 10, 256, n_seeds=10, device="cpu")
    compare(what, ours, peer, repeats=(1, 1), target="at least 1, 10 a seed", times=times)
    what = "a whole training of 20 epochs, 10 seeds; pytorch-tabnet, 1 seed"
    compare(what, our_fit(20), peer_fit(20), repeats=(1, 1), rounds=3, target="at least 5")


def two_threads() -> None:
    """Two threads against one: times as fast."""
    what = "that training on two threads; on one"
    pair = our_fit(20, threads=2), our_fit(20)
    compare(what, *pair, repeats=(1, 1), rounds=5, target="at least 1.8")
    for batch, repeats in ((256, 20), (4096, 1)):
        what = f"an iteration of {batch} rows, 1 seed, on two threads; on one"
        pair = iterations(PEERS, 10, batch, threads=2), iterations(PEERS, 10, batch)
        compare(what, *pair, repeats=(repeats, repeats), times=ITERATIONS)


def beside_products() -> None:
    """Against the matrix products alone: times as slow."""
    for name, (model, n_features) in SHAPES.items():
        pair = iterations(model, n_features, 4096), products(model, n_features, 4096)
        compare(
            f"an iteration of 4096 rows, {name}; its bare matrix products", *pair, times=ITERATIONS,
            repeats=(1, 1), rounds=5, target="at most 1.5", slower=True,
        )  # fmt: skip


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    table.head()
    beside_peer()
    two_threads()
    beside_products()


if __name__ == "__main__":
    main()
