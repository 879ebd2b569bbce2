"""Training: batches, orders, schedules, seeds, what is refused."""

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from tabnet import device
from tabnet.arrays import class_labels, finite_rows
from tabnet.buffers import Buffers
from tabnet.explain import explain
from tabnet.kernel.engine import KernelEngine
from tabnet.model import TabNet
from tabnet.params import MAX_NUMBER, MAX_PRIOR, Model, Schedule, Train
from tabnet.row_groups import RowGroups
from tabnet.schedule import batch_slices, learning_rate
from tabnet.source import Arrays
from tabnet.survivors import Losses, Order
from tabnet.train import fit
from tests.networks import initialise


def data(rows: int = 300, *, n_features: int = 4) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    x = np.random.default_rng(0).standard_normal((rows, n_features)).astype(np.float32)
    return x, np.where(x[:, 0] > 0, "yes", "no")


@given(rows=st.integers(2, 3000), batch_size=st.integers(2, 400))
def test_batches_cover_every_row_once_and_are_even(rows: int, batch_size: int) -> None:
    """A few rows that are left over are no batch of their own."""
    batches = batch_slices(rows, batch_size)
    assert [i for b in batches for i in range(b.start, b.stop)] == list(range(rows))
    sizes = [b.stop - b.start for b in batches]
    assert min(sizes) >= max(2, max(sizes) - 1)
    assert max(sizes) <= max(batch_size, 3)
    assert len(sizes) == math.ceil(rows / batch_size) or batch_size == 2


def test_orders_are_permutations_of_each_seeds_own() -> None:
    def orders(seeds: tuple[int, ...], epoch: int) -> NDArray[np.int32]:
        x = np.zeros((50, 1), np.float32)
        source = Arrays(("a",), ("no", "yes"), x, np.arange(50) % 2)
        (buffer,) = Buffers(source, seeds, most=10, share=0, batch_size=10).epoch(epoch)
        return buffer.rows

    order = orders((3, 7), 5)
    assert (np.sort(order, 0) == np.arange(50)[:, None]).all()
    assert (order[:, 0] != order[:, 1]).any()
    assert (orders((7,), 5)[:, 0] == order[:, 1]).all()
    assert (orders((3,), 6)[:, 0] != order[:, 0]).any()


@pytest.mark.parametrize("total", [10, 137, 1200])
def test_one_cycle_is_torchs(total: int) -> None:
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=1.0, total_steps=total, pct_start=0.3 * (total - 1) / total + 1 / total
    )
    for i in range(total):
        ours = learning_rate("one_cycle", i / (total - 1))
        assert ours == pytest.approx(optimiser.param_groups[0]["lr"], abs=1e-6)
        optimiser.step()
        if i + 1 < total:
            scheduler.step()


