"""Laws of votes: what the consensus selects, and what so many seeds can tell."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import binom

from tabnet.explain import consensus
from tabnet.masks import normalise
from tabnet.votes import decisive, majority, undecided, undecided_share, votes

CELLS = st.sampled_from([0.0, 0.0, 0.125, 0.5, 1.0])
SEEDS = st.integers(1, 9)
MASKS = SEEDS.flatmap(lambda seeds: arrays(np.float32, (seeds, 5, 4), elements=CELLS))


@given(MASKS)
def test_the_consensus_selects_what_a_majority_does(raw: NDArray[np.float32]) -> None:
    aggregate = np.stack([normalise(mask)[0] for mask in raw])
    elected = votes(aggregate) >= majority(len(aggregate))
    np.testing.assert_array_equal(consensus(aggregate) > 0, elected)


@pytest.mark.parametrize("seeds", [*range(1, 32), 100, 300])
def test_decisive_is_what_the_sign_test_rejects(seeds: int) -> None:
    least, votes = decisive(seeds), np.arange(seeds + 1)
    assert least > seeds / 2
    p_value = 2 * binom.cdf(np.minimum(votes, seeds - votes), seeds, 0.5)
    np.testing.assert_array_equal(~undecided(votes, seeds=seeds), p_value <= 0.05)
    np.testing.assert_array_equal(votes >= least, (p_value <= 0.05) & (votes > seeds / 2))


def test_fewer_than_six_seeds_decide_nothing() -> None:
    for seeds in range(1, 6):
        assert undecided(np.arange(seeds + 1), seeds=seeds).all()
    assert not undecided(np.array([0, 6]), seeds=6).any()


def test_the_share_is_of_what_the_consensus_selects() -> None:
    aggregate = np.zeros((7, 2, 3), np.float32)
    aggregate[:, :, 0] = 1.0  # all seeds
    aggregate[:4, 0, 1] = 1.0  # a majority, by chance perhaps
    aggregate[:3, 1, 2] = 1.0  # as undecided, but not selected
    assert undecided_share(aggregate, consensus(aggregate)) == pytest.approx(1 / 3)
    assert np.isnan(undecided_share(aggregate * 0, consensus(aggregate * 0)))
    assert np.isnan(undecided_share(aggregate[:5], consensus(aggregate[:5])))
