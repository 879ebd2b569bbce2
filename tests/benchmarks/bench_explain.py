"""Explanation: rows a second, against pytorch-tabnet's, and a stage's from Parquet to Parquet.

    python tests/benchmarks/bench_explain.py [ROWS]

Explains ROWS rows (1,000,000 unless told) of 10 features. The peer explains fewer, at its best
batch size. The stage runs in a temporary folder, on two threads.
"""

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import pyarrow as pa
import torch

from stages import explain as stage
from tabnet import tables, weights
from tabnet.explain import Explainer
from tabnet.params import Params, Train
from tabnet.weights import Fitted
from tests.benchmarks import table
from tests.benchmarks.bench_train import PEERS

N_FEATURES = 10
PEER_ROWS = 40_000
FEATURES = tuple(f"V{i:02d}" for i in range(1, N_FEATURES + 1))


def fitted(n_seeds: int) -> Fitted:
    seeds = tuple(range(1, n_seeds + 1))
    start = weights.initial(PEERS, seeds, n_features=N_FEATURES, n_classes=2)
    return Fitted(PEERS, FEATURES, ("no", "yes"), seeds, start)


def rows_a_second(run: Callable[[], object], rows: int) -> float:
    start = time.perf_counter()
    run()
    return rows / (time.perf_counter() - start)


def peer(x: np.ndarray) -> float:
    # Here, since importing it warns, and the tests import this file.
    from pytorch_tabnet.tab_model import TabNetClassifier

    model = TabNetClassifier(verbose=0, device_name="cpu")
    model.fit(x[:2000], (x[:2000, 0] > 0).astype(int), max_epochs=1)
    best = 0.0
    for batch_size in (1024, 4096, 16384):
        model.batch_size = batch_size
        best = max(best, rows_a_second(lambda: model.explain(x), len(x)))
    return best


def masks_alone(x: np.ndarray, n_seeds: int) -> float:
    explainer = Explainer(fitted(n_seeds), threads=2)
    batches = np.array_split(x, -(-len(x) // 8192))
    explainer.seed_masks(batches[0])
    return rows_a_second(lambda: [explainer.seed_masks(batch) for batch in batches], len(x))


def whole_stage(x: np.ndarray, n_seeds: int) -> float:
    """The stage explain, in a folder of its own."""
    train = Train(seeds=tuple(range(1, n_seeds + 1)), threads=2, device="cpu")
    data = Path("data", "syn2")
    data.mkdir(parents=True, exist_ok=True)
    columns = [pa.array(column) for column in x.T]
    labels = pa.array(np.where(x[:, 0] > 0, "yes", "no"))
    tables.write(data / "test.parquet", pa.table([*columns, labels], names=[*FEATURES, "y"]))
    weights.save(fitted(n_seeds), data / "model.safetensors")
    return rows_a_second(lambda: stage.main(Params(train=train), "syn2"), len(x))


def main() -> None:
    warnings.simplefilter("ignore")
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    x = np.random.default_rng(0).standard_normal((rows, N_FEATURES)).astype(np.float32)
    torch.set_num_threads(2)
    table.head()
    base = peer(x[:PEER_ROWS])
    for n_seeds in (1, 10):
        what = f"rows explained a second, {counted(n_seeds)}, two threads; pytorch-tabnet"
        show(what, masks_alone(x, n_seeds), base)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        what = "the same from Parquet to Parquet, by the stage, {}; pytorch-tabnet"
        one = whole_stage(x, 1)
        show(what.format(counted(1)), one, base, target="at least 50")
        ten = whole_stage(x, 10)
        show(what.format(counted(10)), ten, base)
        what = "time of that stage with 10 seeds; with 1"
        own, floor = f"{rows / ten:.2f} s", f"{rows / one:.2f} s"
        table.row(what, own, floor, one / ten, "at most 9")
        os.chdir("/")


def counted(n_seeds: int) -> str:
    return f"{n_seeds} seed{'s' if n_seeds > 1 else ''}"


def show(what: str, rate: float, base: float, target: str = "") -> None:
    table.row(what, f"{rate:,.0f}", f"{base:,.0f}", rate / base, target)


if __name__ == "__main__":
    main()
