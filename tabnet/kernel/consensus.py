"""The consensus of seeds' masks, and their distances to it, as in `tabnet.explain`, compiled."""

from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel.compiled import compiled, entry_point
from tabnet.kernel.tape import aligned_zeros
from tabnet.kernel.threads import Threads, shares
from tabnet.kernel.vectors import LANES, load, maximum, minimum, store, zeros

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]
Stack = NDArray[np.float32]
Exchanges = NDArray[np.int64]

# So many rows at a time: one feature of them, by all seeds, then stays in a core's cache.
TILE_ROWS = 128
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


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
    return aligned_zeros((n_seeds + 1, TILE_ROWS + LANES))


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


@entry_point
def consensus_rows(
    aggregate: Stack,
    exchanges: Exchanges,
    keys: Matrix,
    middle: Matrix,
    distances: Matrix,
    span: tuple[int, int],
) -> None:
    """Of rows span[0] to span[1]. Shapes: K x D x B, E x 2, `_keys`, D x B, K x B (zeros)."""
    n_seeds, n_features = aggregate.shape[:2]
    total = keys[n_seeds]
    for start in range(span[0], span[1], TILE_ROWS):
        rows = min(TILE_ROWS, span[1] - start)
        total[:] = _ZERO
        for d in range(n_features):
            for k in range(n_seeds):
                for v in range(rows):
                    keys[k, v] = aggregate[k, d, start + v]
            median(keys, exchanges, n_seeds, rows)
            for v in range(rows):
                middle[d, start + v] = keys[n_seeds // 2, v]
                total[v] += keys[n_seeds // 2, v]
        # A row without any weight stays 0; one seed's mask has its sum of 1 already.
        for v in range(rows):
            total[v] = total[v] if total[v] > _ZERO and n_seeds > 1 else _ONE
        for d in range(n_features):
            for v in range(rows):
                middle[d, start + v] /= total[v]
            for k in range(n_seeds):
                for v in range(rows):
                    gap = aggregate[k, d, start + v] - middle[d, start + v]
                    distances[k, start + v] += _HALF * abs(gap)


@compiled
def median(keys: Matrix, exchanges: Exchanges, n_seeds: int, rows: int) -> None:
    """The median of each column's first K keys, into keys[K // 2]; NaN if one of them is."""
    high = n_seeds // 2
    low = (n_seeds - 1) // 2
    for v in range(0, rows, LANES):
        not_a_number = zeros()
        for k in range(n_seeds):
            not_a_number = not_a_number + load(keys, k, v) * _ZERO
        for e in range(len(exchanges)):
            i, j = exchanges[e, 0], exchanges[e, 1]
            a, b = load(keys, i, v), load(keys, j, v)
            store(keys, i, v, minimum(a, b))
            store(keys, j, v, maximum(a, b))
        middle = load(keys, high, v)
        if high > low:
            middle = _HALF * (middle + load(keys, low, v))
        store(keys, high, v, middle + not_a_number)
