import math
import time
import warnings
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

from tabnet.scores import (
    area_under_roc,
    average_precision,
    importance,
    log_losses,
    mask_scores,
    prediction_scores,
)
from tabnet.spread import over_seeds

Mask = NDArray[np.float32]
Bools = NDArray[np.bool_]
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6)
# Few levels, so that ties, empty rows and full rows are common.
CELLS = st.sampled_from([0.0, 0.125, 0.25, 0.5, 1.0])


@st.composite
def masks(draw: st.DrawFn) -> tuple[Mask, Bools]:
    shape = draw(SHAPES)
    mask = draw(hnp.arrays(np.float32, shape, elements=CELLS))
    return mask, draw(hnp.arrays(np.bool_, shape))


def slow_mask_scores(mask: Mask, relevance: Bools, threshold: float) -> dict[str, float]:
    """The definitions, cell by cell."""
    rma, rra, tpr, fdr = [], [], [], []
    for row, truth in zip(mask.tolist(), relevance.tolist(), strict=True):
        relevant = [j for j, is_relevant in enumerate(truth) if is_relevant]
        selected = [j for j, value in enumerate(row) if value > threshold]
        found = set(selected) & set(relevant)
        fdr.append(1 - len(found) / len(selected) if selected else 0.0)
        if not relevant:
            continue
        rma.append(sum(row[j] for j in relevant) / sum(row) if sum(row) else 0.0)
        ranked = sorted(range(len(row)), key=lambda j: (-row[j], truth[j]))
        top = [j for j in ranked[: len(relevant)] if row[j] > 0]
        rra.append(sum(truth[j] for j in top) / len(relevant))
        tpr.append(len(found) / len(relevant))
    lists = {"rma": rma, "rra": rra, "tpr": tpr, "fdr": fdr}
    return {key: sum(of) / len(of) if of else math.nan for key, of in lists.items()}


@settings(max_examples=300, deadline=None)
@given(case=masks(), threshold=st.sampled_from([0.0, 1e-6, 0.2, 0.25, 0.99]))
def test_mask_scores_are_their_definitions(case: tuple[Mask, Bools], threshold: float) -> None:
    mask, relevance = case
    found = mask_scores(mask, relevance, threshold=threshold)
    for key, expected in slow_mask_scores(mask, relevance, threshold).items():
        assert found[key] == pytest.approx(expected, abs=1e-12, nan_ok=True), key


@settings(max_examples=300, deadline=None)
@given(case=masks())
def test_rankings_are_scikit_learns(case: tuple[Mask, Bools]) -> None:
    score, truth = case[0].ravel(), case[1].ravel()
    auroc, precision = area_under_roc(score, truth), average_precision(score, truth)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of one class only
        expected = roc_auc_score(truth, score) if 0 < truth.sum() < truth.size else math.nan
        assert auroc == pytest.approx(expected, abs=1e-12, nan_ok=True)
        expected = average_precision_score(truth, score) if truth.any() else math.nan
        assert precision == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(max_examples=100, deadline=None)
@given(case=masks(), data=st.data())
def test_mask_scores_ignore_the_order(case: tuple[Mask, Bools], data: st.DataObject) -> None:
    mask, relevance = case
    expected = mask_scores(mask, relevance, threshold=0.2)
    for axis in (0, 1):
        order = data.draw(st.permutations(range(mask.shape[axis])))
        found = mask_scores(
            np.take(mask, order, axis), np.take(relevance, order, axis), threshold=0.2
        )
        assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


def example(rows: int, *, seed: int = 0) -> tuple[Mask, Bools]:
    generator = np.random.default_rng(seed)
    mask = np.maximum(generator.standard_normal((rows, 10), np.float32), 0)
    mask /= np.maximum(mask.sum(axis=1, keepdims=True), 1e-9)
    return mask, generator.random((rows, 10)) < 0.3


def test_the_truth_scores_best() -> None:
    _, relevance = example(100)
    relevance = relevance[relevance.any(axis=1)]
    mask = relevance / relevance.sum(axis=1, keepdims=True)
    found = mask_scores(mask, relevance, threshold=1e-6)
    assert found.pop("fdr") == 0
    assert list(found.values()) == pytest.approx([1.0] * len(found))


