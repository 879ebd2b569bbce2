"""Which code a stage depends on: what it really loads, and no more than its imports lead to."""

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tabnet import stage_code
from tests.imports import ROOT

# Every stage's note, from the tree that the process starts in.
NOTES = """
from tabnet import stage_code
for stage in stage_code.stages():
    print(stage, repr(stage_code.digests(f"stages.{stage}")))
"""
LOADED = """
import sys, stages.{}
for module in list(sys.modules.values()):
    print(getattr(module, "__file__", ""))
"""
EVERYWHERE = """
if m1:
    import m1
elif m2:
    import m2
else:
    import m3
try:
    import m4
except ImportError:
    import m5
else:
    import m6
finally:
    import m7
for _ in ():
    import m8
else:
    import m9
with open("") as _:
    import m10
match m11:
    case 1:
        import m11
class C:
    async def f():
        import m12
"""
DRAWING = {"report", "index", "seed_counts", "paper"}
TRAINING = {"train", "trust", "peers", "seed_counts"}


def output(code: str, tree: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def notes(tree: Path) -> dict[str, str]:
    lines = (line.partition(" ") for line in output(NOTES, tree))
    return {stage: note for stage, _, note in lines}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code."""
    folder = tmp_path_factory.mktemp("tree")
    for package in stage_code.PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    return folder


@pytest.fixture(scope="module")
def before(tree: Path) -> dict[str, str]:
    """The notes of that copy as it is."""
    return notes(tree)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["check", "generate", "evaluate", "index", "train"])
def test_what_a_stage_loads_is_in_its_note(stage: str) -> None:
    loaded = {Path(path) for path in output(LOADED.format(stage), ROOT) if path}
    own = {path for path in loaded if path.is_relative_to(ROOT) and ".venv" not in path.parts}
    assert len(own) >= 10
    assert own <= set(stage_code.files(f"stages.{stage}"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edited", "stages"),
    [
        ("tabnet/report/charts.py", {"report", "index"}),
        ("tabnet/report/script.js", DRAWING),
        ("tabnet/report/paper/page.html.jinja", {"paper"}),
        ("tabnet/kernel/iteration.py", TRAINING),
        ("tabnet/kernel/consensus.py", {"explain", "trust", "peers", "seed_counts"}),
        ("tabnet/device.py", {"check", "explain"} | TRAINING),  # check imports it in a function
        ("tabnet/scores.py", {"evaluate", "trust", "peers", "seed_counts", "report", "index"}),
        ("tabnet/trust.py", {"trust"}),
        ("stages/evaluate.py", {"evaluate"}),
        ("tabnet/params.py", set(stage_code.stages())),
    ],
)
def test_an_edit_changes_the_notes_of_the_stages_that_import_it(
    edited: str, stages: set[str], tree: Path, before: dict[str, str]
) -> None:
    file = tree / edited
    content = file.read_bytes()
    file.write_bytes(content + b"\n")
    after = notes(tree)
    file.write_bytes(content)
    assert {name for name in before if before[name] != after[name]} == stages
    assert before.keys() == after.keys() == set(stage_code.stages())


def test_a_file_that_is_no_part_of_a_stage_changes_no_note(
    tree: Path, before: dict[str, str]
) -> None:
    strange = [tree / "tabnet" / "report" / name for name in (".charts.py.swp", "unused.py")]
    for file in strange:
        file.write_bytes(b"pass\n")
    assert notes(tree) == before
    for file in strange:
        file.unlink()


def test_sha256sum_understands_a_note(tmp_path: Path) -> None:
    note = tmp_path / "index.txt"
    note.write_text(stage_code.digests("stages.index"))
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", note], cwd=ROOT, check=True)


@pytest.mark.parametrize("module", ["ctypes", "subprocess", "concurrent.futures.process", "typing"])
def test_imports_are_found_at_any_depth(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under conditions, in functions and handlers: against a walk through all there is."""
    path = importlib.util.find_spec(module).origin  # type: ignore[union-attr]
    assert path is not None
    expected: list[str | None] = []
    for node in ast.walk(ast.parse(Path(path).read_bytes())):
        if isinstance(node, ast.Import):
            expected += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            expected += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    monkeypatch.setattr(stage_code, "source", lambda _: Path(path))
    stage_code.named.cache_clear()
    found = stage_code.named(module)
    stage_code.named.cache_clear()
    assert sorted(found) == sorted(map(str, expected))


def test_imports_are_found_in_every_kind_of_statement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "module.py"
    path.write_text(EVERYWHERE)
    monkeypatch.setattr(stage_code, "source", lambda _: path)
    stage_code.named.cache_clear()
    found = stage_code.named("module")
    stage_code.named.cache_clear()
    assert sorted(found, key=lambda name: int(name[1:])) == [f"m{n}" for n in range(1, 13)]
