"""The pipeline's own cost: beside empty stages, bare imports, and the work itself.

    python tests/benchmarks/bench_pipeline.py [small]

Both sides in turn; medians. `small` takes data of seconds, to see that the benchmark works.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks import table
from tests.clones import Clone, clone

ROUNDS, TURNS = 5, 3
STAGES = ("check", "generate", "train", "explain", "evaluate", "trust", "report", "index")
ONCE = ("check", "index")
DATASETS = ("syn2", "syn4")
REPRO = ("dvc", "repro")
# Run as a stage is, then tell which modules are there that are not the project's, and how long the
# stage's work takes when all is loaded: once more in the same process.
TELL = """
import importlib, runpy, statistics, sys, time
name, *arguments = sys.argv[1:]
sys.argv = sys.argv[1:]
runpy.run_module(name, run_name="__main__", alter_sys=True)
own = ("stages", "tabnet", "__main__")
modules = [n for n in sys.modules if n.split(".")[0] not in own]
from tabnet.params import load
main, params, times = importlib.import_module(name).main, load("params.yaml"), []
# What renders is a process, and goes on: to start it is no part of the work.
own_modules = {n: m for n, m in sys.modules.items() if n.split(".")[0] in own}
project = [m for n, m in own_modules.items() if n != "tabnet.rendering"]
caches = {f for m in project for f in vars(m).values() if hasattr(f, "cache_clear")}
caches -= {getattr(own_modules.get("tabnet.rendering"), "rendering", None)}
for _ in range(3):
    for function in caches:
        function.cache_clear()
    start = time.perf_counter()
    main(params.of(arguments[0]) if arguments else params, *arguments)
    times.append(time.perf_counter() - start)
print("\\n".join(["TOLD", str(statistics.median(times)), *modules]))
"""
IMPORT = """
import importlib, sys
from contextlib import suppress
for name in sys.stdin.read().split():
    with suppress(Exception):  # a module that another one makes, and no file holds
        importlib.import_module(name)
"""
NOTE = """\
A stage's floor is the bare import of the libraries that it has loaded in the end, and its own work:
the time that it takes once more in the same process, with nothing remembered. The ratio is that of
the time that is left without this work to the import. Empty stages, from nothing, are `echo`, one
after the other."""


def seconds(copy: Clone, *command: str, given: str = "") -> float:
    start = time.perf_counter()
    subprocess.run(
        command, cwd=copy.path, env=copy.environment(), input=given, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return time.perf_counter() - start


def empty(folder: Path, n_stages: int) -> Clone:
    """A pipeline of stages of an output each, one after the other."""
    folder.mkdir()
    copy = Clone(folder)
    copy.run("git", "init", "-q", "-b", "main")
    copy.run("dvc", "init", "-q")
    lines = ["stages:"]
    for n in range(n_stages):
        before = f"    deps: [out{n - 1}]\n" if n else ""
        lines.append(f"  s{n}:\n    cmd: echo {n} > out{n}\n{before}    outs: [out{n}]")
    (folder / "dvc.yaml").write_text("\n".join(lines) + "\n")
    copy.run("dvc", "repro", "-q")
    return copy


def forget(copy: Clone) -> None:
    """Results, caches and locks gone: the next `dvc repro` starts from nothing."""
    for name in ("data", "reports", ".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(copy.path / name, ignore_errors=True)
    for file in [copy.path / "dvc.lock", *copy.path.glob("out*")]:
        file.unlink(missing_ok=True)


def from_nothing(copy: Clone) -> float:
    forget(copy)
    return seconds(copy, *REPRO)


def nothing_to_do(copy: Clone, other: Clone, n_stages: int) -> None:
    turns = [(seconds(copy, *REPRO), seconds(other, *REPRO)) for _ in range(ROUNDS)]
    ours, theirs = (median(side) for side in zip(*turns, strict=True))
    ratio = median(a / b for a, b in turns)
    what = f"`dvc repro` with nothing to do, {n_stages} stages; as many empty stages"
    table.row(what, f"{ours:.2f} s", f"{theirs:.2f} s", ratio, "at most 1.15")


def stage(copy: Clone, name: str, dataset: str) -> tuple[float, float]:
    """The time of a stage's process, and its floor: bare imports and the work itself."""
    command = [f"stages.{name}", *([] if name in ONCE else [dataset])]
    told = copy.run(sys.executable, "-c", TELL, *command).stdout.partition("TOLD\n")[2]
    work, *modules = told.split()
    bare = (sys.executable, "-c", IMPORT)
    turns = [
        (seconds(copy, sys.executable, "-m", *command), seconds(copy, *bare, given=told))
        for _ in range(TURNS)
    ]
    ours, imports = (median(side) for side in zip(*turns, strict=True))
    assert modules
    own = float(work)
    what = f"stage `{' '.join(command).removeprefix('stages.')}`; imports + own work"
    ratio = (ours - own) / imports
    table.row(what, f"{ours:.2f} s", f"{imports:.2f} + {own:.2f} s", ratio, "at most 1.2")
    return ours, imports + own


def main() -> None:
    small = sys.argv[1:] == ["small"]
    with tempfile.TemporaryDirectory() as folder:
        copy = clone(Path(folder, "copy"), small=small)
        n_stages = len(copy.repro()) + 1
        other = empty(Path(folder, "empty"), n_stages)
        table.head()
        nothing_to_do(copy, other, n_stages)
        # Each where the ones before it have left their results.
        names = [
            (name, dataset) for name in STAGES for dataset in DATASETS[: 1 if name in ONCE else 2]
        ]
        found = [stage(copy, name, dataset) for name, dataset in names]
        processes, floors = (sum(side) for side in zip(*found, strict=True))
        whole = [(from_nothing(copy), from_nothing(other)) for _ in range(TURNS)]
        ours, bare = (median(side) for side in zip(*whole, strict=True))
        what = "`dvc repro` from nothing; the sum of {} floors"
        for name, floor in (
            ("the stages'", floors),
            ("these and the empty stages'", floors + bare),
        ):
            here = f"{ours:.2f} s"
            table.row(what.format(name), here, f"{floor:.2f} s", ours / floor, "at most 1.3")
        print(f"\n{NOTE}\n\nFrom nothing, the stages' processes take {processes:.1f} s of it.")


if __name__ == "__main__":
    main()
