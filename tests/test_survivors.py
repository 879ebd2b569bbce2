"""Seeds that diverge: named, left out, and without effect on the others."""

import json
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from stages import evaluate, explain, generate, report
from stages.train import main as train_stage
from tabnet import tables, weights
from tabnet.checkpoint import Checkpoint
from tabnet.engine import TorchEngine
from tabnet.kernel.engine import KernelEngine
from tabnet.params import Explain, Generate, Model, Params, Train
from tabnet.survivors import Engine, Losses, Survivors
from tabnet.train import fit
from tabnet.weights import initial

# Three batches an epoch: 300 rows in batches of 128.
TRAIN = Train(seeds=(1, 2, 3), epochs=4, batch_size=128, checkpoint_every=1)
X = np.random.default_rng(0).standard_normal((300, 4)).astype(np.float32)
Y = X[:, 0] > 0


def make(kind: str, mask_type: str, seeds: Sequence[int]) -> Engine:
    model = Model.model_validate({"mask_type": mask_type})
    start = initial(model, seeds, n_features=4, n_classes=2)
    if kind == "kernel":
        return KernelEngine(model, start, train=TRAIN, rows=len(X))
    return TorchEngine(model, start, train=TRAIN, device="cpu")


def poison(engine: Engine, k: int, value: float, *, name: str = "output") -> None:
    """Makes a weight of the engine's k-th seed `value`, as a step that went wrong would."""
    state = engine.state()
    state[name][k] = value
    engine.restore(state)


def poison_training(monkeypatch: pytest.MonkeyPatch, *ks: int, steps: int) -> None:
    """Poisons the k-th seeds of the next training on the CPU after so many steps."""
    real, count = KernelEngine.iterate, 0

    def iterate(
        engine: KernelEngine, rows: NDArray[np.int64], batches: Sequence[slice], rates: list[float]
    ) -> Losses:
        nonlocal count
        losses = []
        for batch, rate in zip(batches, rates, strict=True):
            losses.append(real(engine, rows, [batch], [rate]))
            count += 1
            if count == steps:
                for k in ks:
                    poison(engine, k, np.nan)
        return np.concatenate(losses)

    monkeypatch.setattr(KernelEngine, "iterate", iterate)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kernel", "torch"])
