"""Training on rows that do not fit into memory: rows a second, and the largest memory of the stage.

    python tests/benchmarks/bench_rows_beyond_memory.py [ROWS]

Draws ROWS rows (50,000,000 unless told: 2 GB of Parquet) of 10 features by the stage generate, and
trains on them for one epoch by the stage train, each in a process of its own; and on a tenth of
them, which shows what the memory does not depend on. The target is 2 GB.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.clones import Clone
from tests.imports import ROOT
from tests.stage_runs import environment

ROWS = 50_000_000


def run(stage: str, folder: Path) -> tuple[float, float]:
    """The seconds that a stage takes, and its largest resident memory in MB."""
    start = time.perf_counter()
    command = [sys.executable, "-m", f"stages.{stage}", "syn2"]
    process = subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"stage {stage} failed")
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e6


def show(rows: int, what: str, seconds: float, megabytes: float) -> None:
    print(
        f"| {rows:,} | {what} | {seconds:.0f} s | {rows / seconds:,.0f} | {megabytes:.0f} MB |",
        flush=True,
    )


def measure(rows: int, *, n_seeds: tuple[int, ...]) -> None:
    """Generate and train in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
        Clone(folder).set(generate__train_rows=str(rows), train__epochs="1")
        show(rows, "generate", *run("generate", folder))
        for count in n_seeds:
            Clone(folder).set(train__seeds=str(list(range(1, count + 1))))
            show(rows, f"train, seeds: {count}", *run("train", folder))


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    print("| rows | stage | time | rows/s | memory |\n|---|---|---|---|---|")
    measure(rows // 10, n_seeds=(1, 5))
    measure(rows, n_seeds=(1,))


if __name__ == "__main__":
    main()
