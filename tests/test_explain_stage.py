"""The stage explain: what it writes, and that neither threads nor batches change a byte of it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stages import explain as stage
from tabnet import tables, weights
from tabnet.explain import Explanation, explain
from tabnet.params import Explain, Model, Params, Train
from tabnet.weights import Fitted

ROWS = 700
FEATURES = ("a", "b", "c", "d", "e")


def fitted(seeds: tuple[int, ...]) -> Fitted:
    start = weights.initial(MODEL, seeds, n_features=len(FEATURES), n_classes=2)
    return Fitted(MODEL, FEATURES, ("no", "yes"), seeds, start)


MODEL = Model(n_steps=2)
X = np.random.default_rng(0).standard_normal((ROWS, len(FEATURES))).astype(np.float32)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the rows to explain, in which a row group is smaller than most batches."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tables, "GROUP_ROWS", 256)
    labels = np.where(X[:, 0] > 0, "yes", "no")
    columns = [pa.array(column) for column in X.T]
    table = pa.table([*columns, pa.array(labels)], names=[*FEATURES, "y"])
    tables.write(Path("data", "syn2", "test.parquet"), table)


def run(seeds: tuple[int, ...], **how: object) -> dict[str, bytes]:
    """The files that the stage writes, by name."""
    data = Path("data", "syn2")
    weights.save(fitted(seeds), data / "model.safetensors")
    threads = how.pop("threads", 1)
    train = Train.model_validate({"seeds": seeds, "threads": threads, "device": "cpu"})
    stage.main(Params(train=train, explain=Explain.model_validate(how)), "syn2")
    return {path.stem: path.read_bytes() for path in (data / "explanation").iterdir()}


def read(name: str) -> np.ndarray:
    return tables.matrix(tables.read(Path("data", "syn2", "explanation", name)), FEATURES)


@pytest.mark.parametrize("seeds", [(4,), (4, 9, 2)])
def test_threads_and_batches_change_no_byte(seeds: tuple[int, ...]) -> None:
    expected = run(seeds)
    assert len(expected) == 3 + len(seeds) + MODEL.n_steps
    for threads, batch_rows in [(2, 8192), (3, 100), (1, 37), (2, 256)]:
        assert run(seeds, threads=threads, batch_rows=batch_rows) == expected


@pytest.mark.parametrize("seeds", [(4,), (4, 9, 2)])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_files_hold_the_explanation(seeds: tuple[int, ...], threads: int) -> None:
    run(seeds, threads=threads, batch_rows=64)
    found: Explanation = explain(fitted(seeds), X)
    np.testing.assert_allclose(read("consensus.parquet"), found.consensus, atol=1e-6)
    for seed, mask in zip(seeds, found.by_seed.aggregate, strict=True):
        np.testing.assert_allclose(read(f"aggregate_seed_{seed}.parquet"), mask, atol=1e-6)
    shown = found.by_seed.aggregate[seeds.index(found.shown)]
    np.testing.assert_allclose(read("aggregate.parquet"), shown, atol=1e-6)
    for number, mask in enumerate(found.steps, 1):
        np.testing.assert_allclose(read(f"step_{number}.parquet"), mask, atol=1e-6)


def test_the_files_name_the_seed_that_is_shown() -> None:
    files = run((4, 9, 2), seed=9)
    assert files["aggregate"] == files["aggregate_seed_9"]
    for name in ("aggregate", "step_1", "step_2"):
        table = tables.read(Path("data", "syn2", "explanation", f"{name}.parquet"))
        assert table.schema.metadata == {b"seed": b"9"}


def test_a_writer_that_fails_ends_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    before = run((4, 9))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables.Writer, "write", full)
    for threads in (1, 2):
        with pytest.raises(OSError, match=r"must be writable, however: No space left"):
            run((4, 9), threads=threads)
    after = {p.stem: p.read_bytes() for p in Path("data", "syn2", "explanation").iterdir()}
    assert after == before
