"""Warm starts: more epochs than a finished run, from its end, when asked and never by itself."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages.train import main as train_stage
from tabnet import checkpoint as checkpoints
from tabnet import weights
from tabnet.checkpoint import KEPT, Checkpoint
from tabnet.finished import Finished
from tabnet.params import Generate, Params, Train
from tabnet.survivors import Losses
from tabnet.train import fit
from tabnet.weights import Fitted
from tests.test_validation import X, Y

TRAIN = Train(
    seeds=(1, 2, 3),
    epochs=4,
    batch_size=128,
    learning_rate=0.02,
    lambda_sparse=0.05,
    warm_start=True,
    checkpoint_every=1,
)


class StoppedError(Exception):
    pass


def train(finished: Finished | None, epochs: int, **changes: object) -> tuple[Fitted, pd.DataFrame]:
    settings = TRAIN.model_copy(update={"epochs": epochs} | changes)
    return fit(X, Y, train=settings, finished=finished)


def assert_equal(found: tuple[Fitted, pd.DataFrame], other: tuple[Fitted, pd.DataFrame]) -> None:
    pd.testing.assert_frame_equal(found[1], other[1], check_exact=True)
    assert found[0].best_epochs == other[0].best_epochs
    for name, array in found[0].weights.items():
        assert array.tobytes() == other[0].weights[name].tobytes(), name


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_at_a_constant_rate_it_ends_as_a_run_from_the_start(
    share: float, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"schedule": "constant", "validation_share": share, "patience": 4}
    store = Finished(tmp_path, [b"x"])
    train(store, 3, **settings)
    train(store, 11, **settings)
    with caplog.at_level(logging.WARNING):
        continued = train(store, 20, **settings)
    assert "train.warm_start: going on from epoch 11, where a finished run ended" in caplog.text
    from_start = train(None, 20, **settings | {"warm_start": False})
    assert_equal(continued, from_start)
    for (fitted, _), name in ((continued, "a"), (from_start, "b")):
        weights.save(fitted, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_else_it_is_another_result_and_the_model_says_so(tmp_path: Path) -> None:
    store = Finished(tmp_path, [b"x"])
    first = train(store, 4)
    assert first[0].warm_starts == ()
    second = train(store, 8)
    from_start = train(None, 8, warm_start=False)
    pd.testing.assert_frame_equal(second[1].iloc[:12], first[1], check_exact=True)
    assert second[1]["loss"].iloc[12:].ne(from_start[1]["loss"].iloc[12:]).all()
    assert second[0].warm_starts == (4,)
    third = train(store, 9)
    assert third[0].warm_starts == (4, 8)
    weights.save(third[0], tmp_path / "model")
    assert weights.load(tmp_path / "model").warm_starts == (4, 8)
    assert from_start[0].warm_starts == ()


def test_the_same_run_again_goes_on_from_the_same_one(tmp_path: Path) -> None:
    store = Finished(tmp_path, [b"x"])
    train(store, 4)
    second = train(store, 8)
    assert_equal(train(store, 8), second)


def test_runs_of_any_name_are_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of brackets, too, which in a pattern of file names stand for something else."""
    store = Finished(tmp_path, [b"x"], name="syn2[a]")
    train(store, 1)
    assert train(store, 2)[0].warm_starts == (1,)
    Checkpoint(tmp_path, [b"x"], name="syn2[a]").save({}, [np.zeros((3, 2))])
    assert Checkpoint(tmp_path, [b"y"], name="syn2[a]").load() is None
    assert "not used, of other data, parameters or code: 1 checkpoint(s)" in caplog.text


def test_never_by_itself(tmp_path: Path) -> None:
    store = Finished(tmp_path, [b"x"])
    cold = train(store, 4, warm_start=False)
    assert list(tmp_path.iterdir()) == []
    train(store, 2)
    assert_equal(train(store, 4, warm_start=False), cold)
    with pytest.raises(ValueError, match=r"^train.warm_start must have finished runs to look in"):
        train(None, 4)


