"""Growth: what an iteration, an epoch and explained rows take, as one size at a time grows.

Each time is the least of some rounds, on one thread unless the table is of threads. The last two
columns are how many times the size and the time are those of the line above: time that grows with
the size has two equal numbers.
"""

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from tabnet import weights
from tabnet.explain import Explainer
from tabnet.params import Device, Model, Train
from tabnet.train import fit
from tabnet.weights import Fitted
from tests.benchmarks.bench_train import ITERATIONS, PEERS, iterations

Run = Callable[[], object]
ROUND_SECONDS, ROUNDS = 0.1, 7
WHY = """Where the two numbers differ, and why:

- Features and widths: at the smallest sizes norms, gates and masks take most of the time, which
  grows with the width; then the matrix products do, which grow with its square, or with features
  times width. From 64 features on, what a mask leaves out of the product after it is passed over;
  from some hundred on, what a ghost batch leaves for its backward pass is more than the nearest
  cache holds.
- Decision steps: one transformer comes before the first of them, so that S steps cost S + 1.
- Seeds and rows: linear. Every seed's ghost batches are computed one by one, in the same memory. Of
  few rows, what a batch costs once (clipping, Adam) shows, and in an epoch the start of a training.
- Threads: seeds and ghost batches are shared out whole, and two cores share caches and memory."""
WHY_GPU = """A GPU starts some five hundred operations in turn for an iteration, and these are too
small for it: the time is theirs, whatever the sizes, until some hundred thousand numbers at a time
keep it busy. Only decision steps add operations. Explained rows come and go by the bus."""


def least(run: Run) -> float:
    """The shortest time of a run, each round of so many runs as take ROUND_SECONDS."""
    run()
    start = time.perf_counter()
    run()
    once = time.perf_counter() - start
    repeats = max(1, int(ROUND_SECONDS / once))
    rounds = [once]
    for _ in range(ROUNDS if once < 1 else 1):
        start = time.perf_counter()
        for _ in range(repeats):
            run()
        rounds.append((time.perf_counter() - start) / repeats)
    return min(rounds)


def table(what: str, sizes: Sequence[int], make: Callable[[int], Run], *, times: int = 1) -> None:
    """A line for each size; a run does what is measured so many `times`."""
    print(f"\n| {what} | ms | size, times | time, times |\n|---|---|---|---|")
    before: tuple[int, float] | None = None
    for size in sizes:
        seconds = least(make(size)) / times
        growth = f"{size / before[0]:.1f} | {seconds / before[1]:.2f}" if before else " | "
        print(f"| {size:,} | {seconds * 1e3:.3f} | {growth} |", flush=True)
        before = size, seconds


def sized(**sizes: int) -> Model:
    return PEERS.model_copy(update=sizes)


def explanation(
    rows: int, *, n_features: int = 10, n_seeds: int = 1, threads: int = 1, device: str = "cpu"
) -> Run:
    seeds = tuple(range(n_seeds))
    names = tuple(f"x{d}" for d in range(n_features))
    start = weights.initial(PEERS, seeds, n_features=n_features, n_classes=2)
    fitted = Fitted(PEERS, names, ("no", "yes"), seeds, start)
    explainer = Explainer(fitted, device=device, threads=threads)
    x = np.random.default_rng(0).standard_normal((rows, n_features)).astype(np.float32)
    batches = np.array_split(x, -(-rows // 8192))
    return lambda: [explainer.seed_masks(batch) for batch in batches]


def training(device: str = "kernel") -> None:
    """What an iteration takes, by compiled code or by torch on a device."""
    ours, grow = partial(iterations, device=device), partial(table, times=ITERATIONS)
    print("A training iteration of 256 rows, 10 features, 1 seed, and where one size grows:")
    grow("features", (10, 30, 100, 300, 1000), lambda n: ours(PEERS, n, 256))
    grow("n_d = n_a", (8, 16, 32, 64), lambda n: ours(sized(n_d=n, n_a=n), 10, 256))
    grow("decision steps", (1, 2, 3, 5, 10), lambda n: ours(sized(n_steps=n), 10, 256))
    grow("seeds", (1, 3, 10, 30, 100), lambda n: ours(PEERS, 10, 256, n_seeds=n))
    grow("rows of a batch", (64, 256, 1024, 4096), lambda n: ours(PEERS, 10, n))
    if device == "kernel":
        grow("threads", (1, 2), lambda n: ours(PEERS, 10, 256, n_seeds=10, threads=n))
    where: Device = "cpu" if device == "kernel" else "cuda"
    print("\nA whole training of one epoch, 10 features, 1 seed, batches of 256 rows:")
    table("rows", (1000, 10_000, 100_000, 1_000_000, 10_000_000), partial(epoch, device=where))


def epoch(rows: int, *, device: Device) -> Run:
    """A training from its start to its end, on rows in memory."""
    x = np.random.default_rng(0).standard_normal((rows, 10)).astype(np.float32)
    train = Train(seeds=(1,), epochs=1, batch_size=256, threads=1, device=device)
    return partial(fit, x, x[:, 0] > 0, model=PEERS, train=train)


def explaining(device: str = "cpu") -> None:
    """What it takes to explain rows, by compiled code on the CPU or by torch on another device."""
    ours = partial(explanation, device=device)
    print("\nExplaining 8192 rows, 10 features, 1 seed, and where one size grows:")
    table("rows", (1000, 10_000, 100_000, 1_000_000, 10_000_000), ours)
    table("features", (10, 100, 1000), lambda n: ours(8192, n_features=n))
    table("seeds", (1, 10, 100), lambda n: ours(8192, n_seeds=n))
    if device == "cpu":
        table("threads", (1, 2), lambda n: ours(100_000, threads=n))


if __name__ == "__main__":
    training()
    explaining()
    print(f"\n{WHY}")
