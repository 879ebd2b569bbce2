"""Stages run one by one as processes, in folders as the stages before them leave them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.clones import SMALL, Clone
from tests.imports import ROOT

STAGES = ("generate", "train", "explain", "evaluate", "report")
Files = dict[str, bytes]


def environment() -> dict[str, str]:
    """The variables with which any folder's stages are those of this project."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def stage(
    name: str, folder: Path, limit: Callable[[], None] | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", f"stages.{name}", "syn2"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=limit,
    )


def at_once(name: str, folder: Path, *, count: int) -> list[int]:
    """How so many processes of one stage end that work in one folder at the same time."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", f"stages.{name}", "syn2"],
            cwd=folder,
            env=environment(),
            stdout=subprocess.DEVNULL,
        )
        for _ in range(count)
    ]
    return [process.wait(120) for process in processes]


def files(folder: Path) -> Files:
    found = (p for name in ("data", "reports") for p in (folder / name).rglob("*"))
    return {str(p.relative_to(folder)): p.read_bytes() for p in found if p.is_file()}


def folders(folder: Path) -> dict[str, Path]:
    """A folder for each stage, as the stages before it leave it, and `end`; beside an empty one."""
    shutil.copy(ROOT / "params.yaml", folder)
    Clone(folder).set(**SMALL)
    found = {}
    for name in (*STAGES, "end"):
        found[name] = folder.with_name(name)
        shutil.copytree(folder, found[name])
        if name != "end":
            assert stage(name, folder).returncode == 0
    return found


def check_refusal(
    done: "subprocess.CompletedProcess[str]", folder: Path, earlier: Files, *parts: str
) -> None:
    """One line with these parts and a status; what was there is as it was, nothing is new."""
    assert done.returncode == 1, done
    line = done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert [part for part in parts if part not in line] == [], line
    found = files(folder)
    assert {name: found.get(name) for name in earlier} == earlier
    # A stage of several outputs may have finished one of them.
    assert not [name for name in found if ".tmp" in name]


def check_next_run(name: str, folder: Path, before: dict[str, Path]) -> None:
    assert stage(name, folder).returncode == 0
    following = [*STAGES, "end"][STAGES.index(name) + 1]
    assert files(folder) == files(before[following])
