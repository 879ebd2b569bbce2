import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabnet import files, tables

ROOT = Path(__file__).parents[1]


def example(rows: int = 300) -> pa.Table:
    numbers = np.random.default_rng(0).random((2, rows), np.float32)
    answers = np.where(numbers[0] > 0.5, "yes", "no")
    columns = {"a": numbers[0], "b": numbers[1], "y": answers}
    return pa.table(columns).replace_schema_metadata({"seed": "3"})


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "GROUP_ROWS", 10)


@contextmanager
def refused(path: Path, *parts: str) -> Iterator[None]:
    with pytest.raises((ValueError, OSError)) as caught:
        yield
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"{path}: must ")
    for part in parts:
        assert part in text


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "t.parquet"
    tables.write(path, example())
    assert tables.read(path).equals(example(), check_metadata=True)
    assert tables.rows(path) == 300
    assert os.listdir(path.parent) == ["t.parquet"]


def test_empty_tables_are_tables(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    tables.write(path, example().slice(0, 0))
    assert tables.read(path).schema.equals(example().schema)
    assert tables.rows(path) == 0
    assert list(tables.batches(path, batch_rows=10)) == []


def test_pandas_leaves_no_trace(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.arange(3, dtype=np.float32), "y": ["yes", "no", "yes"]})
    tables.write(tmp_path / "t.parquet", pa.Table.from_pandas(frame))
    assert b"pandas" not in (tmp_path / "t.parquet").read_bytes()
    plain = pa.table({"a": pa.array(frame["a"]), "y": ["yes", "no", "yes"]})
    tables.write(tmp_path / "plain.parquet", plain)
    assert (tmp_path / "t.parquet").read_bytes() == (tmp_path / "plain.parquet").read_bytes()


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, 45), max_size=5))
def test_the_bytes_do_not_depend_on_how_rows_arrive(
    cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    table = example(45)
    ends = [*sorted(cuts), 45]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "GROUP_ROWS", 10)
        tables.write(folder / "whole.parquet", table)
        with tables.writer(folder / "parts.parquet", table.schema) as out:
            for start, end in zip([0, *ends], ends, strict=False):
                part = table.slice(start, end - start)
                out.write(part.combine_chunks().to_batches()[0] if end > start else part)
    assert (folder / "whole.parquet").read_bytes() == (folder / "parts.parquet").read_bytes()
    groups = pq.ParquetFile(folder / "parts.parquet").metadata
    assert [groups.row_group(i).num_rows for i in range(groups.num_row_groups)] == [10] * 4 + [5]


def test_the_pages_do_not_depend_on_how_rows_arrive(tmp_path: Path) -> None:
    """Long strings fill several pages, which end where a piece ends."""
    numbers = np.random.default_rng(0).integers(0, 10**18, 70_000)
    table = pa.table({"s": [f"{number:060d}" for number in numbers.tolist()]})
    tables.write(tmp_path / "whole.parquet", table)
    with tables.writer(tmp_path / "parts.parquet", table.schema) as out:
        for batch in table.to_batches(max_chunksize=777):
            out.write(batch)
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "parts.parquet").read_bytes()


def test_the_bytes_do_not_depend_on_the_process(tmp_path: Path) -> None:
    code = (
        "import sys; from tests.test_tables import example; from tabnet import tables;"
        "tables.write(sys.argv[1], example())"
    )
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        path = tmp_path / f"{seed}.parquet"
        subprocess.run([sys.executable, "-c", code, path], env=environment, check=True)
    assert (tmp_path / "0.parquet").read_bytes() == (tmp_path / "1.parquet").read_bytes()


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("batch_rows", [1, 7, 10, 33, 45, 100])
def test_batches_have_the_rows_asked_for(batch_rows: int, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    tables.write(path, example(45))
    found = list(tables.batches(path, columns=["b", "a"], batch_rows=batch_rows))
    full, rest = divmod(45, batch_rows)
    assert [len(batch) for batch in found] == [batch_rows] * full + [rest] * bool(rest)
    assert pa.Table.from_batches(found).equals(example(45).select(["b", "a"]))


def test_batches_hold_little_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    values = np.random.default_rng(0).random((4, 20 * tables.GROUP_ROWS), np.float32)
    tables.write(path, pa.table(list(values), names=list("abcd")))
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() for _ in tables.batches(path, batch_rows=8192)]
    assert max(held) - before < values.nbytes / 5


