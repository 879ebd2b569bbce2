"""Damaged files: a right result or one line, whatever bit of whatever file is not as it was."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabnet import tables, weights
from tabnet.checkpoint import Checkpoint
from tabnet.errors import InputError
from tabnet.params import Model
from tabnet.weights import Fitted, initial

COLUMNS = pa.schema([("a", pa.float32()), ("b", pa.float32()), ("y", pa.string())])


def table() -> pa.Table:
    a, b = np.random.default_rng(0).random((2, 40), np.float32)
    return pa.table({"a": a, "b": b, "y": ["yes", "no"] * 20})


def fitted() -> Fitted:
    model = Model.model_validate({"n_d": 2, "n_a": 2, "n_steps": 1, "n_shared": 0})
    start = initial(model, (1, 2), n_features=2, n_classes=2)
    return Fitted(model, ("a", "b"), ("no", "yes"), (1, 2), start, {3: 1})


def damages(whole: bytes, *, flips: int) -> Iterator[bytes]:
    """Cut after every byte; then so many files with one bit flipped."""
    yield from (whole[:stop] for stop in range(len(whole)))
    generator = random.Random(0)
    for bit in generator.sample(range(8 * len(whole)), min(flips, 8 * len(whole))):
        at = bit // 8
        yield whole[:at] + bytes([whole[at] ^ 1 << bit % 8]) + whole[at + 1 :]


def check(path: Path, load: Callable[[], bool], *, flips: int) -> int:
    """How many damaged files were tried; each one loads as it was, or is refused in one line."""
    whole = path.read_bytes()
    tried = list(damages(whole, flips=flips))
    for damaged in tried:
        path.write_bytes(damaged)
        with suppress(Refused), one_line():
            assert load(), "loaded as something else"
    path.write_bytes(whole)
    assert load()
    return len(tried)


class Refused(Exception):  # noqa: N818
    """What a person may be told of a file."""


@contextmanager
def one_line() -> Iterator[None]:
    try:
        yield
    except (InputError, OSError) as error:
        if "\n" in str(error):
            raise
        raise Refused(str(error)) from None


@pytest.mark.slow
def test_tables(tmp_path: Path) -> None:
    path, expected = tmp_path / "t.parquet", table()
    tables.write(path, expected)

    def load() -> bool:
        found: bool = tables.read(path, columns=COLUMNS).equals(expected)
        return found

    assert check(path, load, flips=8000) > 6000


@pytest.mark.slow
def test_models(tmp_path: Path) -> None:
    path, expected = tmp_path / "model", fitted()
    weights.save(expected, path)

    def load() -> bool:
        found = weights.load(path)
        same = [np.array_equal(found.weights[n], w) for n, w in expected.weights.items()]
        others = (found.model, found.features, found.classes, found.seeds, found.diverged)
        mine = (expected.model, expected.features, expected.classes, (1, 2), {3: 1})
        return all(same) and others == mine

    assert check(path, load, flips=3000) > 5000


def test_checkpoints(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, [b"x"])
    state, history = {"a": np.arange(9, dtype=np.float32)}, [np.ones((2, 2))]
    checkpoint.save(state, history)

    def load() -> bool:
        found = checkpoint.load()
        if found is None:
            raise InputError("damaged")
        return np.array_equal(found[0]["a"], state["a"]) and np.array_equal(found[1], history)

    assert check(checkpoint.path, load, flips=3000) > 2000


@settings(deadline=None, max_examples=200)
@given(
    names=st.lists(st.sampled_from(["a", "b", "y", "c", ""]), min_size=0, max_size=5),
    kinds=st.lists(
        st.sampled_from(["float", "double", "int", "text", "bool", "nan", "inf", "null", "nested"]),
        min_size=5,
        max_size=5,
    ),
    rows=st.integers(0, 3),
)
def test_other_columns(
    names: list[str], kinds: list[str], rows: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Missing, renamed, reordered, repeated, of other types, empty or not finite."""
    made = {
        "float": pa.array([0.5] * rows, pa.float32()),
        "double": pa.array([1e300] * rows, pa.float64()),
        "int": pa.array([1] * rows, pa.int64()),
        "text": pa.array(["yes"] * rows, pa.string()),
        "bool": pa.array([True] * rows, pa.bool_()),
        "nan": pa.array([np.nan] * rows, pa.float32()),
        "inf": pa.array([np.inf] * rows, pa.float32()),
        "null": pa.array([None] * rows, pa.float32()),
        "nested": pa.array([[1.0, 2.0]] * rows, pa.list_(pa.float32())),
    }
    chosen = kinds[: len(names)]
    path = tmp_path_factory.getbasetemp() / "columns.parquet"
    pq.write_table(pa.Table.from_arrays([made[kind] for kind in chosen], names=names), path)
    numbers = {"float"} if rows else {"float", "nan", "inf", "null"}
    right = {"a": numbers, "b": numbers, "y": {"text"}}
    known = [(name, kind) for name, kind in zip(names, chosen, strict=True) if name in right]
    good = sorted(name for name, _ in known) == sorted(right)
    good = good and all(kind in right[name] for name, kind in known)
    with nullcontext() if good else pytest.raises(Refused, match=str(path)), one_line():
        tables.matrix(tables.read(path, columns=COLUMNS), ["a", "b"], source=path)


def test_more_than_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    tables.write(path, table())
    monkeypatch.setattr("os.sysconf", lambda name: 10)
    with pytest.raises(ValueError, match=r"must fit into the memory of 100 bytes, however: it has"):
        tables.read(path)
