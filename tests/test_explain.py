"""Masks, consensus, agreement: definitions against plain loops, and their laws."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tabnet import device
from tabnet.explain import Explainer, consensus, distance, explain, representative
from tabnet.masks import normalise
from tabnet.model import network
from tabnet.params import Model, Train
from tabnet.train import fit
from tabnet.weights import Fitted

Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def x() -> Floats:
    return np.random.default_rng(0).standard_normal((200, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(x: Floats) -> Fitted:
    frame = pd.DataFrame(x, columns=["a", "b", "c", "d"])
    y = np.where(x[:, 0] + x[:, 2] > 0, "yes", "no")
    return fit(frame, y, model=Model(n_steps=2), train=Train(seeds=(3, 1, 2), epochs=4))[0]


def masks(seed: int, *, n_seeds: int = 5, rows: int = 30, width: int = 4) -> Floats:
    rng = np.random.default_rng(seed)
    raw = rng.random((n_seeds, rows, width)) * (rng.random((n_seeds, rows, width)) < 0.6)
    return normalise(raw.astype(np.float32))[0]


def test_the_aggregate_is_eta_times_the_step_masks(fitted: Fitted, x: Floats) -> None:
    explanation = explain(fitted, x, seed=1)
    net = network(fitted.only(1))
    with torch.no_grad():
        steps = list(net.steps(torch.from_numpy(x)[:, None]))
    raw = np.zeros_like(x)
    for s, step in enumerate(steps):
        mask, eta = step.mask[:, 0].numpy(), step.decision[:, 0].numpy().sum(1)
        np.testing.assert_allclose(explanation.steps[s], mask, atol=1e-5)
        raw += eta[:, None] * mask
    k = fitted.seeds.index(1)
    aggregate, total = explanation.by_seed.aggregate[k], explanation.by_seed.total[k]
    np.testing.assert_allclose(total[:, None] * aggregate, raw, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(aggregate.sum(1), (total > 0).astype(np.float32), atol=1e-5)


@pytest.mark.parametrize("shape", [(50, 3), (50, 9), (50,), (50, 4, 1)])
@pytest.mark.parametrize("where", ["cpu", "cpu:0"])
def test_rows_of_another_width_are_refused(
    fitted: Fitted, shape: tuple[int, ...], where: str
) -> None:
    with pytest.raises(ValueError, match=r"^rows must be B x 4 numbers, however: \(50,"):
        Explainer(fitted, device=where).seed_masks(np.zeros(shape, np.float32))


def test_a_column_that_is_there_twice_is_named(fitted: Fitted, x: Floats) -> None:
    frame = pd.DataFrame(np.hstack([x, x[:, :1]]), columns=["a", "b", "c", "d", "a"])
    with pytest.raises(ValueError, match=r"^x must have each column once, however: a is repeated$"):
        explain(fitted, frame)


def test_numbers_of_another_precision_are_taken_as_float32(fitted: Fitted, x: Floats) -> None:
    explainer = Explainer(fitted)
    expected = explainer.seed_masks(x).aggregate
    for kind in (np.float64, np.longdouble):
        np.testing.assert_array_equal(explainer.seed_masks(x.astype(kind)).aggregate, expected)


def test_probabilities_are_the_softmax_of_the_logits(fitted: Fitted, x: Floats) -> None:
    explanation = explain(fitted, x)
    rows = torch.from_numpy(x)[:, None].expand(-1, 3, -1)
    with torch.no_grad():
        logits, _ = network(fitted)(rows)
    expected = logits.softmax(-1).transpose(0, 1).numpy()
    np.testing.assert_allclose(explanation.by_seed.probability, expected, atol=1e-5)
    np.testing.assert_allclose(explanation.probability, expected.mean(0), atol=1e-5)


@pytest.mark.parametrize("batch_rows", [1, 7, 199, 200, 10_000])
def test_the_size_of_batches_changes_nothing(fitted: Fitted, x: Floats, batch_rows: int) -> None:
    whole, parts = explain(fitted, x), explain(fitted, x, batch_rows=batch_rows)
    assert whole.shown == parts.shown
    for name in ("consensus", "agreement", "probability", "steps"):
        assert getattr(parts, name).tobytes() == getattr(whole, name).tobytes(), name


@pytest.mark.parametrize("device_name", ["cpu", "cpu:0"])
@pytest.mark.parametrize("value", [3.3e38, -3e38])
def test_a_row_whose_masks_are_no_numbers_is_refused(
    fitted: Fitted, x: Floats, value: float, device_name: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "resolve", lambda name, **_: name)
    odd = x.copy()
    odd[3, 1] = value
    with pytest.raises(
        ValueError, match=f"however: one with {abs(value):g} has none".replace("+", r".")
    ):
        explain(fitted, odd, device_name=device_name)


def test_a_device_that_the_machine_lacks_is_named_as_it_was_given(
    fitted: Fitted, x: Floats
) -> None:
    wrong: Any = "gpu"
    with pytest.raises(ValueError, match=r"^device_name must be one of auto, .*, however: 'gpu'$"):
        explain(fitted, x, device_name=wrong)


@given(seed=st.integers(0, 2**32 - 1), n_seeds=st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_the_consensus_is_the_median_normalised(seed: int, n_seeds: int) -> None:
    aggregate = masks(seed, n_seeds=n_seeds)
    expected = np.zeros_like(aggregate[0])
    for b in range(aggregate.shape[1]):
        middle = [sorted(aggregate[:, b, d].tolist()) for d in range(4)]
        row = [(m[(n_seeds - 1) // 2] + m[n_seeds // 2]) / 2 for m in middle]
        expected[b] = np.array(row) / (sum(row) or 1)
    np.testing.assert_allclose(consensus(aggregate), expected, atol=1e-6)


def test_the_consensus_of_one_seed_is_that_seed(fitted: Fitted, x: Floats) -> None:
    explanation = explain(fitted.only(2), x)
    np.testing.assert_allclose(explanation.consensus, explanation.by_seed.aggregate[0], atol=1e-6)
    np.testing.assert_allclose(explanation.agreement, 1, atol=1e-6)
    assert explanation.shown == 2


def test_the_order_of_seeds_does_not_matter() -> None:
    aggregate = masks(1)
    np.testing.assert_array_equal(consensus(aggregate), consensus(aggregate[::-1]))


def test_what_a_minority_of_seeds_selects_is_dropped() -> None:
    aggregate = np.tile(np.array([0.5, 0.5, 0, 0], np.float32), (5, 1, 1))
    aggregate[:2] = [0.2, 0.2, 0.6, 0]
    np.testing.assert_allclose(consensus(aggregate)[0], [0.5, 0.5, 0, 0])


def test_of_seeds_that_are_equally_far_from_the_consensus_the_first_is_shown() -> None:
    """Two always are, from their median; rounding tells nothing."""
    assert representative((9, 3), np.array([0.25324191, 0.25324189])) == 9
    assert representative((9, 3), np.array([0.2533, 0.2532])) == 3


def test_distance_is_the_total_variation() -> None:
    one, other = np.eye(4, dtype=np.float32)[[0, 0]], np.eye(4, dtype=np.float32)[[0, 1]]
    np.testing.assert_allclose(distance(one[None], other), [[0, 1]])


def test_a_row_without_mass_stays_zero() -> None:
    zero = np.zeros((3, 2, 4), np.float32)
    mask, total = normalise(zero)
    assert not mask.any()
    assert not total.any()
    assert not consensus(zero).any()


def test_the_representative_seed_is_the_nearest() -> None:
    assert representative((5, 6, 7), np.array([0.3, 0.1, 0.2])) == 6
    assert representative((5, 6, 7), np.array([0.1, 0.1, 0.2])) == 5


def test_the_shown_seed_is_the_nearest_to_the_consensus(fitted: Fitted, x: Floats) -> None:
    explanation = explain(fitted, x)
    apart = [np.abs(a - explanation.consensus).sum() for a in explanation.by_seed.aggregate]
    assert explanation.shown == fitted.seeds[int(np.argmin(apart))]


def test_columns_are_matched_by_name(fitted: Fitted, x: Floats) -> None:
    frame = pd.DataFrame(x, columns=["a", "b", "c", "d"])
    shuffled = frame.assign(extra="text")[["d", "extra", "b", "a", "c"]]
    np.testing.assert_array_equal(explain(fitted, shuffled).consensus, explain(fitted, x).consensus)


def test_an_arrow_table_is_its_frame(fitted: Fitted, x: Floats) -> None:
    """As an array it would have no names, and its columns would be taken in any order."""
    names = list(reversed(fitted.features))
    frame = pd.DataFrame(x, columns=list(fitted.features))[names]
    table: Any = pa.Table.from_pandas(frame)
    np.testing.assert_array_equal(explain(fitted, table).consensus, explain(fitted, x).consensus)
    again, _ = fit(table, x[:, 0] > 0, train=Train(seeds=(1,), epochs=1))
    assert again.features == tuple(names)


def test_rows_that_are_not_the_models_are_refused(fitted: Fitted, x: Floats) -> None:
    with pytest.raises(ValueError, match="the model's columns, however: c is missing"):
        explain(fitted, pd.DataFrame(x[:, :2], columns=["a", "b"]))
    with pytest.raises(ValueError, match="the model's 4 columns, however: 3"):
        explain(fitted, x[:, :3])
    with pytest.raises(ValueError, match=r"one of \[3, 1, 2\], however: 9"):
        explain(fitted, x, seed=9)
    for rows in (0, 1.5, "a", None):
        with pytest.raises(ValueError, match=f"number of at least 1, however: {rows!r}"):
            explain(fitted, x, batch_rows=rows)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "columns",
    [pd.RangeIndex(4), pd.MultiIndex.from_product([["a", "b"], [1, 2]]), pd.Index([0.5, 1, 2, 3])],
)
def test_a_frame_that_was_trained_on_can_be_explained(x: Floats, columns: "pd.Index[Any]") -> None:
    frame = pd.DataFrame(x, columns=columns)
    named, _ = fit(frame, x[:, 0] > 0, train=Train(seeds=(1,), epochs=1))
    alike = explain(named, frame).consensus
    np.testing.assert_array_equal(alike, explain(named, x).consensus)


def test_zero_rows_give_an_empty_explanation(fitted: Fitted, x: Floats) -> None:
    explanation = explain(fitted, x[:0])
    assert explanation.consensus.shape == (0, 4)
    assert explanation.steps.shape == (2, 0, 4)
