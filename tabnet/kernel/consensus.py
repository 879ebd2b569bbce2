"""The consensus of seeds' masks, and their distances to it, as in `tabnet.explain`, compiled."""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel.entry_points import entry_point
from tabnet.kernel.tape import LINE, TILE_ROWS, aligned_zeros
from tabnet.kernel.threads import Threads, shares

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]
Exchanges = NDArray[np.int64]


@entry_point
def consensus_rows() -> Callable[..., None]:
    """Compiled code: `tabnet.kernel.medians.consensus_rows`."""
    from tabnet.kernel.medians import consensus_rows

    return consensus_rows


def consensus(aggregate: Floats, threads: Threads) -> tuple[Floats, Floats]:
    """The consensus (B x D) of aggregate masks (K x B x D), and each one's distance to it (K x B).

    Both lie in memory feature by feature and are quickest where `aggregate` does so too.
    """
    by_feature = np.ascontiguousarray(aggregate.transpose(0, 2, 1))  # K x D x B
    n_seeds, n_features, rows = by_feature.shape
    middle = np.empty((n_features, rows), np.float32)
    distances = np.zeros((n_seeds, rows), np.float32)
    exchanges = median_exchanges(n_seeds)
    threads.run(
        [
            partial(consensus_rows, by_feature, exchanges, _keys(n_seeds), middle, distances, span)
            for span in shares(rows, threads.count)
        ]
    )
    return middle.T, distances


def _keys(n_seeds: int) -> Matrix:
    """Room for a tile of one feature: a row for each seed, then one for the sum of the medians."""
    return aligned_zeros((n_seeds + 1, TILE_ROWS + LINE))


@lru_cache
def median_exchanges(count: int) -> Exchanges:
    """Pairs i < j to put in order, one after the other, so that the median gets to its place.

    Batcher's merge exchange sort, for any number of keys (Knuth, The Art of Computer Programming,
    volume 3, 5.2.2, algorithm M), less what only other places need. Which keys are compared
    depends on no key: many rows are sorted at once, a row a lane.
    """
    highest = 1 << (count - 1).bit_length() >> 1
    pairs: list[tuple[int, int]] = []
    p = highest
    while p:
        q, r, d = highest, 0, p
        while True:
            pairs += [(i, i + d) for i in range(count - d) if i & p == r]
            if q == p:
                break
            d, q, r = q - p, q >> 1, p
        p >>= 1
    needed, kept = {(count - 1) // 2, count // 2}, []
    for pair in reversed(pairs):
        if needed & set(pair):
            needed |= set(pair)
            kept.append(pair)
    return np.array(kept[::-1], np.int64).reshape(-1, 2)
