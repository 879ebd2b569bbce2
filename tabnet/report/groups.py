"""Rows grouped by the features that are truly relevant to them, and the masks of each group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tabnet.report import pooling
from tabnet.report.explanation import Explanation
from tabnet.scores import importance

MOST = 6  # groups told apart; rows of rarer patterns are put together

Ints = npt.NDArray[np.integer]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rows of one pattern of relevance: `relevant` (None: mixed) and `share` are D.

    `share` is the mean mask as a distribution, or all 0: rows whose mask is empty are left out.
    """

    label: str
    rows: int
    relevant: tuple[bool, ...] | None
    share: tuple[float, ...]


class Patterns:
    """Numbers the distinct rows of a boolean matrix (B x D), as they are found."""

    def __init__(self, rows: int) -> None:
        self.of_row = np.zeros(rows, dtype=np.int32)
        self.found: dict[tuple[bool, ...], int] = {}

    def add(self, start: int, batch: npt.NDArray[np.generic]) -> None:
        # A row as one number of bits is compared at once, where there are few enough features.
        bits = np.packbits(batch.astype(bool), axis=1)
        word = np.zeros((len(batch), -(-max(bits.shape[1], 1) // 8) * 8), dtype=np.uint8)
        word[:, : bits.shape[1]] = bits
        words = word.view(np.uint64)
        key = words[:, 0] if words.shape[1] == 1 else words
        _, first, inverse = np.unique(key, axis=0, return_index=True, return_inverse=True)
        rows = [tuple(map(bool, row)) for row in batch[first]]
        numbers = [self.found.setdefault(row, len(self.found)) for row in rows]
        self.of_row[start : start + len(batch)] = np.array(numbers, dtype=np.int32)[inverse.ravel()]


def roundest(low: float, high: float) -> float:
    """The number of fewest decimals in [low, high).

    >>> roundest(-0.0012, 0.0007), roundest(1.26, 1.31)
    (0.0, 1.3)
    """
    for digits in range(17):
        candidate: float = round(math.ceil(low * 10**digits) / 10**digits, digits)
        if low <= candidate < high:
            return candidate + 0.0  # no -0.0
    return low


def interval_labels(name: str, key: Doubles, of_row: Ints, count: int) -> list[str] | None:
    """What the key says about each group, where the groups are intervals of it.

    >>> interval_labels("x", np.array([-1.0, 2.0, -0.1]), np.array([1, 0, 1]), 2)
    ['x > 0', 'x ≤ 0']
    """
    spans = [key[of_row == group] for group in range(count)]
    if count < 2 or any(not len(span) or np.isnan(span).any() for span in spans):
        return None
    by_key = sorted(range(count), key=lambda group: float(spans[group].min()))
    labels = [""] * count
    below: float | None = None
    for group, above in zip(by_key, [*by_key[1:], None], strict=True):
        left = "" if below is None else f"{_written(below)} < "
        if above is None:
            assert below is not None
            labels[group] = f"{name} > {_written(below)}"
            continue
        low, high = float(spans[group].max()), float(spans[above].min())
        if low >= high:
            return None
        below = roundest(low, high)
        labels[group] = f"{left}{name} ≤ {_written(below)}"
    return labels


def _written(number: float) -> str:
    """All digits that tell a number from its neighbours, and no more."""
    return repr(number).removesuffix(".0")


def groups(explanation: Explanation, *, sort_by: str) -> list[Group]:
    """The groups of an explanation, of most rows first; none where the truth is not known."""
    if explanation.relevance is None or explanation.rows == 0:
        return []
    patterns = Patterns(explanation.rows)
    pooling.scan(explanation.truths(), patterns)
    of_row, kept = _merged(patterns)
    count = int(of_row.max()) + 1
    pool = pooling.Pool(of_row, bins=count, width=len(explanation.features))
    pooling.scan(explanation.masks("consensus"), pool)
    labels = _labels(explanation, sort_by, of_row, kept)
    return [
        Group(
            label=labels[group],
            rows=int(pool.count[group]),
            relevant=kept[group] if group < len(kept) else None,
            share=tuple(importance(pool.mean[group : group + 1]).tolist()),
        )
        for group in range(count)
    ]


def _merged(patterns: Patterns) -> tuple[Ints, list[tuple[bool, ...]]]:
    """Group numbers by falling size, the rarest patterns in one; and the patterns kept."""
    sizes = np.bincount(patterns.of_row, minlength=len(patterns.found))
    by_size = np.argsort(-sizes, kind="stable")
    most = MOST if len(by_size) <= MOST else MOST - 1
    number = np.empty(len(by_size), dtype=np.uint16)
    number[by_size] = np.minimum(np.arange(len(by_size)), most)
    known = list(patterns.found)
    return number[patterns.of_row], [known[i] for i in by_size[:most]]


def _labels(
    explanation: Explanation, sort_by: str, of_row: Ints, kept: Sequence[tuple[bool, ...]]
) -> list[str]:
    count = int(of_row.max()) + 1
    if count == 1:
        return ["all rows"]
    if count == len(kept) and sort_by not in explanation.keys:
        labels = interval_labels(sort_by, explanation.key(sort_by), of_row, count)
        if labels is not None:
            return labels
    named = [f"pattern {group + 1}" for group in range(len(kept))]
    return named if count == len(kept) else [*named, "other patterns"]
