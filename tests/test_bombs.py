"""Small files that say they hold gigabytes: one line, in bounded memory and time."""

import io
import json
import resource
import shutil
import struct
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.stage_runs import check_refusal, files, stage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's"),
]
LIMIT = 1100 * 2**20  # bytes of memory that the stage may ask for
SECONDS = 30
FEATURES = [f"V{number:02d}" for number in range(1, 11)]
GROUP, GROUPS = 2**24, 4
HELD = 2**29


def rows(path: Path) -> None:
    """Ten columns of one number and one of one word, 67 million times: 3 GB."""
    path.write_bytes(_rows())


@cache
def _rows() -> bytes:
    buffer = io.BytesIO()
    zeros = pa.array(np.zeros(GROUP, np.int32))
    numbers = pa.DictionaryArray.from_arrays(zeros, pa.array([0.5], pa.float32()))
    words = pa.DictionaryArray.from_arrays(zeros, pa.array(["yes"]))
    table = pa.table([numbers] * 10 + [words], names=[*FEATURES, "y"])
    options = {"store_schema": False, "write_statistics": False, "data_page_size": 2**30}
    with pq.ParquetWriter(buffer, table.schema, compression="zstd", **options) as out:
        for _ in range(GROUPS):
            out.write_table(table, row_group_size=GROUP)
    return buffer.getvalue()


def page(path: Path) -> None:
    """Two rows, with one label of half a gigabyte of zeros in a page of few bytes."""
    columns = dict.fromkeys(FEATURES, pa.array([0.5, 0.25], pa.float32()))
    table = pa.table({**columns, "y": pa.array(["\0" * HELD, "no"])})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False)


def predictions(path: Path) -> None:
    """The same under the names of predictions."""
    page(path)
    table = pq.read_table(path)
    names = ["probability", "agreement", "probability_seed_1", "total_seed_1", *FEATURES[4:]]
    options = {"compression": "zstd", "use_dictionary": False, "write_statistics": False}
    pq.write_table(table.rename_columns([*names, "label"]), path, **options)


def header(length: int, text: bytes = b"{}") -> Callable[[Path], None]:
    """A model file whose header says that it is so long."""

    def write(path: Path) -> None:
        path.write_bytes(struct.pack("<Q", length) + text)

    return write


def tensor(*shape: int) -> Callable[[Path], None]:
    """A model file with a tensor of this shape and no data."""
    size = 4 * int(np.prod([float(n) for n in shape]))
    entry = {"dtype": "F32", "shape": list(shape), "data_offsets": [0, size]}
    text = json.dumps({"input_norm.weight": entry}).encode()
    return header(len(text), text)


@pytest.mark.parametrize(
    ("name", "file", "bomb"),
    [
        ("train", "train.parquet", rows),
        ("train", "train.parquet", page),
        ("explain", "test.parquet", page),
        ("explain", "model.safetensors", header(2**63)),
        ("explain", "model.safetensors", header(2**40)),
        ("explain", "model.safetensors", header(10**8, b"{" + b" " * 10**6)),
        ("explain", "model.safetensors", tensor(2**40)),
        ("explain", "model.safetensors", tensor(2**31, 2**31)),
        ("evaluate", "relevance.parquet", rows),
        ("evaluate", "explanation/consensus.parquet", rows),
        ("evaluate", "explanation/predictions.parquet", predictions),
        ("report", "test.parquet", rows),
        ("report", "explanation/predictions.parquet", predictions),
    ],
)
def test_a_small_file_of_gigabytes(
    name: str, file: str, bomb: Callable[[Path], None], before: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(before[name], tmp_path / "run")
    path = folder / "data" / "syn2" / file
    bomb(path)
    assert path.stat().st_size < 2 * 2**20
    earlier, started = files(folder), time.monotonic()
    done = stage(name, folder, lambda: resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT)))
    assert time.monotonic() - started < SECONDS
    check_refusal(done, folder, earlier, ", however: ")
    assert done.stderr.count("\n") == 1
