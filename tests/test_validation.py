"""Validation: rows held out, the loss on them, early stopping, and the best weights."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from tabnet import device, weights
from tabnet.checkpoint import Checkpoint
from tabnet.engine import TorchEngine
from tabnet.explain import explain
from tabnet.history import fates
from tabnet.kernel.engine import KernelEngine
from tabnet.params import Model, Train
from tabnet.survivors import Engine, Losses
from tabnet.train import fit
from tabnet.validation import split, validation_rows
from tabnet.weights import Fitted, initial
from tests.test_survivors import poison_training

# Noise to be learnt by heart: the loss on rows held out falls, and then rises.
X = np.random.default_rng(0).standard_normal((400, 4)).astype(np.float32)
Y = X[:, 0] + np.random.default_rng(1).standard_normal(400) > 0
TRAIN = Train(
    seeds=(1, 2, 3, 4),
    epochs=24,
    batch_size=128,
    schedule="constant",
    validation_share=0.25,
    patience=4,
    checkpoint_every=1,
)


def loss(rows: NDArray[np.integer], probability: NDArray[np.float32]) -> float:
    """The cross entropy of predictions for `rows`, by scikit-learn."""
    exact = probability.astype(float)
    return float(log_loss(Y[rows], exact / exact.sum(1, keepdims=True), labels=[False, True]))


class StoppedError(Exception):
    pass


@given(
    rows=st.integers(3, 200),
    share=st.floats(0.01, 0.99),
    seeds=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4, unique=True),
)
def test_every_seed_holds_out_its_own_part(rows: int, share: float, seeds: list[int]) -> None:
    if not 1 <= round(share * rows) <= rows - 2:
        with pytest.raises(ValueError, match=r"^train.validation_share must leave at least 2 of"):
            validation_rows([rows], share)
        return
    (held_out,) = validation_rows([rows], share)
    parts = split(seeds, rows, held_out)
    assert len(parts.validation) == round(share * rows)
    together = np.concatenate(parts)
    assert (np.sort(together, 0) == np.arange(rows)[:, None]).all()
    for k, seed in enumerate(seeds):
        alone = split((seed,), rows, held_out)
        for part, own in zip(parts, alone, strict=True):
            assert (part[:, k] == own[:, 0]).all()


def test_parts_differ_between_seeds_and_leave_no_row_out() -> None:
    parts = split(range(10), 100, 50)
    assert len({tuple(part) for part in parts.validation.T.tolist()}) == 10
    assert set(parts.training.ravel().tolist()) == set(range(100))


def test_without_a_share_all_rows_are_trained_on() -> None:
    parts = split((1, 2), 5, *validation_rows([5], 0))
    assert parts.training.tolist() == [[i, i] for i in range(5)]
    assert parts.validation.shape == (0, 2)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rows", [1, 130])
def test_the_engines_validate_as_the_explainer_predicts(threads: int, rows: int) -> None:
    train = Train(seeds=(1, 2, 3), threads=threads)
    start = initial(Model(), train.seeds, n_features=4, n_classes=2)
    y = Y.astype(np.int64)
    kernel = KernelEngine(Model(), start, train=train, rows=len(X))
    kernel.load(X, y)
    order = np.random.default_rng(2).permuted(np.tile(np.arange(400)[:, None], 3), axis=0)
    for _ in range(5):
        kernel.iterate(order, [slice(0, 128)], [0.02])
    torch = TorchEngine(Model(), start, train=train, device="cpu")
    torch.load(X, y)
    torch.restore(kernel.state())
    held_out = order[400 - rows :]
    engines: list[Engine] = [kernel, torch]
    before = [engine.state() for engine in engines]
    found = kernel.validate(held_out)
    np.testing.assert_allclose(torch.validate(held_out), found, rtol=1e-4)
    fitted = Fitted(Model(), tuple("abcd"), ("no", "yes"), train.seeds, kernel.weights())
    for k in range(3):
        predicted = explain(fitted, X[held_out[:, k]]).by_seed.probability[k]
        expected = loss(held_out[:, k], predicted)
        assert found[k] / rows == pytest.approx(expected, rel=1e-4)
    for engine, state in zip(engines, before, strict=True):
        for name, array in engine.state().items():
            assert array.tobytes() == state[name].tobytes(), name


def test_validation_by_itself_does_not_touch_the_training() -> None:
    """One epoch: its losses are those of the same rows without validation."""
    parts = split((5,), 400, 100)
    rows = parts.training[:, 0]
    one = {"seeds": (5,), "epochs": 1, "validation_share": 0.25}
    _, history = fit(X, Y, train=TRAIN.model_copy(update=one))
    _, alone = fit(X[rows], Y[rows], train=TRAIN.model_copy(update=one | {"validation_share": 0}))
    assert list(history) == ["epoch", "seed", "loss", "sparsity", "validation_loss"]
    assert list(alone) == ["epoch", "seed", "loss", "sparsity"]
    pd.testing.assert_frame_equal(history[list(alone)], alone, check_exact=True)


def run(kind: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Fitted, pd.DataFrame]:
    if kind == "torch":
        monkeypatch.setattr(device, "resolve", lambda name, **_: "cpu:0")
    return fit(X, Y, train=TRAIN)


@pytest.mark.parametrize("kind", ["kernel", pytest.param("torch", marks=pytest.mark.slow)])
def test_seeds_stop_and_have_their_best_weights(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted, history = run(kind, monkeypatch)
    assert fitted.seeds == TRAIN.seeds
    assert fitted.diverged == {}
    assert np.isfinite(history.to_numpy()).all()
    lengths = history.groupby("seed").size()
    assert lengths.nunique() > 1
    parts = split(TRAIN.seeds, len(X), round(TRAIN.validation_share * len(X)))
    for k, seed in enumerate(TRAIN.seeds):
        losses = history.loc[history["seed"] == seed, "validation_loss"].to_numpy()
        assert fitted.best_epochs[seed] == losses.argmin() + 1
        # It stops with its patience, not earlier and not later.
        assert len(losses) == min(fitted.best_epochs[seed] + TRAIN.patience, TRAIN.epochs)
        last_better = [np.argmin(losses[:e]) + 1 for e in range(1, len(losses))]
        assert all(e - b < TRAIN.patience for e, b in enumerate(last_better, start=1))
        rows = parts.validation[:, k]
        predicted = explain(fitted.only(seed), X[rows]).probability
        assert loss(rows, predicted) == pytest.approx(losses.min(), rel=1e-3)


def test_a_seed_that_stops_changes_nothing_for_the_others() -> None:
    fitted, history = fit(X, Y, train=TRAIN)
    for seed in TRAIN.seeds:
        alone, own = fit(X, Y, train=TRAIN.model_copy(update={"seeds": (seed,)}))
        of_seed = history[history["seed"] == seed].reset_index(drop=True)
        pd.testing.assert_frame_equal(of_seed, own, check_exact=True)
        assert (
            alone.best_epochs == {seed: fitted.best_epochs[seed]} == fitted.only(seed).best_epochs
        )
        for name, array in fitted.only(seed).weights.items():
            assert array.tobytes() == alone.weights[name].tobytes(), name


def test_with_patience_for_all_epochs_none_stops_and_the_best_is_kept() -> None:
    patient = TRAIN.model_copy(update={"patience": TRAIN.epochs})
    fitted, history = fit(X, Y, train=patient)
    assert (history.groupby("seed").size() == TRAIN.epochs).all()
    best = history.loc[history.groupby("seed")["validation_loss"].idxmin()]
    assert fitted.best_epochs == dict(zip(best["seed"], best["epoch"], strict=True))
    assert min(fitted.best_epochs.values()) < TRAIN.epochs


def test_best_epochs_are_in_the_model_file(tmp_path: Path) -> None:
    fitted, _ = fit(X, Y, train=TRAIN)
    weights.save(fitted, tmp_path / "model")
    assert weights.load(tmp_path / "model").best_epochs == fitted.best_epochs
    content = (tmp_path / "model").read_bytes()
    assert b"best_epochs" in content
    assert b"warm_starts" not in content


def test_too_few_rows_are_one_line() -> None:
    with pytest.raises(ValueError, match="validation_share") as error:
        fit(X[:6], Y[:6], train=TRAIN.model_copy(update={"validation_share": 0.05}))
    assert str(error.value) == (
        "train.validation_share must leave at least 2 of 6 rows to train on and 1 to validate on, "
        "however: 0.05 leaves 6 and 0"
    )
    with pytest.raises(ValueError, match=r"however: 0.8 leaves 1 and 5$"):
        fit(X[:6], Y[:6], train=TRAIN.model_copy(update={"validation_share": 0.8}))


def test_the_least_rows_train_and_validate() -> None:
    fitted, history = fit(
        X[:3], np.array([0, 1, 1]), train=TRAIN.model_copy(update={"validation_share": 0.3})
    )
    assert np.isfinite(history["validation_loss"]).all()
    assert all(np.isfinite(array).all() for array in fitted.weights.values())


def poison_validation(monkeypatch: pytest.MonkeyPatch, k: int, *, epoch: int) -> None:
    real, count = KernelEngine.validate, 0

    def validate(engine: KernelEngine, rows: NDArray[np.int64]) -> Losses:
        nonlocal count
        count += 1
        losses = real(engine, rows)
        if count == epoch:
            losses[k] = np.inf
        return losses

    monkeypatch.setattr(KernelEngine, "validate", validate)


def test_a_seed_that_diverges_is_left_out_whatever_its_best_epoch_was(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    undisturbed, _ = fit(X, Y, train=TRAIN)
    poison_training(monkeypatch, 1, steps=8)  # three batches an epoch
    with caplog.at_level(logging.WARNING):
        fitted, history = fit(X, Y, train=TRAIN)
    assert "seed 2 diverged and is left out" in caplog.text
    assert (fitted.seeds, fitted.diverged) == ((1, 3, 4), {2: 3})
    assert 2 not in fitted.best_epochs
    of_seed = history[history["seed"] == 2]
    assert of_seed["validation_loss"].isna().to_list() == [False, False, True]
    for name, array in fitted.weights.items():
        assert array.tobytes() == undisturbed.weights[name][[0, 2, 3]].tobytes(), name


def test_a_validation_loss_that_is_not_finite_is_divergence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    poison_validation(monkeypatch, 2, epoch=2)
    with caplog.at_level(logging.WARNING):
        fitted, _ = fit(X, Y, train=TRAIN)
    assert "seed 3 diverged and is left out: its validation loss is not finite after epoch 2" in (
        caplog.text
    )
    assert fitted.diverged == {3: 2}


def test_the_last_seed_may_diverge_when_another_has_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fitted, _ = fit(X, Y, train=TRAIN)
    ends = {seed: fitted.best_epochs[seed] + TRAIN.patience for seed in TRAIN.seeds}
    early, late = min(ends, key=lambda s: ends[s]), max(ends, key=lambda s: ends[s])
    pair = TRAIN.model_copy(update={"seeds": (early, late)})
    poison_training(monkeypatch, 0, steps=3 * ends[early] + 1)  # the late one is alone by then
    found, history = fit(X, Y, train=pair)
    assert (found.seeds, found.diverged) == ((early,), {late: ends[early] + 1})
    assert history["loss"].isna().sum() == 1


def final(
    checkpoint: Checkpoint | None, *, stop_after: int = 0
) -> tuple[Fitted, pd.DataFrame, list[Losses]]:
    seen: list[Losses] = []

    def progress(epoch: int, losses: Losses) -> None:
        seen.append(losses)
        if epoch == stop_after:
            raise StoppedError

    fitted, history = fit(X, Y, train=TRAIN, progress=progress, checkpoint=checkpoint)
    return fitted, history, seen


@pytest.mark.parametrize("diverging", [False, True])
def test_resumed_at_any_epoch_it_ends_with_the_same_bytes(
    diverging: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def disturb() -> None:
        monkeypatch.undo()
        if diverging:
            poison_training(monkeypatch, 1, steps=8)

    disturb()
    expected, history, seen = final(None)
    stopped = fates(seen, TRAIN.patience).epochs
    assert stopped.min() < len(seen)
    for stop_after in range(2, len(seen) + 1):
        checkpoint = Checkpoint(tmp_path / str(stop_after), [b"x"])
        disturb()
        with pytest.raises(StoppedError):
            final(checkpoint, stop_after=stop_after)
        if stop_after > 3:  # it counts the steps of a process: here the seed is gone already
            monkeypatch.undo()
        elif diverging:
            monkeypatch.undo()
            poison_training(monkeypatch, 1, steps=8 - 3 * (stop_after - 1))
        resumed, resumed_history, _ = final(checkpoint)
        pd.testing.assert_frame_equal(resumed_history, history, check_exact=True)
        assert (resumed.seeds, resumed.diverged) == (expected.seeds, expected.diverged)
        assert resumed.best_epochs == expected.best_epochs
        for name, array in expected.weights.items():
            assert array.tobytes() == resumed.weights[name].tobytes(), name


def fate(losses: Sequence[Sequence[float]], patience: int) -> list[list[object]]:
    history = [np.array([[0.5, 0.1, loss] for loss in epoch]) for epoch in losses]
    return [array.tolist() for array in fates(history, patience)]


def test_the_history_tells_what_became_of_the_seeds() -> None:
    nan = np.nan
    # One trains on, one stopped (its best is the first of equals), one diverged, one at once.
    losses = [
        [3, 2, 2, nan],
        [2, 1, 1, nan],
        [1, 1, nan, nan],
        [2, 2, nan, nan],
        [3, nan, nan, nan],
    ]
    epochs, stopped, diverged, best = fate(losses, patience=2)
    assert epochs == [5, 4, 2, 0]
    assert best == [3, 2, 2, 0]
    assert stopped == [True, True, False, False]
    assert diverged == [False, False, True, True]
    assert fate(losses, patience=3)[1][0] is False
