"""Checkpoints: a training that stops and goes on ends where an undisturbed one ends."""

import logging
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tabnet.checkpoint import KEPT, SUFFIX, Checkpoint
from tabnet.engine import Losses
from tabnet.finished import Finished
from tabnet.params import Train
from tabnet.train import fit
from tabnet.weights import Fitted

TRAIN = Train(seeds=(1, 2), epochs=7, checkpoint_every=2)


class StoppedError(Exception):
    pass


def run(checkpoint: Checkpoint | None, *, stop_after: int = 0) -> tuple[Fitted, list[float]]:
    x = np.random.default_rng(0).standard_normal((300, 3))

    def progress(epoch: int, losses: Losses) -> None:
        if epoch == stop_after:
            raise StoppedError

    fitted, history = fit(x, x[:, 0] > 0, train=TRAIN, progress=progress, checkpoint=checkpoint)
    return fitted, history["loss"].to_list()


def arrays() -> tuple[dict[str, NDArray[np.float32]], list[Losses]]:
    return {"a": np.arange(4, dtype=np.float32)}, [np.full((2, 2), 0.5), np.full((2, 2), 0.25)]


@pytest.mark.parametrize("stop_after", [2, 3, 5, 6])
def test_a_stopped_training_goes_on_to_the_same_bytes(tmp_path: Path, stop_after: int) -> None:
    undisturbed, history = run(None)
    checkpoint = Checkpoint(tmp_path, [b"inputs"])
    with pytest.raises(StoppedError):
        run(checkpoint, stop_after=stop_after)
    saved = checkpoint.load()
    assert saved is None if stop_after == 2 else len(saved[1]) == (stop_after - 1) // 2 * 2  # type: ignore[index]
    resumed, resumed_history = run(checkpoint)
    assert resumed_history == history
    for name, array in undisturbed.weights.items():
        assert array.tobytes() == resumed.weights[name].tobytes(), name


def test_what_is_loaded_is_what_was_saved(tmp_path: Path) -> None:
    state, history = arrays()
    checkpoint = Checkpoint(tmp_path / "new" / "folder", [b"a", b"b"])
    assert checkpoint.load() is None
    checkpoint.save(state, history)
    loaded = checkpoint.load()
    assert loaded is not None
    np.testing.assert_array_equal(loaded[0]["a"], state["a"])
    np.testing.assert_array_equal(np.stack(loaded[1]), np.stack(history))
    checkpoint.remove()
    assert list(checkpoint.path.parent.iterdir()) == []


def test_other_inputs_have_another_checkpoint(tmp_path: Path) -> None:
    paths = {Checkpoint(tmp_path, parts).path for parts in ([b"a", b"b"], [b"ab"], [b"a", b"c"])}
    assert len(paths) == 3


def test_a_damaged_checkpoint_is_not_used_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = Checkpoint(tmp_path, [b"a"])
    checkpoint.save(*arrays())
    whole = checkpoint.path.read_bytes()
    damaged = [whole[:stop] for stop in (0, 5, 40, len(whole) - 1)]
    damaged += [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in (0, 35, len(whole) - 1)]
    for content in damaged:
        caplog.clear()
        checkpoint.path.write_bytes(content)
        with caplog.at_level(logging.WARNING):
            assert checkpoint.load() is None
        assert "is damaged: not used" in caplog.text


def test_a_file_that_another_run_removes_meanwhile_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, gone = [b"inputs"], tmp_path / f"syn4{SUFFIX}"
    found, finished = Path.glob, Finished(tmp_path, inputs)
    monkeypatch.setattr(
        Path, "glob", lambda self, like: [*found(self, like), gone, finished.path(3)]
    )
    Checkpoint(tmp_path, inputs).save(*arrays())
    assert finished.before(4) is None
    finished.save(2, *arrays())
    assert finished.before(4) is not None


def test_what_a_killed_writer_left_of_other_inputs_goes_with_the_next_one(tmp_path: Path) -> None:
    """Nobody may ever write under that name again."""
    left = tmp_path / f".{'0' * 64}{SUFFIX}.{'a' * 16}.tmp"
    left.write_bytes(b"half")
    others = tmp_path / ".other.tmp"
    others.write_bytes(b"not ours")
    Checkpoint(tmp_path, [b"inputs"]).save(*arrays())
    assert not left.exists()
    assert others.exists()


def test_only_the_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    for i in range(KEPT + 3):
        Checkpoint(tmp_path, [bytes([i])]).save(*arrays())
    assert len(list(tmp_path.iterdir())) == KEPT
    assert Checkpoint(tmp_path, [bytes([KEPT + 2])]).load() is not None
