"""Laws of sufficiency and comprehensiveness, on models whose use of features is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tabnet import faithfulness
from tabnet.faithfulness import (
    SCORES,
    Curves,
    Predict,
    areas,
    counts,
    curves,
    fixed_order,
    places,
    scores,
)

Floats = NDArray[np.float32]
AUC, LOSS, DROP = map(SCORES.index, ("auc", "log_loss", "drop"))
ROWS, FEATURES, DRAWS = 400, 6, 3


def normal(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def by_sign(*features: int) -> Predict:
    """A model for each of the features, which uses nothing but that feature's sign."""
    return lambda x: np.stack([np.where(x[:, j] > 0, 0.9, 0.1) for j in features])


X, DONORS = normal(0, ROWS, FEATURES), normal(1, DRAWS, ROWS, FEATURES)
TIE = np.random.default_rng(2).random((DRAWS, ROWS, FEATURES))


def run(mask: Floats | None = None, *, used: int = 2, donors: Floats = DONORS) -> Curves:
    """The curves of a model that uses one feature, whose label is that feature's sign."""
    mask = np.zeros_like(X) if mask is None else mask
    return curves(by_sign(used), x=X, place=places(mask, TIE), donors=donors, label=X[:, used] > 0)


def one_hot(feature: int) -> Floats:
    return np.tile(np.eye(FEATURES, dtype=np.float32)[feature], (ROWS, 1))


def test_the_true_mask_keeps_everything_with_one_feature_and_removes_it() -> None:
    found = run(one_hot(2))
    chance = found.keep[0, 0]
    np.testing.assert_array_equal(found.keep[1:, 0], np.tile(found.keep[-1, 0], (FEATURES, 1)))
    np.testing.assert_array_equal(found.remove[1:, 0], np.tile(chance, (FEATURES, 1)))
    assert found.keep[-1, 0, AUC] == 1
    assert found.keep[-1, 0, DROP] == 0
    assert chance[AUC] == pytest.approx(0.5, abs=0.03)
    # Half of the donors are on the other side: those rows lose 0.9 - 0.1.
    assert chance[DROP] == pytest.approx(0.4, abs=0.03)


def test_a_mask_of_the_wrong_feature_gains_nothing_until_the_right_one_comes() -> None:
    order = np.tile(np.arange(FEATURES, 0, -1, dtype=np.float32), (ROWS, 1))  # feature 2 is third
    found = run(order)
    np.testing.assert_array_equal(found.keep[:3, 0], np.tile(found.keep[0, 0], (3, 1)))
    assert found.keep[3, 0, AUC] == 1
    np.testing.assert_array_equal(found.remove[:3, 0, AUC], 1)


def test_a_random_order_rises_as_a_line() -> None:
    """The used feature is among the first k of D with probability k / D: so is what is kept."""
    found = run()
    start, end = found.keep[0, 0, DROP], found.keep[-1, 0, DROP]
    line = start + (end - start) * found.k / FEATURES
    np.testing.assert_allclose(found.keep[:, 0, DROP], line, atol=0.04)
    np.testing.assert_allclose(found.remove[:, 0, DROP], line[::-1], atol=0.04)


def test_keeping_an_order_is_removing_its_reverse() -> None:
    mask = np.random.default_rng(3).random(X.shape).astype(np.float32)
    found, reverse = run(mask), run(1 - mask)
    np.testing.assert_allclose(found.keep, reverse.remove[::-1], rtol=1e-12)


def test_donors_that_are_the_rows_change_nothing() -> None:
    found = run(donors=np.broadcast_to(X, DONORS.shape))
    np.testing.assert_array_equal(found.keep[..., AUC], 1)
    np.testing.assert_array_equal(found.remove[..., DROP], 0)


