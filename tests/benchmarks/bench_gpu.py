"""On a GPU: training and explanation against pytorch-tabnet's there, and how they grow.

Each ratio is the median over rounds that take both sides one after the other, on this machine.
"""

import sys
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import torch

from tabnet.captured import Captured
from tabnet.explain import Explainer
from tabnet.params import Model, Train
from tests.benchmarks import bench_explain, bench_growth, table
from tests.benchmarks.bench_train import (
    ITERATIONS,
    PEERS,
    SHAPES,
    compare,
    iterations,
    our_fit,
    peer_fit,
    peer_iterations,
    products,
)

ROWS, PEER_ROWS = 1_000_000, 262_144
Run = Callable[[], object]


def one_by_one(n_seeds: int) -> Run:
    """Iterations whose operations are started one by one."""
    with patch("tabnet.engine.Captured", lambda function: function):
        return iterations(PEERS, 10, 256, n_seeds=n_seeds, device="cuda")


def training() -> None:
    """Times as fast as the peer, as without a graph, as the CPU."""
    peer, times = peer_iterations(PEERS, 10, 256, device="cuda"), ITERATIONS
    for n_seeds, counted in ((1, "1 seed"), (10, "10 seeds"), (100, "100 seeds")):
        ours = iterations(PEERS, 10, 256, n_seeds=n_seeds, device="cuda")
        what = f"GPU: an iteration, 256 rows, {counted}; pytorch-tabnet's, 1 seed, there"
        compare(what, ours, peer, repeats=(3, 1), rounds=5, times=times)
    what = "GPU: an iteration, 256 rows, 10 seeds; without a graph"
    pair = iterations(PEERS, 10, 256, n_seeds=10, device="cuda"), one_by_one(10)
    compare(what, *pair, repeats=(3, 1), rounds=5, times=times)
    what = "GPU: a whole training of 20 epochs, 10 seeds; pytorch-tabnet, 1 seed, there"
    pair = our_fit(20, device="cuda"), peer_fit(20, device="cuda")
    compare(what, *pair, repeats=(1, 1), rounds=1)
    what = "GPU: a whole training of 20 epochs, 10 seeds; on that machine's CPU"
    compare(what, our_fit(20, device="cuda"), our_fit(20, threads="auto"), repeats=(1, 1), rounds=3)


def beside_cpu() -> None:
    """Times as fast as compiled code with as many threads as that machine's CPU has cores."""
    wide, n_seeds = Model(n_d=64, n_a=64), len(Train().seeds)
    for name, model, n_features in (
        ("the pipeline's sizes", Model(), 10),
        ("n_d = n_a = 64", wide, 10),
        ("n_d = n_a = 64, 300 features", wide, 300),
    ):
        on = partial(iterations, model, n_features, 1000, n_seeds=n_seeds)
        what = f"GPU: an iteration of 1000 rows, {n_seeds} seeds, {name}; on that machine's CPU"
        pair = on(device="cuda"), on(threads="auto")
        compare(what, *pair, repeats=(1, 1), rounds=3, times=ITERATIONS)


def beside_products() -> None:
    """Times as slow as the matrix products alone, these as one graph."""
    for name, (model, n_features) in SHAPES.items():
        sizes = {"n_seeds": 10, "device": "cuda"}
        ours = iterations(model, n_features, 4096, **sizes)  # type: ignore[arg-type]
        floor = Captured(products(model, n_features, 4096, **sizes))  # type: ignore[arg-type]

        def multiply(floor: Captured = floor) -> None:
            floor()
            torch.cuda.synchronize()

        multiply()
        what = f"GPU: an iteration of 4096 rows, 10 seeds, {name}; its bare matrix products"
        compare(what, ours, multiply, repeats=(1, 1), rounds=5, slower=True, times=ITERATIONS)


def explaining() -> None:
    """Rows a second, in memory."""
    from pytorch_tabnet.tab_model import TabNetClassifier

    x = np.random.default_rng(0).standard_normal((ROWS, 10)).astype(np.float32)
    peer = TabNetClassifier(verbose=0, device_name="cuda")
    peer.fit(x[:2000], (x[:2000, 0] > 0).astype(int), max_epochs=1)

    def theirs(batch_size: int) -> float:
        peer.batch_size = batch_size
        return bench_explain.rows_a_second(lambda: peer.explain(x[:PEER_ROWS]), PEER_ROWS)

    base = max(theirs(size) for size in (16384, 131072))
    for n_seeds, counted in ((1, "1 seed"), (10, "10 seeds")):
        explainer = Explainer(bench_explain.fitted(n_seeds), device="cuda")
        batches = np.array_split(x, -(-len(x) // 8192))
        explainer.seed_masks(batches[0])
        rates = [bench_explain.rows_a_second(partial(run, explainer, batches), ROWS) for _ in "abc"]
        what = f"GPU: rows explained a second, {counted}; pytorch-tabnet, there"
        bench_explain.show(what, median(rates), base)


def run(explainer: Explainer, batches: Sequence[np.ndarray]) -> None:
    for batch in batches:
        explainer.seed_masks(batch)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if not torch.cuda.is_available():
        sys.exit("a CUDA device must be there, however: there is none")
    start = time.perf_counter()
    table.head()
    training()
    beside_cpu()
    beside_products()
    explaining()
    print()
    bench_growth.training("cuda")
    bench_growth.explaining("cuda")
    print(f"\n{bench_growth.WHY_GPU}")
    print(f"\nAll of it took {time.perf_counter() - start:.0f} s.")
