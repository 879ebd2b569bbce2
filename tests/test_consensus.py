"""The compiled consensus against its definition in `tabnet.explain`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabnet.explain import consensus, distance
from tabnet.kernel.consensus import consensus as kernel_consensus
from tabnet.kernel.consensus import median_exchanges
from tabnet.kernel.threads import Threads
from tests.test_explain import masks


@given(seed=st.integers(0, 2**32 - 1), n_seeds=st.integers(1, 40), rows=st.integers(0, 300))
@settings(max_examples=40, deadline=None)
def test_the_compiled_consensus_is_the_consensus(seed: int, n_seeds: int, rows: int) -> None:
    aggregate = masks(seed, n_seeds=n_seeds, rows=rows)
    found, distances = kernel_consensus(aggregate, Threads(1))
    np.testing.assert_allclose(found, consensus(aggregate), atol=1e-6)
    np.testing.assert_allclose(distances, distance(aggregate, consensus(aggregate)), atol=1e-6)
    many = kernel_consensus(aggregate, Threads(3))
    assert many[0].tobytes() == found.tobytes()
    assert many[1].tobytes() == distances.tobytes()


def test_seeds_that_agree_on_nothing_are_as_far_apart_as_can_be() -> None:
    """No feature has half of them: the consensus is 0, and their agreement with it, too."""
    nothing, alike = np.eye(5, dtype=np.float32), np.tile(np.eye(5, dtype=np.float32)[0], (5, 1))
    one_without = alike.copy()
    one_without[1] = 0
    aggregate = np.stack([nothing, alike, one_without, np.zeros_like(alike)], axis=1)
    middle = consensus(aggregate)
    assert middle.sum(1).tolist() == [0, 1, 1, 0]
    expected = [[1] * 5, [0] * 5, [0, 1, 0, 0, 0], [0] * 5]
    np.testing.assert_array_equal(distance(aggregate, middle).T, expected)
    found, distances = kernel_consensus(aggregate, Threads(1))
    np.testing.assert_array_equal(found, middle)
    np.testing.assert_array_equal(distances.T, expected)


@pytest.mark.parametrize("count", [*range(1, 12), 21, 64, 100])
def test_the_exchanges_bring_the_median_to_its_place(count: int) -> None:
    """Of zeros and ones, and so of any keys (Knuth's zero-one principle)."""
    for ones in range(count + 1):
        keys = np.zeros((count, 50), int)
        keys[:ones] = 1
        keys = np.random.default_rng(ones).permuted(keys, axis=0)
        expected = np.sort(keys, axis=0)
        for i, j in median_exchanges(count):
            keys[[i, j]] = np.sort(keys[[i, j]], axis=0)
        places = [(count - 1) // 2, count // 2]
        np.testing.assert_array_equal(keys[places], expected[places])


def test_a_mask_that_is_not_a_number_is_seen_in_the_consensus() -> None:
    aggregate = masks(1, n_seeds=5)
    aggregate[3, 2, 1] = np.nan
    found, distances = kernel_consensus(aggregate, Threads(1))
    assert np.argwhere(np.isnan(found)).tolist() == [[2, 1]]
    assert np.flatnonzero(np.isnan(distances).any(0)).tolist() == [2]
