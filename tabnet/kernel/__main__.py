"""Compile the kernel ahead of time: `python -m tabnet.kernel`, once a machine."""

import time

import numpy as np

from tabnet.kernel.consensus import consensus
from tabnet.kernel.engine import KernelEngine
from tabnet.kernel.entry_points import folder, target
from tabnet.kernel.explainer import KernelExplainer
from tabnet.kernel.threads import Threads
from tabnet.params import Model, Train
from tabnet.weights import initial


def warm() -> None:
    """Train, validate and explain a few rows: this compiles every entry point for all its uses."""
    model, train = Model(n_steps=1, virtual_batch_size=2), Train(seeds=(1,), batch_size=4)
    start = initial(model, train.seeds, n_features=2, n_classes=2)
    x, y = np.eye(4, 2, dtype=np.float32), np.arange(4) % 2
    engine, rows = KernelEngine(model, start, train=train, rows=4), np.arange(4)[:, None]
    engine.load(x, y)
    engine.iterate(rows, [slice(0, 4)], [0.01])
    engine.validate(rows)
    explainer = KernelExplainer(model, start, n_features=2, threads=1)
    consensus(explainer(x, steps=True).aggregate, Threads(1))


def main() -> None:
    where = folder()
    new = not any(where.glob(f"*-{target()}"))
    if new:
        print("Compiling the CPU kernel (once a machine; 15 to 60 seconds)", flush=True)
    start = time.perf_counter()
    warm()
    done = "compiled" if new else "was compiled already"
    kept = any(where.glob(f"*-{target()}"))
    place = f"kept in {where}" if kept else f"not kept: {where} cannot be written"
    print(f"The CPU kernel {done}: {time.perf_counter() - start:.1f} s, {place}")


if __name__ == "__main__":
    main()