def test_the_staircase_is_the_papers() -> None:
    """0.7 times, every 200 of 4000 iterations."""
    rates = [learning_rate("staircase", i / 3999) for i in range(4000)]
    assert rates[:-1] == pytest.approx([0.7 ** (i // 200) for i in range(3999)])
    assert rates[-1] == rates[-2]


@given(fraction=st.floats(0, 1), schedule=st.sampled_from(get_args(Schedule)))
def test_the_learning_rate_stays_within_its_peak(fraction: float, schedule: Schedule) -> None:
    assert 0 <= learning_rate(schedule, fraction) <= 1


@pytest.mark.parametrize("n_features", [4, 100])
def test_a_seed_among_many_trains_as_that_seed_alone(n_features: int) -> None:
    x, y = data(n_features=n_features)
    together, history = fit(x, y, train=Train(seeds=(5, 6, 7), epochs=3, batch_size=64))
    alone, history_alone = fit(x, y, train=Train(seeds=(6,), epochs=3, batch_size=64))
    of_seed = history[history["seed"] == 6].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_seed, history_alone, check_exact=True)
    for name, array in together.only(6).weights.items():
        assert array.tobytes() == alone.weights[name].tobytes(), name


def test_in_torch_a_seed_among_many_trains_as_that_seed_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device, "resolve", lambda name, **_: "cpu:0")
    x, y = data()
    together, alone = (
        fit(x, y, train=Train(seeds=seeds, epochs=3, batch_size=64))[0]
        for seeds in ((5, 6, 7), (6,))
    )
    for name, array in together.only(6).weights.items():
        # Sums in another order differ by rounding; a tenth of an optimiser step is no other path.
        np.testing.assert_allclose(array, alone.weights[name], atol=2e-3, err_msg=name)


def test_the_same_training_gives_the_same_bytes() -> None:
    x, y = data()
    first, second = (fit(x, y, train=Train(seeds=(1, 2), epochs=2))[0] for _ in range(2))
    for name, array in first.weights.items():
        assert array.tobytes() == second.weights[name].tobytes(), name


@pytest.mark.parametrize("where", ["cpu", "cpu:0"])
def test_training_leaves_global_state_alone(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "resolve", lambda name, **_: where)
    state, count = torch.get_rng_state(), torch.get_num_threads()
    legacy = np.random.get_state()[1].tolist()  # type: ignore[index]
    fit(*data(50), train=Train(seeds=(1,), epochs=1, threads=2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == count
    assert np.random.get_state()[1].tolist() == legacy  # type: ignore[index]


def test_training_learns_the_rule() -> None:
    x, y = data(2000)
    _, history = fit(x, y, train=Train(seeds=(1, 2, 3), epochs=15))
    last = history[history["epoch"] == 15]
    assert (last["loss"] < 0.2).all()
    assert (last["sparsity"] < history.loc[history["epoch"] == 1, "sparsity"].to_numpy()).all()


@pytest.mark.parametrize("rows", [2, 3, 5, 129, 257])
def test_any_number_of_rows_trains(rows: int) -> None:
    x, y = data(rows)
    y[:2] = ["yes", "no"]
    train = Train(seeds=(1, 2), epochs=2, batch_size=128)
    fitted, history = fit(x, y, model=Model(virtual_batch_size=2), train=train)
    assert np.isfinite(history["loss"]).all()
    assert all(np.isfinite(array).all() for array in fitted.weights.values())


def test_losses_of_the_first_epoch_are_means_over_rows() -> None:
    # One batch an epoch: the loss before the first step, of an untrained network, written out.
    x, y = data(100)
    train = Train(seeds=(4,), epochs=1, batch_size=100)
    model = Model(virtual_batch_size=100)
    _, history = fit(x, y, model=model, train=train)
    net = TabNet(model, n_features=4, n_classes=2, n_seeds=1)
    initialise(net, (4,))
    logits, entropy = net(torch.from_numpy(x)[:, None])
    labels = torch.from_numpy((y == "yes").astype(np.int64))
    loss = torch.nn.functional.cross_entropy(logits[:, 0], labels)
    assert history["loss"].item() == pytest.approx(loss.item(), rel=1e-4)
    assert history["sparsity"].item() == pytest.approx(entropy.item(), rel=1e-4)


def test_names_and_classes_come_from_the_data() -> None:
    x, _ = data()
    frame = pd.DataFrame(x, columns=["a", "b", "c", "d"])
    fitted, _ = fit(frame, np.arange(300) % 3, train=Train(seeds=(1,), epochs=1))
    assert fitted.features == ("a", "b", "c", "d")
    assert fitted.classes == ("0", "1", "2")


@pytest.mark.parametrize(
    "column",
    [
        [True, False],
        pd.array([1, 2], "Int64"),
        pd.Series([True, False], dtype="bool[pyarrow]"),
        pd.Series([1, 2], dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.int64()))),
        pd.Series([True, 2.5], dtype=object),
        [Decimal(1), 2],
        [Fraction(1, 2), 2],
        pd.Categorical([3, 2]),
        pd.arrays.SparseArray([0, 5]),
        np.array([1, 2], np.longdouble),
    ],
    ids=lambda column: str(getattr(column, "dtype", type(column[0]))),
)
def test_columns_of_numbers_of_every_kind_are_taken(column: Any) -> None:
    frame = pd.DataFrame({"a": column, "b": [0.5, -1.5]})
    expected = [[float(a), b] for a, b in zip(column, (0.5, -1.5), strict=True)]
    np.testing.assert_array_equal(finite_rows(frame), np.array(expected, np.float32))


class Same(int):
    """Numbers that are written alike."""

    def __str__(self) -> str:
        return "same"


@pytest.mark.parametrize(
    "labels",
    [
        [2**53, 2**53 + 1, 1.0],
        [2**63, 2**63 + 1, -1],
        [np.int64(2**53), np.int64(2**53 + 1), 0.0, 2**53],
        [0.0, 1, 2.0, 1.0],
    ],
)
def test_numbers_of_several_kinds_in_a_list_are_the_classes_that_python_tells_apart(
    labels: list[int | float],
) -> None:
    classes, index = class_labels(labels, len(labels))
    assert len(classes) == len(set(labels))
    for a, b in np.ndindex(len(labels), len(labels)):
        assert (index[a] == index[b]) == (labels[a] == labels[b])


def bad_inputs() -> list[tuple[str, object, object]]:
    x, y = data(6)
    nan = x.copy()
    nan[2, 1] = np.nan
    return [
        ("finite, however: nan in row 2, column 1", nan, y),
        ("rows x features", x[0], y),
        ("each of 6 rows, however: shape", x, y[:5]),
        ("at least 2 rows", x[:1], y[:1]),
        ("at least 2 classes, however: only yes", x, np.full(6, "yes")),
        ("numbers only", np.full((6, 2), "a"), y),
        ("label for every row", x, np.array(["yes", None] * 3, dtype=object)),
        ("labels of classes, however: a number such as 0.5", x, np.array([1, 0.5] * 3)),
        ("labels of one kind", x, np.array(["yes", 1] * 3, dtype=object)),
        ("labels of one kind", x, ["yes", "no", "1", 1, 0, "0"]),
        ("label for every row", x, ["yes", "no", "yes", "no", "no", math.nan]),
        ("real numbers, however: complex", x + 1j, y),
        ("labels of one kind", x, [True, "True"] * 3),
        ("one label for each row", x, [[1], [2, 3]] * 3),
        ("several are written same", x, np.array([Same(1), Same(2)] * 3, dtype=object)),
        ("a number such as 0.5", x, pd.Series([0.5, 1.5] * 3, dtype=object)),
        ("a number such as inf", x, [1.0, math.inf] * 3),
        ("a number such as 0.5", x, [Decimal("0.5"), Decimal(1)] * 3),
        ("a number such as 0.5", x, [Fraction(1, 2), Fraction(1)] * 3),
        ("label for every row", x, np.ma.masked_array([1, 2] * 3, mask=[True, False] * 3)),
        ("rows x features", [[1, 2], [3]], y),
        ("numbers only, however: text", [["1", "2"]] * 6, y),
        ("however: column when is datetime64", pd.DataFrame({"when": [pd.NaT] * 6}), y),
        (
            "nan in row 1, column 0",
            np.ma.masked_array([[1], [2]] * 3, mask=[[False], [True]] * 3),
            y,
        ),
        ("nothing in row 0, column a", pd.DataFrame({"a": [None, 1.5] * 3}, dtype=object), y),
        ("nothing in row 0, column a", pd.DataFrame({"a": pd.array([None, 1] * 3, "Int64")}), y),
        (r"finite, however: 1e\+39 \(beyond 3.4e\+38\) in row 0, column 0", [[1e39]] * 6, y),
        (r"1000+ \(beyond 3.4e\+38\) in row 0, column 0", [[10**39]] * 6, y),
        ("finite, however: int too large", [[10**400]] * 6, y),
        ("nothing in row 1, column a", pd.DataFrame({"a": [1, pd.NA] * 3}), y),
        ("column a is complex128", pd.DataFrame({"a": np.ones(6, complex)}), y),
        ("column b is str", pd.DataFrame({"a": [1] * 6, "b": ["x"] * 6}), y),
        ("'a' is repeated", pd.DataFrame(x[:, :2], columns=["a", "a"]), y),
        ("rows x features, however: Can't call", torch.ones(6, 2, requires_grad=True), y),
        ("one label for each row, however: Can't call", x, torch.ones(6, requires_grad=True)),
        ("rows x features, however: csr_matrix", csr_matrix(x), y),
        (r"are Unicode, however: '\\ud800'", x, ["a", "\ud800"] * 3),
        (
            r"are Unicode, however: '\\ud800'",
            pd.DataFrame(x[:, :1], columns=pd.Index(["\ud800"], dtype=object)),
            y,
        ),
    ]


@pytest.mark.parametrize(("message", "x", "y"), bad_inputs(), ids=lambda v: str(v)[:20])
def test_data_that_cannot_be_trained_on_is_refused(message: str, x: object, y: object) -> None:
    with pytest.raises(ValueError, match=message) as error:
        fit(x, y, train=Train(seeds=(1,), epochs=1))  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


def test_a_section_of_the_wrong_kind_is_refused() -> None:
    for section in ({"train": {"epochs": 3}}, {"model": Train()}):
        (name,) = section
        with pytest.raises(ValueError, match=f"{name} must be a {name.title()}"):
            fit(*data(20), **section)


def test_a_loss_that_is_not_finite_stops_the_training() -> None:
    x, y = data(64)
    with pytest.raises(ValueError, match="seed 2's loss is not finite in epoch 1, batch 1"):
        fit(x * np.float32(1e38), y, train=Train(seeds=(2,), epochs=1))


def test_what_is_too_large_to_normalise_is_named() -> None:
    """No learning rate would help."""
    x, y = data(64)
    x[3, 1] = 1e20
    slow = Train(seeds=(1,), epochs=1, learning_rate=1e-6, clip_norm=1e-6)
    with pytest.raises(ValueError, match=r"; scale feature 2 of 4, whose values span 1e\+20"):
        fit(x, y, train=slow)
    x[:, 1] = np.finfo(np.float32).min  # as a column that is missing may be written
    with pytest.raises(ValueError, match=r"; scale feature 2 of 4, whose values reach -3.4e\+38"):
        fit(x, y, train=slow)


@pytest.mark.parametrize("n_steps", [2, 8, 22, 64])
def test_the_largest_gamma_that_is_allowed_can_be_trained_with(n_steps: int) -> None:
    gamma = min(MAX_NUMBER, MAX_PRIOR ** (1 / (n_steps - 1)) * (1 - 1e-9))
    fitted, _ = fit(
        *data(64),
        model=Model(gamma=gamma, n_steps=n_steps),
        train=Train(seeds=(1, 2), epochs=1, batch_size=16, learning_rate=1e-3),
    )
    assert fitted.seeds == (1, 2)


def test_a_device_that_the_machine_lacks_is_refused() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(
        ValueError, match="must be one of auto, cpu on this machine, however: 'cuda'"
    ):
        fit(*data(20), train=Train.model_validate({"device": "cuda"}))


@pytest.mark.slow
@pytest.mark.parametrize("where", ["cpu", "cpu:0"])
@pytest.mark.parametrize(("mean", "deviation"), [(0, 1), (1000, 1), (0, 0.01), (-50, 2000)])
def test_features_of_any_mean_and_deviation_are_predicted_from(
    where: str, mean: float, deviation: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After few steps already: nothing is left of what the running statistics start from."""
    monkeypatch.setattr(device, "resolve", lambda name, **_: where)
    x = np.random.default_rng(0).standard_normal((1000, 3))
    y = x[:, 0] + x[:, 2] > 0
    train = Train(seeds=(1,), epochs=30, batch_size=250, learning_rate=0.05, lambda_sparse=0.01)
    fitted, _ = fit(mean + deviation * x, y, train=train)
    found = explain(fitted, mean + deviation * x).probability.argmax(1)
    assert (found == y).mean() > 0.95


@pytest.mark.parametrize("where", ["cpu", "cpu:0"])
@pytest.mark.parametrize("constant", [0, 1e8, 1e15])
def test_a_constant_feature_changes_no_prediction(
    where: str, constant: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "resolve", lambda name, **_: where)
    x = np.random.default_rng(0).standard_normal((1000, 3))
    y = x[:, 0] + x[:, 2] > 0
    x[:, 1] = constant
    train = Train(seeds=(1,), epochs=20, batch_size=250, learning_rate=0.05, lambda_sparse=0.01)
    fitted, _ = fit(x, y, train=train)
    found = explain(fitted, x, device_name=where).probability.argmax(1)  # type: ignore[arg-type]
    assert (found == y).mean() > 0.95


@pytest.mark.parametrize("where", ["cpu", "cpu:0"])
def test_arrays_that_cannot_be_written_are_taken(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word: pandas gives its frames' numbers as such."""
    monkeypatch.setattr(device, "resolve", lambda name, **_: where)
    x, y = data(64)
    x.flags.writeable = False
    fitted, _ = fit(x, y, train=Train(seeds=(1,), epochs=1))
    assert len(explain(fitted, x).consensus) == 64


def test_auto_is_cuda_or_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Mac, too: small models are no faster on its GPU, and nothing is tested there."""
    monkeypatch.setattr(device, "_DRIVERS", (Path("/"),))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    for cuda, expected in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        assert device.resolve("auto") == expected
        assert device.resolve("mps") == "mps"


def test_cross_entropy_of_a_coin_is_log_2() -> None:
    x, _ = data(4000)
    y = np.random.default_rng(1).random(4000) < 0.5
    _, history = fit(x, y, train=Train(seeds=(1,), epochs=3, batch_size=256, learning_rate=0.005))
    assert history["loss"].iloc[-1] == pytest.approx(math.log(2), abs=0.05)


@pytest.mark.parametrize("schedule", get_args(Schedule))
@pytest.mark.parametrize("buffer_rows", [100, 10**6])
def test_the_steps_of_a_run_follow_the_schedule_from_its_first_to_its_last(
    schedule: Schedule, buffer_rows: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whether rows come in one buffer or in several."""
    rates: list[float] = []
    real = KernelEngine.iterate

    def iterate(
        engine: KernelEngine, rows: Order, batches: Sequence[slice], given: Sequence[float]
    ) -> Losses:
        assert len(batches) == len(given)
        rates.extend(given)
        return real(engine, rows, batches, given)

    monkeypatch.setattr(KernelEngine, "iterate", iterate)
    x, y = data(200)
    frame = pd.DataFrame(x, columns=[f"x{d}" for d in range(x.shape[1])]).assign(y=y)
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=50)
    train = Train(
        seeds=(1,), epochs=3, batch_size=30, schedule=schedule, learning_rate=0.1,
        buffer_rows=buffer_rows, device="cpu",
    )  # fmt: skip
    fit(RowGroups(tmp_path / "rows.parquet", label="y"), train=train)
    count = 3 * (2 * 4 if buffer_rows == 100 else 7)
    expected = [0.1 * learning_rate(schedule, step / (count - 1)) for step in range(count)]
    np.testing.assert_allclose(rates, expected, rtol=1e-12)