def test_the_opposite_of_the_truth_scores_worst() -> None:
    relevance = np.arange(10) < 4
    mask = np.where(relevance, 0, 1 / 6)[None]
    found = mask_scores(mask, relevance[None], threshold=1e-6)
    assert found.pop("fdr") == 1
    assert found.pop("mask_average_precision") == pytest.approx(4 / 10)
    assert set(found.values()) == {0.0}


def test_a_uniform_mask_scores_as_chance() -> None:
    relevance = np.broadcast_to(np.arange(10) < 4, (7, 10))
    found = mask_scores(np.full((7, 10), 0.1), relevance, threshold=1e-6)
    expected = {"rma": 0.4, "rra": 0, "tpr": 1, "fdr": 0.6}
    assert found == pytest.approx(
        {**expected, "mask_auroc": 0.5, "mask_average_precision": 0.4}, abs=1e-12
    )


def test_an_empty_mask_finds_nothing() -> None:
    relevance = np.broadcast_to(np.arange(10) < 4, (7, 10))
    found = mask_scores(np.zeros((7, 10), np.float32), relevance, threshold=0.0)
    assert [found[key] for key in ("rma", "rra", "tpr", "fdr")] == [0, 0, 0, 0]


def test_ties_are_not_broken_in_favour_of_the_truth() -> None:
    """One place among three equal cells goes to an irrelevant one, wherever they stand."""
    for order in permutations(range(4)):
        mask = np.array([[0.4, 0.2, 0.2, 0.2]])[:, order]
        relevance = np.array([[True, True, False, False]])[:, order]
        assert mask_scores(mask, relevance, threshold=0)["rra"] == 0.5


@pytest.mark.parametrize("relevant", [1, 2, 3, 4])
def test_what_a_mask_leaves_at_0_earns_nothing(relevant: int) -> None:
    """Neither all of an empty row, nor the rest of one that names a single feature."""
    truth = np.arange(4)[None] < relevant
    assert mask_scores(np.zeros((1, 4)), truth, threshold=0)["rra"] == 0
    one = np.array([[1.0, 0.0, 0.0, 0.0]])
    assert mask_scores(one, truth, threshold=0)["rra"] == 1 / relevant


def test_a_row_of_four_by_hand() -> None:
    mask = np.array([[0.5, 0.25, 0.25, 0.0]])
    relevance = np.array([[True, False, False, True]])
    found = mask_scores(mask, relevance, threshold=1e-6)
    assert (found["rma"], found["rra"], found["tpr"]) == (0.5, 0.5, 0.5)
    assert found["fdr"] == pytest.approx(2 / 3)
    assert found["mask_auroc"] == 0.5
    assert found["mask_average_precision"] == pytest.approx((1 + 2 / 4) / 2)


def test_rows_without_a_relevant_feature_count_for_fdr_only() -> None:
    mask, relevance = np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[False, False], [True, False]])
    found = mask_scores(mask, relevance, threshold=1e-6)
    assert (found["rma"], found["rra"], found["tpr"], found["fdr"]) == (1, 1, 1, 0.5)
    nothing = mask_scores(mask[:1], relevance[:1], threshold=1e-6)
    assert nothing.pop("fdr") == 1
    assert all(math.isnan(value) for value in nothing.values())


def test_truths_may_be_zeros_and_ones() -> None:
    mask, relevance = example(20)
    as_bools = mask_scores(mask, relevance, threshold=0.1)
    assert mask_scores(mask, relevance.astype(int), threshold=0.1) == as_bools
    p, label = mask[:, 0], relevance[:, 0]
    assert prediction_scores(p, label.astype(int)) == prediction_scores(p, label)


def test_a_cell_at_the_threshold_is_not_selected() -> None:
    mask, relevance = np.array([[0.5, 0.5]]), np.array([[True, False]])
    assert mask_scores(mask, relevance, threshold=0.5)["tpr"] == 0
    assert mask_scores(mask, relevance, threshold=0.499)["tpr"] == 1