def test_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    tables.write(path, example())
    assert tables.read(path, columns=["y", "a"]).column_names == ["y", "a"]
    schema = pa.schema([("y", pa.string()), ("a", pa.float32())])
    assert tables.read(path, columns=schema).column_names == ["y", "a"]


def test_a_writer_orders_its_columns_and_refuses_others(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with tables.writer(path, example().schema) as out:
        out.write(example().select(["y", "b", "a"]))
    assert tables.read(path).equals(example())
    with (
        pytest.raises(ValueError, match="must have the columns 'a', 'b', 'y', however: the colu"),
        tables.writer(path, example().schema) as out,
    ):
        out.write(example().select(["a", "b"]))
    with pytest.raises(ValueError), tables.writer(path, example().schema) as out:  # noqa: PT011
        out.write(pa.table({"a": ["x"], "b": ["y"], "y": ["z"]}))
    assert tables.read(path).equals(example())
    assert os.listdir(tmp_path) == ["t.parquet"]


def fail_in_block(path: Path) -> None:
    with tables.writer(path, example().schema) as out:
        out.write(example(100_000))
        raise KeyboardInterrupt


def fail_to_sync(path: Path) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", full)
        tables.write(path, example())


def fail_to_close(path: Path) -> None:
    """The last rows and the footer are written at the end."""
    opened = []

    def full(writer: tables.Writer) -> None:
        opened.append(writer)
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables.Writer, "close", full)
        try:
            tables.write(path, example())
        finally:
            assert not opened[0]._file.is_open


def fail_to_replace(path: Path) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        files.write_text(path, "new")


