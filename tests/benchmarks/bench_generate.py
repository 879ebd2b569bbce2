"""Generation: the stage, against writing the same tables by pyarrow alone.

    python tests/benchmarks/bench_generate.py [ROWS] [ROUNDS]

Draws ROWS rows (1,000,000 unless told) of each of three data sets, half to train on and half to
test, in a temporary folder. The floor writes the finished tables with the same settings. Both are
timed in turn, ROUNDS times (5 unless told), and their medians compared. The target is 2. Then the
memory for ROWS rows and for four times as many, which should be the same.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import pyarrow as pa
import pyarrow.parquet as pq

from stages import generate
from tabnet.params import Generate, Params
from tabnet.tables import GROUP_ROWS, settings
from tests.benchmarks import table

DATASETS = ("syn2", "paper_syn3", "paper_syn6")


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def memory(rows: int) -> float:
    """The largest resident memory (MiB) of a process that draws a data set."""
    code = (
        "import resource, sys; sys.path.insert(0, sys.argv[1])\n"
        "from stages import generate; from tabnet.params import Generate, Params\n"
        "rows = int(sys.argv[2])\n"
        "params = Params(generate=Generate(train_rows=rows // 2, test_rows=rows // 2))\n"
        f"generate.main(params, {DATASETS[-1]!r})\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parents[2]), str(rows)]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def floor(tables: dict[str, pa.Table]) -> None:
    """The tables' files, written as the stage has them written, but from finished columns."""
    for name, finished in tables.items():
        written = settings(finished.schema)
        pq.write_table(finished, f"{name}.floor", row_group_size=GROUP_ROWS, **written)
        descriptor = os.open(f"{name}.floor", os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    params = Params(generate=Generate(train_rows=rows // 2, test_rows=rows - rows // 2))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        table.head()
        for dataset in DATASETS:
            generate.main(params, dataset)
            found = {path.stem: pq.read_table(path) for path in Path("data", dataset).iterdir()}
            stage, alone = [], []
            for _ in range(rounds):
                stage.append(seconds(partial(generate.main, params, dataset)))
                alone.append(seconds(partial(floor, found)))
            own, least = statistics.median(stage), statistics.median(alone)
            what = f"drawing {rows:,} rows of {dataset}; writing them with pyarrow alone"
            table.row(what, f"{own:.2f} s", f"{least:.2f} s", own / least, "at most 2")
        few, many = memory(rows), memory(4 * rows)
        what = f"memory to draw {4 * rows:,} rows; {rows:,}"
        table.row(what, f"{many:.0f} MiB", f"{few:.0f} MiB", many / few, "about 1")
        os.chdir("/")


if __name__ == "__main__":
    main()