@pytest.mark.parametrize("mask_type", ["sparsemax", "entmax15"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_every_weight_that_is_not_finite_shows(kind: str, mask_type: str, value: float) -> None:
    """At the next batch by the loss or, where that stays finite, after the epoch."""
    order = np.stack([np.arange(128)] * 3, 1)
    for name in make(kind, mask_type, (1,)).weights():
        survivors = Survivors(partial(make, kind, mask_type), (5, 6, 7))
        survivors.load(X, Y.astype(np.int64))
        poison(survivors.engine, 1, value, name=name)
        losses = survivors.iterate(order, [slice(0, 128)], [0.01], epoch=1)[0]
        survivors.check_weights(losses, epoch=1)
        assert survivors.seeds == (5, 7), name
        assert np.isfinite(losses).all(1).tolist() == [True, False, True], name


@pytest.mark.parametrize("kind", ["kernel", "torch"])
def test_the_others_train_on_as_if_nothing_had_happened(kind: str) -> None:
    orders = [
        np.random.default_rng(i).permuted(np.stack([np.arange(300)] * 3, 1), axis=0)
        for i in range(6)
    ]

    def run(*, disturbed: bool) -> Survivors:
        survivors = Survivors(partial(make, kind, "sparsemax"), (1, 2, 3))
        survivors.load(X, Y.astype(np.int64))
        for i, order in enumerate(orders):
            survivors.iterate(order, [slice(0, 128)], [0.02], epoch=1, done=i)
            if disturbed and i == 2:
                poison(survivors.engine, 1, np.nan)
        return survivors

    undisturbed, others = run(disturbed=False).engine.state(), run(disturbed=True)
    assert others.seeds == (1, 3)
    for name, array in others.engine.state().items():
        expected = undisturbed[name][[0, 2]] if array.ndim else undisturbed[name]
        if kind == "kernel":
            assert array.tobytes() == expected.tobytes(), name
        else:
            np.testing.assert_allclose(array, expected, rtol=1e-3, atol=1e-5, err_msg=name)


def test_a_diverged_seed_is_reported_and_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    undisturbed, before = fit(X, Y, train=TRAIN)
    poison_training(monkeypatch, 1, steps=4)
    with caplog.at_level(logging.WARNING):
        fitted, history = fit(X, Y, train=TRAIN)
    assert caplog.messages == [
        "seed 2 diverged and is left out: its loss is not finite in epoch 2, batch 2; "
        "try a lower train.learning_rate or train.clip_norm"
    ]
    assert (fitted.seeds, fitted.diverged) == ((1, 3), {2: 2})
    for name, array in fitted.weights.items():
        assert array.tobytes() == undisturbed.weights[name][[0, 2]].tobytes(), name
    of_seed = history[history["seed"] == 2]
    assert of_seed["epoch"].to_list() == [1, 2]
    assert of_seed["loss"].isna().to_list() == [False, True]
    others = before[before["seed"] != 2].reset_index(drop=True)
    found = history[history["seed"] != 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, others, check_exact=True)
    weights.save(fitted, tmp_path / "model")
    assert weights.load(tmp_path / "model").diverged == {2: 2}
    with pytest.raises(ValueError, match=r"one of \[1, 3\], however: 2, which diverged in epoch 2"):
        fitted.only(2)


def test_a_run_that_lost_a_seed_resumes_to_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    poison_training(monkeypatch, 1, steps=4)
    expected, history = fit(X, Y, train=TRAIN)
    monkeypatch.undo()
    checkpoint = Checkpoint(tmp_path, [b"x"])

    def stop(epoch: int, losses: Losses) -> None:
        if epoch == 4:
            raise KeyboardInterrupt

    poison_training(monkeypatch, 1, steps=4)
    with pytest.raises(KeyboardInterrupt):
        fit(X, Y, train=TRAIN, checkpoint=checkpoint, progress=stop)
    monkeypatch.undo()
    resumed, resumed_history = fit(X, Y, train=TRAIN, checkpoint=checkpoint)
    pd.testing.assert_frame_equal(resumed_history, history, check_exact=True)
    assert (resumed.seeds, resumed.diverged) == (expected.seeds, expected.diverged)
    for name, array in expected.weights.items():
        assert array.tobytes() == resumed.weights[name].tobytes(), name


def test_seeds_that_diverge_one_after_the_other_are_named_in_that_order(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    poison_training(monkeypatch, 2, steps=4)
    poison_training(monkeypatch, 0, steps=5)
    with caplog.at_level(logging.WARNING):
        fitted, history = fit(X, Y, train=TRAIN)
    named = "seed {} diverged and is left out: its loss is not finite in epoch 2, batch {};"
    assert [message.split(";")[0] + ";" for message in caplog.messages] == [
        named.format(3, 2),
        named.format(1, 3),
    ]
    assert (fitted.seeds, fitted.diverged) == ((2,), {1: 2, 3: 2})
    assert history["loss"].isna().sum() == 2


@pytest.mark.parametrize("seeds", [(1,), (1, 2, 3)])
def test_training_stops_when_no_seed_is_left(
    monkeypatch: pytest.MonkeyPatch, seeds: tuple[int, ...]
) -> None:
    poison_training(monkeypatch, *range(len(seeds)), steps=5)
    others = " and no other is left" if len(seeds) > 1 else ""
    line = (
        f"training must stay finite, however: seed 1's loss is not finite in epoch 2, batch 3"
        f"{others}; try a lower train.learning_rate or train.clip_norm"
    )
    with pytest.raises(ValueError, match="training must stay finite") as error:
        fit(X, Y, train=TRAIN.model_copy(update={"seeds": seeds}))
    assert str(error.value) == line


@pytest.mark.slow
def test_the_stages_leave_a_diverged_seed_out_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    params = Params(generate=Generate(train_rows=300, test_rows=50), train=TRAIN)
    generate.main(params, "syn2")
    poison_training(monkeypatch, 1, steps=4)
    train_stage(params, "syn2")
    history = Path("reports/syn2/history.csv").read_text().splitlines()
    assert "2,2,," in history
    assert not [line for line in history if line.startswith(("3,2,", "4,2,"))]
    explain.main(params, "syn2")
    data = Path("data/syn2/explanation")
    assert {p.name for p in data.glob("*_seed_*")} == {
        "aggregate_seed_1.parquet",
        "aggregate_seed_3.parquet",
    }
    evaluate.main(params, "syn2")
    metrics = json.loads(Path("reports/syn2/metrics.json").read_text())["syn2"]
    assert metrics["diverged"] == {"seed_2": 2}
    masks = [
        tables.matrix(table, table.column_names)
        for table in (tables.read(data / f"aggregate_seed_{seed}.parquet") for seed in (1, 3))
    ]
    middle = tables.read(data / "consensus.parquet")
    expected = np.median(np.stack(masks), axis=0)
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(tables.matrix(middle, middle.column_names), expected, atol=1e-6)
    header = Path("reports/syn2/importance.csv").read_text().splitlines()[0]
    assert header == "feature,relevant,consensus,seed_1,seed_3"
    report.main(params, "syn2")
    shown = params.model_copy(update={"explain": Explain(seed=2)})
    with pytest.raises(ValueError, match=r"^explain.seed must be one of \[1, 3\], however: 2, whi"):
        explain.main(shown, "syn2")