@pytest.mark.parametrize("fail", [fail_in_block, fail_to_close, fail_to_sync, fail_to_replace])
def test_a_failure_leaves_what_was_there(fail: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with pytest.raises((KeyboardInterrupt, OSError)):
        fail(path)
    assert os.listdir(tmp_path) == []
    path.write_text("old")
    with pytest.raises((KeyboardInterrupt, OSError)):
        fail(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["t.parquet"]


def test_a_kill_leaves_what_was_there(tmp_path: Path) -> None:
    code = (
        "import sys, time; from tests.test_tables import example; from tabnet import tables\n"
        "with tables.writer(sys.argv[1], example().schema) as out:\n"
        "    out.write(example(100_000)); print('written', flush=True); time.sleep(60)"
    )
    path = tmp_path / "t.parquet"
    path.write_text("old")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    assert path.read_text() == "old"
    # What it left goes when the same name is written next, what others left and write stays.
    (leftover,) = tmp_path.glob(".t.parquet.*.tmp")
    other = tmp_path / ".t.parquet.old.0123456789abcdef.tmp"
    other.touch()
    with tables.writer(path, example().schema) as first, tables.writer(path, example().schema):
        assert not leftover.exists()
        assert len(list(tmp_path.glob(".t.parquet.*.tmp"))) == 3
        first.write(example())
    assert sorted(os.listdir(tmp_path)) == [other.name, "t.parquet"]


def test_the_data_is_on_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    sync, replace = os.fsync, os.replace

    def recorded_sync(descriptor: int) -> None:
        calls.append("sync")
        sync(descriptor)

    def recorded_replace(source: Path, target: Path) -> None:
        calls.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", recorded_sync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    tables.write(tmp_path / "t.parquet", example())
    assert calls == ["sync", "replace", "sync"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_what_the_umask_allows(umask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        tables.write(tmp_path / "t.parquet", example())
        files.write_text(tmp_path / "t.txt", "text")
        with files.replace_folder(tmp_path / "folder") as folder:
            files.write_text(folder / "t.txt", "text")
    finally:
        os.umask(before)
    for name in ("t.parquet", "t.txt", "folder/t.txt"):
        assert (tmp_path / name).stat().st_mode & 0o777 == mode
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o777 & ~umask


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    for use in (tables.read, tables.rows, lambda p: list(tables.batches(p, batch_rows=1))):
        with refused(path, "a Parquet file, however: it is missing"):
            use(path)
    path.mkdir()
    with refused(path, "a Parquet file, however: a folder"):
        tables.read(path)


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1PAR1", b"\x00" * 100, b"a,b\n1,2\n", b"PK\x03\x04" * 10]
)
def test_a_foreign_file_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(content)
    with refused(path, "a whole Parquet file, however: "):
        tables.read(path)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    tables.write(path, example())
    content = path.read_bytes()
    for length in range(0, len(content), 13):
        path.write_bytes(content[:length])
        with refused(path, "a whole Parquet file, however: "):
            tables.read(path)


def test_a_damaged_page_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    tables.write(path, example())
    content = path.read_bytes()
    for position in range(100, 1100, 50):
        damaged = bytearray(content)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with refused(path, "a whole Parquet file, however: "):
            tables.read(path)
        with refused(path, "a whole Parquet file, however: "):
            list(tables.batches(path, batch_rows=7))


def test_columns_and_types_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    tables.write(path, example())
    with refused(path, "one column 'V01', however: it has the columns 'a', 'b', 'y'"):
        tables.read(path, columns=["a", "V01"])
    with refused(path, "one column 'V01'"):
        list(tables.batches(path, columns=["V01"], batch_rows=1))
    with pytest.raises(ValueError, match=r"column 'y' must be float, however: string$"):
        tables.read(path, columns=tables.schema(["a", "y"]))
    with pytest.raises(ValueError, match=r"column 'a' must be bool, however: float$"):
        tables.read(path, columns=tables.schema(["a"], dtype=pa.bool_()))
    wide = pa.table({f"V{number}": [1.0] for number in range(1000)})
    tables.write(path, wide)
    with refused(path, "'V19', ..."):
        tables.read(path, columns=["a"])
    pq.write_table(pa.table([[1.0], [2.0]], names=["a", "a"]), path)
    with refused(path, "one column 'a', however: it has the columns 'a', 'a'"):
        tables.read(path, columns=["a"])


def test_a_matrix_is_of_the_columns_asked_for() -> None:
    table = pa.table({"a": [1.5, 2.5], "i": [3, 4], "y": ["yes", "no"]})
    for source in (table, table.to_batches()[0]):
        found = tables.matrix(source, ["i", "a"])
        assert found.dtype == np.float32
        assert found.flags.c_contiguous
        assert found.tolist() == [[3, 1.5], [4, 2.5]]
    assert tables.matrix(table.slice(0, 0), ["a"]).shape == (0, 1)


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        ([1.0, np.nan], "column 'a' must hold finite numbers, however: nan in row 12"),
        ([-np.inf, 1.0], "column 'a' must hold finite numbers, however: -inf in row 11"),
        ([1.0, None], "column 'a' must hold finite numbers, however: nothing in row 12"),
        ([1, None], "column 'a' must hold finite numbers, however: nothing in row 12"),
        ([1e300, 1.0], "column 'a' must hold finite numbers, however: 1e+300 in row 11"),
        (["1", "2"], "column 'a' must be numeric, however: string"),
        ([True, False], "column 'a' must be numeric, however: bool"),
        ([None, None], "column 'a' must be numeric, however: null"),
    ],
)
def test_a_matrix_is_of_finite_numbers(column: list[object], problem: str) -> None:
    table = pa.table({"ok": [0.0, 0.0], "a": column})
    with pytest.raises(ValueError, match=r"x\.parquet: ") as caught:
        tables.matrix(table, ["ok", "a"], source="x.parquet", first_row=11)
    assert str(caught.value) == f"x.parquet: {problem}"
    with pytest.raises(ValueError, match="the table: must have one column 'b'"):
        tables.matrix(table, ["b"])