def test_features_may_come_in_any_order() -> None:
    mask = np.random.default_rng(4).random(X.shape).astype(np.float32)
    back = np.array([3, 1, 5, 0, 4, 2])
    shuffled = curves(
        by_sign(int(np.flatnonzero(back == 2)[0])),
        x=X[:, back],
        place=places(mask[:, back], TIE[..., back]),
        donors=DONORS[..., back],
        label=X[:, 2] > 0,
    )
    for a, b in zip(shuffled, run(mask), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_feature_that_is_there_twice_has_to_be_removed_twice() -> None:
    """A model that reads either copy keeps the answer while one of them is left."""
    x, donors = np.c_[X, X[:, 2]], np.concatenate([DONORS, DONORS[..., 2:3]], axis=2)

    def either(rows: Floats) -> Floats:
        agree = (rows[:, 2] > 0) == (rows[:, 6] > 0)
        p = np.where(agree, np.where(rows[:, 2] > 0, 0.9, 0.1), 0.5)
        return p[None].astype(np.float32)

    order = fixed_order(np.array([0, 0, 2, 0, 0, 0, 1.0]), np.zeros(donors.shape))
    found = curves(either, x=x, place=order, donors=donors, label=X[:, 2] > 0)
    assert found.remove[1, 0, DROP] < found.remove[2, 0, DROP] - 0.1
    np.testing.assert_array_equal(found.remove[2:, 0], np.tile(found.remove[-1, 0], (6, 1)))


def test_features_of_equal_importance_have_no_order_of_their_own() -> None:
    """The same one on all rows, and another in each draw: the first columns gain nothing."""
    order = fixed_order(np.array([0, 0, 1, 0, 0, 0.0]), TIE)
    assert (order == order[:, :1]).all()
    assert (order[..., 2] == 0).all()
    assert len(np.unique(order[:, 0], axis=0)) > 1
    everywhere = fixed_order(np.zeros(FEATURES), TIE)[:, 0]
    np.testing.assert_array_equal(everywhere, places(np.zeros_like(X), TIE)[:, 0])


def test_models_are_scored_side_by_side() -> None:
    place = places(one_hot(2), TIE)
    both = curves(by_sign(2, 4), x=X, place=place, donors=DONORS, label=X[:, 2] > 0)
    np.testing.assert_allclose(both.keep[:, :1], run(one_hot(2)).keep, rtol=1e-12)
    assert both.keep[1, 1, DROP] > 0.3  # the second model uses another feature


@pytest.mark.parametrize("at_once", [1, 5 * X.size])
def test_scores_do_not_depend_on_how_many_rows_are_predicted_at_once(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = run(one_hot(2))
    monkeypatch.setattr(faithfulness, "AT_ONCE", at_once)
    apart = run(one_hot(2))
    np.testing.assert_array_equal(apart.keep, together.keep)
    np.testing.assert_array_equal(apart.remove, together.remove)


def test_scores_are_means_over_draws() -> None:
    place = places(np.zeros_like(X), TIE)
    parts = [
        curves(by_sign(2), x=X, place=place[t : t + 1], donors=DONORS[t : t + 1], label=X[:, 2] > 0)
        for t in range(DRAWS)
    ]
    mean = np.mean([part.keep for part in parts], axis=0)
    np.testing.assert_allclose(run().keep, mean, rtol=1e-12)


def test_captum_removes_a_feature_alike() -> None:
    """Replacing a fixed first feature by a donor's: Captum's ablation with that baseline."""
    attribution = pytest.importorskip("captum.attr")
    weight = torch.tensor([0.5, -1.0, 2.0, 0.0, 0.3, 1.5])

    def forward(rows: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(rows @ weight)

    def predict(rows: Floats) -> Floats:
        return np.asarray(forward(torch.from_numpy(np.ascontiguousarray(rows)))[None])

    order = fixed_order(np.eye(FEATURES)[5], np.zeros((1, *X.shape)))
    found = curves(predict, x=X, place=order, donors=DONORS[:1], label=X[:, 2] > 0)
    ablated = attribution.FeatureAblation(forward).attribute(
        torch.from_numpy(X), baselines=torch.from_numpy(DONORS[0])
    )
    sign = np.where(predict(X)[0] > 0.5, 1, -1)
    expected = (sign * np.asarray(ablated)[:, 5]).mean()
    assert found.remove[1, 0, DROP] == pytest.approx(expected, abs=1e-6)


def test_rows_without_a_label_count_for_the_drop_alone() -> None:
    p = np.random.default_rng(5).random((2, 40))
    intact, label = p[::-1], np.arange(40) % 2 == 0
    known = np.arange(40) < 30
    found = scores(p, intact, label, known=known)
    part = scores(p[:, :30], intact[:, :30], label[:30], known=np.ones(30, bool))
    np.testing.assert_array_equal(found[:, [AUC, LOSS]], part[:, [AUC, LOSS]])
    whole = scores(p, intact, label, known=np.ones(40, bool))
    np.testing.assert_array_equal(found[:, DROP], whole[:, DROP])
    assert np.isnan(scores(p, intact, label, known=np.zeros(40, bool))[:, [AUC, LOSS]]).all()


@settings(max_examples=50)
@given(arrays(np.float32, (5, 4), elements=st.sampled_from([0.0, 0.25, 0.5])), st.integers(0, 99))
def test_places_are_a_permutation_that_the_mask_orders(mask: Floats, seed: int) -> None:
    tie = np.random.default_rng(seed).random((2, *mask.shape))
    place = places(mask, tie)
    assert (np.sort(place, axis=-1) == np.arange(4)).all()
    for t, b in np.ndindex(2, 5):
        expected = sorted(range(4), key=lambda j: (-mask[b, j], tie[t, b, j]))
        assert np.argsort(place[t, b]).tolist() == expected


def test_the_area_is_a_mean_height() -> None:
    k = np.array([0, 1, 2, 4])
    curve = np.array([0.0, 1.0, 1.0, 0.0])[:, None, None] * np.ones(len(SCORES))
    found = areas(Curves(k, curve, np.ones_like(curve)))
    assert found["sufficiency_auc"] == pytest.approx((0.5 + 1 + 1) / 4)
    assert found["comprehensiveness_log_loss"] == pytest.approx(1)
    assert len(found) == 2 * len(SCORES)


@pytest.mark.parametrize("features", [1, 2, 20, 21, 100, 5000])
def test_numbers_of_features_go_from_none_to_all(features: int) -> None:
    k = counts(features)
    assert (k[0], k[1], k[-1]) == (0, 1, features)
    assert (np.diff(k) > 0).all()
    assert len(k) <= 21
