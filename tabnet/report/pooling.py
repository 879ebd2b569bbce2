"""From any number of rows to the columns of a picture: orders, bins, reductions in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating] | npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]

MOST_BINS = 2**16  # numbers of 16 bits: numpy sorts those by radix


def order(key: npt.ArrayLike) -> Ints:
    """Rows in ascending order of `key`; equal keys in file order, missing ones last.

    >>> order([2.0, float("nan"), 1.0, 2.0])
    array([2, 0, 3, 1])
    """
    return np.argsort(np.asarray(key, dtype=np.float64), kind="stable")


def edges(rows: int, bins: int) -> Ints:
    """Boundaries (`bins` + 1) that cut `rows` into bins whose sizes differ by at most one.

    >>> edges(10, 4)
    array([ 0,  2,  5,  7, 10])
    """
    return np.arange(bins + 1) * rows // max(bins, 1)


def bin_of_row(order: Ints, bins: int) -> Ints:
    """The bin of each row, in file order, when the ordered rows are cut into at most MOST_BINS.

    >>> bin_of_row(np.array([2, 0, 3, 1]), 2)
    array([0, 1, 0, 1], dtype=uint16)
    """
    assert bins <= MOST_BINS
    result = np.empty(len(order), dtype=np.uint16)
    result[order] = np.repeat(np.arange(bins, dtype=np.uint16), np.diff(edges(len(order), bins)))
    return result


def pool(values: Floats, *, bins: int, how: str = "max") -> Floats:
    """Ordered rows (B x D) reduced to `bins` x D by `max` or `mean`; B >= bins >= 1.

    >>> pool(np.array([[0.0], [1.0], [2.0], [4.0]]), bins=2, how="mean")
    array([[0.5],
           [3. ]])
    """
    cuts = edges(len(values), bins)
    if how == "max":
        return np.maximum.reduceat(values, cuts[:-1], axis=0)
    sums = np.add.reduceat(values, cuts[:-1], axis=0, dtype=np.float64)
    return np.asarray(sums / np.diff(cuts)[:, None])


def clip_at(values: Floats, quantile: float) -> float:
    """The value at which colours are clipped: a quantile over all cells (R's type 7).

    Masks are sparse, so a low quantile can be 0; it is at least the smallest value
    above 0; of none above 0 it is 1.

    >>> values = np.array([0.0, 0.0, 0.5, 1.0])
    >>> clip_at(values, 1.0), clip_at(values, 0.1), clip_at(np.zeros(3), 0.9)
    (1.0, 0.5, 1.0)
    """
    above = values[values > 0]
    if not above.size:
        return 1.0
    return max(float(np.quantile(values, quantile)), float(above.min()))


class Reduction(Protocol):
    """Takes the batches of a matrix one after the other."""

    def add(self, start: int, batch: Array) -> None:
        """Takes rows `start`, `start` + 1, ... (B x D)."""


class Pick:
    """Keeps the rows `rows` (ascending) of a matrix.

    >>> pick = Pick(np.array([1, 2]), 1)
    >>> scan([np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])], pick)
    >>> pick.values
    array([[1.],
           [2.]], dtype=float32)
    """

    def __init__(self, rows: Ints, width: int) -> None:
        self.rows = rows
        self.values = np.zeros((len(rows), width), dtype=np.float32)

    def add(self, start: int, batch: Array) -> None:
        first, last = np.searchsorted(self.rows, [start, start + len(batch)])
        self.values[first:last] = batch[self.rows[first:last] - start]


class Pool:
    """Maximum and mean of the rows of each bin, of values of at least 0.

    >>> pool = Pool(np.array([0, 1, 0]), bins=2, width=1)
    >>> scan([np.array([[1.0], [5.0], [2.0]])], pool)
    >>> pool.peak.tolist(), pool.mean.tolist()
    ([[2.0], [5.0]], [[1.5], [5.0]])
    """

    def __init__(self, bin_of_row: Ints, *, bins: int, width: int) -> None:
        self.bin_of_row = bin_of_row
        self.peak = np.zeros((bins, width), dtype=np.float32)
        self.total = np.zeros((bins, width))
        self.count = np.bincount(bin_of_row, minlength=bins)

    def add(self, start: int, batch: Array) -> None:
        if len(batch) == 0:
            return
        bins = self.bin_of_row[start : start + len(batch)]
        by_bin = np.argsort(bins, kind="stable")
        ordered = bins[by_bin]
        first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        found, rows = ordered[first], batch[by_bin]
        peak = np.maximum.reduceat(rows, first, axis=0)
        self.peak[found] = np.maximum(self.peak[found], peak)
        self.total[found] += np.add.reduceat(rows, first, axis=0, dtype=np.float64)

    @property
    def mean(self) -> Floats:
        """Mean of each bin's rows (bins x D); 0 where a bin has none."""
        return self.total / np.maximum(self.count, 1)[:, None]


class Votes:
    """Counts in how many of several matrices a cell of the columns `columns` is above 0.

    >>> votes = Votes(rows=2, columns=[0], most=2)
    >>> scan([np.array([[0.5, 0.5], [0.0, 1.0]])], votes)
    >>> scan([np.array([[1.0, 0.0], [0.0, 1.0]])], votes)
    >>> votes.count
    array([[2],
           [0]], dtype=uint8)
    """

    def __init__(self, *, rows: int, columns: Sequence[int], most: int) -> None:
        self.most = most
        self.columns = list(columns)
        self.count = np.zeros((rows, len(columns)), np.min_scalar_type(most))

    def add(self, start: int, batch: Array) -> None:
        # To copy columns takes longer than to count.
        every = self.columns == list(range(batch.shape[1]))
        chosen = batch if every else batch[:, self.columns]
        self.count[start : start + len(batch)] += chosen > 0


class Tally:
    """How many rows have 0, 1, ... votes in a column, apart where a matrix is false and true.

    >>> votes = Votes(rows=2, columns=[0], most=1)
    >>> scan([np.array([[0.5], [0.0]])], votes)
    >>> tally = Tally(votes)
    >>> scan([np.array([[True], [False]])], tally)
    >>> tally.rows.tolist()
    [[[1, 0]], [[0, 1]]]
    """

    def __init__(self, votes: Votes) -> None:
        self._votes = votes
        self.rows = np.zeros((2, len(votes.columns), votes.most + 1), np.int64)

    def add(self, start: int, batch: Array) -> None:
        kinds = self._votes.most + 1
        for j, column in enumerate(self._votes.columns):
            votes = self._votes.count[start : start + len(batch), j].astype(np.int64)
            found = np.bincount(votes + kinds * (batch[:, column] > 0), minlength=2 * kinds)
            self.rows[:, j] += found.reshape(2, kinds)


def scan(batches: Iterable[Array], *reductions: Reduction) -> None:
    """One pass over the batches of a matrix, for several reductions at once."""
    start = 0
    for batch in batches:
        for reduction in reductions:
            reduction.add(start, batch)
        start += len(batch)