@pytest.mark.parametrize(
    ("mask", "relevance"), [((3, 2), (2, 3)), ((0, 2), (0, 2)), ((4,), (4,)), ((2, 2), (3, 2))]
)
def test_shapes_are_checked(mask: tuple[int, ...], relevance: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must be B x D with B of at least 1, however: "):
        mask_scores(np.zeros(mask), np.zeros(relevance, np.bool_), threshold=0)
    with pytest.raises(ValueError, match="must be B, however: "):
        prediction_scores(np.zeros((3,)), np.zeros((2,), np.bool_))


@settings(max_examples=200, deadline=None)
@given(
    probability=hnp.arrays(np.float32, st.integers(1, 20), elements=st.floats(0, 1, width=32)),
    data=st.data(),
)
def test_prediction_scores_are_scikit_learns(
    probability: NDArray[np.float32], data: st.DataObject
) -> None:
    label = data.draw(hnp.arrays(np.bool_, probability.shape))
    found = prediction_scores(probability, label)
    if 0 < label.sum() < label.size:
        assert found["auc"] == pytest.approx(roc_auc_score(label, probability), abs=1e-12)
    else:
        assert math.isnan(found["auc"])
    p = probability.astype(np.float64)
    margin = np.finfo(np.float32).eps
    expected = log_loss(label, np.clip(p, margin, 1 - margin), labels=[False, True])
    assert found["log_loss"] == pytest.approx(expected, abs=1e-9)
    assert found["accuracy"] == pytest.approx(accuracy_score(label, p > 0.5))
    expected = brier_score_loss(label, p, pos_label=True)
    assert found["brier"] == pytest.approx(expected, abs=1e-12)


@given(
    hnp.arrays(np.float32, (2, 30), elements=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])),
    hnp.arrays(np.bool_, 30),
)
def test_several_models_are_scored_as_each_alone(p: Mask, label: Bools) -> None:
    for one, loss in zip(p, log_losses(p, label), strict=True):
        clipped = one.astype(np.float64).clip(1.1920929e-07, 1 - 1.1920929e-07)
        assert loss == pytest.approx(log_loss(label, clipped, labels=[False, True]), rel=1e-9)
        area = area_under_roc(one, label)
        if label.all() or not label.any():
            assert np.isnan(area)
        else:
            assert area == pytest.approx(roc_auc_score(label, one), abs=1e-12)


def test_prediction_scores_by_hand() -> None:
    found = prediction_scores(np.full(4, 0.5), np.array([True, False, True, False]))
    expected = {"auc": 0.5, "log_loss": math.log(2), "accuracy": 0.5, "brier": 0.25}
    assert found == pytest.approx(expected)
    sure = prediction_scores(np.array([0.0, 1.0]), np.array([True, True]))
    assert sure["log_loss"] == pytest.approx(-math.log(np.finfo(np.float32).eps) / 2, abs=1e-6)
    assert math.isnan(sure["auc"])
    nothing = prediction_scores(np.empty(0), np.empty(0, np.bool_))
    assert all(math.isnan(value) for value in nothing.values())


@settings(max_examples=100, deadline=None)
@given(case=masks())
def test_importance_is_a_distribution(case: tuple[Mask, Bools]) -> None:
    mask = case[0]
    found = importance(mask)
    assert found.shape == mask.shape[1:]
    assert found.sum() == pytest.approx(1 if mask.any() else 0)
    assert found * mask.sum() == pytest.approx(mask.sum(axis=0))


def test_importance_by_hand() -> None:
    assert importance(np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 0.0]])).tolist() == [0.75, 0.25]


def test_summaries_over_seeds() -> None:
    found = over_seeds([{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 2.0}])
    assert found == {
        "a": {"mean": 2.0, "std": pytest.approx(math.sqrt(2))},
        "b": {"mean": 2.0, "std": 0.0},
    }
    alone = over_seeds([{"a": 0.25}])["a"]
    assert alone["mean"] == 0.25
    assert math.isnan(alone["std"])
    for several in ([{"a": math.nan}], [{"a": math.nan}, {"a": 1.0}]):
        assert all(math.isnan(value) for value in over_seeds(several)["a"].values())


def test_many_rows_take_seconds() -> None:
    mask, relevance = example(300_000)
    start = time.process_time()
    mask_scores(mask, relevance, threshold=1e-6)
    assert time.process_time() - start < 3
