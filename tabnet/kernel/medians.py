"""Medians over seeds, of many rows at once, in compiled code."""

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel.compiled import compiled
from tabnet.kernel.memory import load, store
from tabnet.kernel.tape import TILE_ROWS
from tabnet.kernel.vectors import LANES, maximum, minimum, zeros

Matrix = NDArray[np.float32]
Stack = NDArray[np.float32]
Exchanges = NDArray[np.int64]

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


@compiled
def consensus_rows(
    aggregate: Stack,
    exchanges: Exchanges,
    keys: Matrix,
    middle: Matrix,
    distances: Matrix,
    span: tuple[int, int],
) -> None:
    """Of rows span[0] to span[1].

    Shapes: K x D x B, E x 2, those of `consensus._keys`, D x B, K x B (zeros).
    """
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
        own = keys[:n_seeds]  # from here on the sums of the seeds' masks
        own[:] = _ZERO
        for d in range(n_features):
            for v in range(rows):
                # A row without any weight stays 0; one seed's mask has its sum of 1 already.
                whole = total[v] if total[v] > _ZERO and n_seeds > 1 else _ONE
                middle[d, start + v] /= whole
            for k in range(n_seeds):
                for v in range(rows):
                    share = aggregate[k, d, start + v]
                    own[k, v] += share
                    distances[k, start + v] += _HALF * abs(share - middle[d, start + v])
        for k in range(n_seeds):
            for v in range(rows):
                if (own[k, v] == _ZERO) != (total[v] == _ZERO):
                    distances[k, start + v] = _ONE


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
