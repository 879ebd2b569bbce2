"""The pipeline's own cost: `dvc repro` with nothing to do, and each stage beside its libraries.

The first is compared with a pipeline of as many stages that do nothing; each stage, on small data,
with a process that imports the libraries that the stage has imported in the end, and no more. Both
sides in turn; medians. Targets: 1.15 and, with small data, 1.2.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.clones import Clone, clone

ROUNDS = 5
STAGES = ("check", "generate", "train", "explain", "evaluate", "report", "index")
# Run as a stage is, then tell which modules are there that are not the project's.
TELL = """
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
own = ("stages", "tabnet", "__main__")
print("\\n".join(["MODULES", *(n for n in sys.modules if n.split(".")[0] not in own)]))
"""
IMPORT = """
import importlib, sys
from contextlib import suppress
for name in sys.stdin.read().split():
    with suppress(Exception):  # a module that another one makes, and no file holds
        importlib.import_module(name)
"""


def seconds(copy: Clone, *command: str, given: str = "") -> float:
    start = time.perf_counter()
    subprocess.run(
        command, cwd=copy.path, env=copy.environment(), input=given, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return time.perf_counter() - start


def show(what: str, pairs: list[tuple[float, float]]) -> None:
    ours, theirs = (median(side) for side in zip(*pairs, strict=True))
    ratio = median(a / b for a, b in pairs)
    print(f"| {what} | {ours:.2f} s | {theirs:.2f} s | {ratio:.2f} |", flush=True)


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


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = clone(Path(folder, "copy"), small=True)
        n_stages = len(copy.repro()) + 1
        other = empty(Path(folder, "empty"), n_stages)
        print("| | here | floor | ratio |\n|---|---|---|---|")
        repro = ("dvc", "repro")
        turns = [(seconds(copy, *repro), seconds(other, *repro)) for _ in range(ROUNDS)]
        show(f"`dvc repro`, nothing to do, {n_stages} stages", turns)
        for name in STAGES:
            stage = [f"stages.{name}", *(["syn2"] if name not in ("check", "index") else [])]
            told = copy.run(sys.executable, "-c", TELL, *stage).stdout
            modules = told.partition("MODULES\n")[2]
            bare = (sys.executable, "-c", IMPORT)
            turns = [
                (seconds(copy, sys.executable, "-m", *stage), seconds(copy, *bare, given=modules))
                for _ in range(ROUNDS)
            ]
            show(f"`{name}`, and the bare import of its libraries", turns)


if __name__ == "__main__":
    main()
