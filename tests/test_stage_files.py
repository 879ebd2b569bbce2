"""Files that train and explain cannot use: one line that names the file, and no output touched."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML
from safetensors import numpy as safetensors_numpy

from tests.imports import ROOT

pytestmark = pytest.mark.slow

DATA = Path("data", "syn4")
SMALL = {"seeds": [1, 2], "epochs": 1}


def stage(name: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", f"stages.{name}", "syn4"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder)},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which generate, train and explain have run; `trust` can."""
    folder = tmp_path_factory.mktemp("finished")
    params = YAML(typ="safe").load(ROOT / "params.yaml")
    params["generate"] |= {"train_rows": 100, "test_rows": 60}
    params["train"] |= SMALL
    params["trust"] |= {"rows": 40, "resamples": 1, "draws": 1}
    YAML().dump(params, folder / "params.yaml")
    for name in ("generate", "train", "explain"):
        done = stage(name, folder)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


def contents(folder: Path) -> dict[Path, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}


def column(name: str, change: Callable[[pa.Array], object]) -> Callable[[Path], None]:
    """Replace a column of a table by what `change` makes of it."""

    def apply(path: Path) -> None:
        table = pq.read_table(path)
        index = table.column_names.index(name)
        changed = pa.array(change(table[name].to_numpy()))
        pq.write_table(table.set_column(index, name, changed), path)

    return apply


def renamed(path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(
        table.rename_columns(["W" + n[1:] if n == "V03" else n for n in table.column_names]), path
    )


def seeds_elsewhere(path: Path) -> None:
    """A seed whose name leads out of the folder."""
    table = pq.read_table(path)
    elsewhere = "probability_seed_1/../../elsewhere"
    names = [elsewhere if name == "probability_seed_1" else name for name in table.column_names]
    pq.write_table(table.rename_columns(names), path)


def diverged(text: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        table = pq.read_table(path)
        metadata = {**(table.schema.metadata or {}), b"diverged": text.encode()}
        pq.write_table(table.replace_schema_metadata(metadata), path)

    return change


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def emptied(path: Path) -> None:
    pq.write_table(pq.read_table(path).slice(0, 0), path)


def foreign(path: Path) -> None:
    path.write_text("V01,V02\n1,2\n")


def holed(values: np.ndarray) -> np.ndarray:
    return np.where(np.arange(len(values)) == 17, np.nan, values).astype(np.float32)


def other_tensors(path: Path) -> None:
    path.write_bytes(safetensors_numpy.save({"a": np.zeros(3)}))


TRAIN, TEST, MODEL = "train.parquet", "test.parquet", "model.safetensors"
PREDICTIONS = "explanation/predictions.parquet"
EPOCHS = "diverged must map seeds to epochs"
PARQUET, SAFETENSORS = "must be a whole Parquet file", "must be a whole safetensors file"
MISSING = "must be a Parquet file, however: it is missing"
NAN = "column 'V03' must hold finite numbers, however: nan in row 18"
FAULTS: list[tuple[str, str, Callable[[Path], None], str]] = [
    ("train", TRAIN, Path.unlink, MISSING),
    ("train", TRAIN, truncated, PARQUET),
    ("train", TRAIN, foreign, PARQUET),
    ("train", TRAIN, column("V03", holed), NAN),
    ("train", TRAIN, column("V03", lambda v: v.astype(str)), "column 'V03' must be numeric"),
    (
        "train",
        TRAIN,
        column("y", lambda v: np.arange(len(v))),
        "column 'y' must have the label yes",
    ),
    ("train", TRAIN, column("y", lambda v: ["yes"] * len(v)), "column 'y' must have at least 2"),
    ("explain", MODEL, Path.unlink, "must be a model file, however: no such file"),
    ("explain", MODEL, truncated, SAFETENSORS),
    ("explain", MODEL, foreign, SAFETENSORS),
    ("explain", MODEL, other_tensors, "must be a TabNet model of this project"),
    ("explain", TEST, Path.unlink, MISSING),
    ("explain", TEST, truncated, PARQUET),
    ("explain", TEST, renamed, "must have one column 'V03'"),
    ("explain", TEST, column("V03", lambda v: v.astype(float)), "column 'V03' must be float"),
    ("explain", TEST, column("V03", holed), NAN),
    ("evaluate", PREDICTIONS, seeds_elsewhere, "its seed must be a whole number, however: '1/../"),
    ("evaluate", PREDICTIONS, diverged('{"3": 1e999}'), EPOCHS),
    ("evaluate", PREDICTIONS, diverged('{"3": ' + "[" * 10**5), EPOCHS),
    ("trust", MODEL, truncated, SAFETENSORS),
    ("trust", TRAIN, Path.unlink, MISSING),
    ("trust", TRAIN, column("V03", holed), NAN),
    ("trust", TEST, renamed, "must have one column 'V03'"),
    ("trust", TEST, column("V03", holed), NAN),
    ("trust", TEST, emptied, "must have rows, however: it has none"),
]


@pytest.mark.parametrize(("name", "file", "fault", "message"), FAULTS)
def test_a_file_that_cannot_be_used_is_named(
    folder: Path, name: str, file: str, fault: Callable[[Path], None], message: str
) -> None:
    fault(folder / DATA / file)
    before = contents(folder)
    done = stage(name, folder)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert message in done.stderr
    assert str(DATA / file) in done.stderr
    assert contents(folder) == before
