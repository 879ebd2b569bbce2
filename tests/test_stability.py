"""Laws of stability: nothing moves without a reason, and the definitions of what does."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tabnet.explain import consensus, distance
from tabnet.masks import normalise
from tabnet.stability import (
    interprestability,
    mean_distance,
    overlap,
    top,
    under_noise,
    variation,
)

Floats = NDArray[np.float32]
CELLS = st.sampled_from([0.0, 0.0, 0.1, 0.2, 1.0])
MASKS = arrays(np.float32, (6, 4), elements=CELLS).map(lambda mask: normalise(mask)[0])


def random_masks(seed: int, *shape: int) -> Floats:
    raw = np.random.default_rng(seed).gamma(0.3, 1.0, shape).astype(np.float32)
    return normalise(raw)[0]


@given(MASKS, MASKS, MASKS)
def test_variation_is_a_distance(a: Floats, b: Floats, c: Floats) -> None:
    assert variation(a, a) == 0
    assert variation(a, b) == variation(b, a)
    assert variation(a, c) <= variation(a, b) + variation(b, c) + 1e-6
    assert 0 <= variation(a, b) <= 1 + 1e-6


def test_variation_is_the_mean_of_the_distance_behind_agreement() -> None:
    masks = random_masks(0, 3, 8, 5)
    middle = consensus(masks)
    np.testing.assert_allclose(variation(masks, middle), distance(masks, middle).mean(1), rtol=1e-6)


@given(MASKS)
def test_top_features_are_the_fewest_that_hold_the_share(mask: Floats) -> None:
    for row, chosen in zip(mask.astype(np.float64), top(mask), strict=True):
        enough = 0.9 * row.sum() - 1e-5
        fewest = next(
            size
            for size in range(5)
            if any(row[list(some)].sum() >= enough for some in combinations(range(4), size))
        )
        assert chosen.sum() == (fewest if row.any() else 0)
        assert row[chosen].sum() >= enough
        assert (row[chosen] > 0).all()


def test_overlap_is_intersection_over_union() -> None:
    a = np.array([[0.5, 0.5, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0.4, 0.3, 0.3, 0]])
    b = np.array([[0.5, 0, 0.5, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0.3, 0.3, 0.4, 0]])
    assert overlap(a, b) == pytest.approx((1 / 3 + 0 + 1 + 1) / 4)
    assert overlap(a, a) == 1


@given(MASKS, st.permutations(range(4)))
def test_features_may_come_in_any_order(mask: Floats, order: list[int]) -> None:
    other = random_masks(1, 6, 4)
    assert variation(mask[:, order], other[:, order]) == pytest.approx(variation(mask, other))


def gate(x: Floats) -> Floats:
    """Two seeds: one looks where x is positive, in its first two features; the other at both."""
    first = x[:, :1] > 0
    return np.stack([np.c_[first, ~first], np.full((len(x), 2), 0.5)]).astype(np.float32)


def test_no_noise_moves_no_mask() -> None:
    x = np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32)
    found = under_noise(gate, x, [np.zeros_like(x)] * 2)
    np.testing.assert_array_equal(found["noise_distance"], 0)
    np.testing.assert_array_equal(found["noise_overlap"], 1)


def test_noise_moves_the_rows_that_it_carries_over_the_gate() -> None:
    x = np.array([[0.1, 0], [-0.1, 0], [5, 0], [-5, 0]], np.float32)
    noise = np.array([[-1, 0], [1, 0], [1, 0], [-1, 0]], np.float32)
    found = under_noise(gate, x, [noise, np.zeros_like(noise)])
    # The consensus of the two seeds is their mean, which moves by half as much.
    np.testing.assert_allclose(found["noise_distance"], [0.125, 0.25, 0])
    np.testing.assert_allclose(found["noise_overlap"][1:], [0.75, 1])


def test_the_mean_distance_is_over_pairs() -> None:
    a, b, c = random_masks(2, 3, 6, 4)
    expected = np.mean([variation(a, b), variation(a, c), variation(b, c)])
    assert mean_distance([a, b, c]) == pytest.approx(expected)
    assert mean_distance([a, a, a]) == 0
    assert np.isnan(mean_distance([a]))


def by_correlation(importances: NDArray[np.float64]) -> float:
    """As the authors' notebook computes it: shares of the intervals, weighted."""
    strength = np.abs(np.corrcoef(importances))[np.triu_indices(len(importances), 1)]
    edges = [(0.9, 1.01, 1.0), (0.7, 0.9, 0.8), (0.5, 0.7, 0.6), (0.3, 0.5, 0.4), (0, 0.3, 0.2)]
    return float(sum(w * np.mean((strength >= a) & (strength < b)) for a, b, w in edges))


@pytest.mark.parametrize("seed", range(8))
def test_interprestability_is_that_of_its_authors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    importances = rng.random(8) + rng.uniform(0.1, 1.5) * rng.random((9, 8))
    importances /= importances.sum(1, keepdims=True)
    assert interprestability(importances) == pytest.approx(by_correlation(importances))


def test_interprestability_of_equal_models_is_one_and_needs_two() -> None:
    importance = np.array([0.5, 0.3, 0.2])
    assert interprestability(np.tile(importance, (4, 1))) == 1
    assert interprestability(np.stack([importance, importance[::-1]])) == 1  # of |-0.93|
    assert interprestability(np.stack([importance, np.full(3, 1 / 3)])) == 0
    assert np.isnan(interprestability(importance[None]))