def test_killed_it_goes_on_and_still_says_where_it_came_from(tmp_path: Path) -> None:
    store = Finished(tmp_path, [b"x"])
    train(store, 4)
    expected = train(store, 10)

    def stop(epoch: int, losses: Losses) -> None:
        if epoch == 7:
            raise StoppedError

    own = Checkpoint(tmp_path, [b"y"])
    ten = TRAIN.model_copy(update={"epochs": 10})
    with pytest.raises(StoppedError):
        fit(X, Y, train=ten, finished=store, checkpoint=own, progress=stop)
    resumed = fit(X, Y, train=ten, finished=store, checkpoint=own)
    assert_equal(resumed, expected)
    assert resumed[0].warm_starts == (4,)


def test_a_run_whose_seeds_have_all_stopped_has_nothing_to_go_on_with(tmp_path: Path) -> None:
    store = Finished(tmp_path, [b"x"])
    settings = {"validation_share": 0.25, "patience": 1, "schedule": "constant"}
    first = train(store, 30, **settings)
    assert first[1]["epoch"].max() < 30
    assert_equal(train(store, 40, **settings), first)


def test_a_damaged_or_foreign_end_is_not_used_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, other = Finished(tmp_path, [b"x"]), Finished(tmp_path, [b"other"])
    state, history = {"warm_starts": np.zeros(0, np.float32)}, [np.ones((2, 2))]
    with caplog.at_level(logging.WARNING):
        assert store.before(9) is None
        assert "no finished run of fewer epochs and the same data" in caplog.text
        other.save(3, state, history)
        assert store.before(9) is None
        store.path(3).write_bytes(other.path(3).read_bytes())
        assert store.before(9) is None
        assert f"{store.path(3)} is another run's, or is damaged: not used" in caplog.text
        store.save(2, state, history)
        store.save(5, state, history * 5)
        found = store.before(5)
        assert found is not None
        assert len(found[1]) == 1
        whole = store.path(5).read_bytes()
        for i in range(len(whole)):
            store.path(5).write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
            longest = store.before(6)
            assert longest is not None
            assert len(longest[1]) == 1, i


def test_only_the_newest_ends_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, state = Finished(tmp_path, [b"x"]), {"a": np.zeros(1000, np.float32)}
    for epochs in range(1, KEPT + 4):
        store.save(epochs, state, [np.ones((2, 2))])
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {store.path(epochs).name for epochs in range(4, KEPT + 4)}
    monkeypatch.setattr(checkpoints, "KEPT_BYTES", 3 * store.path(4).stat().st_size)
    store.save(99, state, [np.ones((2, 2))])
    assert {p.name for p in tmp_path.iterdir()} == {
        store.path(epochs).name for epochs in (99, KEPT + 3, KEPT + 2)
    }


def test_the_stage_goes_on_from_its_own_kind_of_run_only(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    from stages import generate

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    params = Params(generate=Generate(train_rows=200, test_rows=10), train=TRAIN)

    def run(**changes: object) -> str:
        caplog.clear()
        settings = params.train.model_copy(update=changes)
        with caplog.at_level(logging.WARNING):
            train_stage(params.model_copy(update={"train": settings}), "syn2")
        return caplog.text + capsys.readouterr().out

    generate.main(params, "syn2")
    assert "training starts at its beginning" in run()
    assert "training starts at its beginning" in run(epochs=6, learning_rate=0.01)
    assert "[Epoch 001]" in run(epochs=6, warm_start=False)
    said = run(epochs=6, checkpoint_every=3)
    assert "going on from epoch 4" in said
    assert "[Epoch 004]" not in said
    assert "Went on from a finished run of 4 epochs: the result depends on it" in said
    assert weights.load("data/syn2/model.safetensors").warm_starts == (4,)
    kinds = [path.suffix for path in Path(".dvc/tmp/checkpoints").iterdir()]
    assert set(kinds) == {".finished"}
    generate.main(params.model_copy(update={"generate": Generate(seed=2, train_rows=200)}), "syn2")
    assert "training starts at its beginning" in run(epochs=6)
