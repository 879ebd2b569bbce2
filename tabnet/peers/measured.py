"""What is measured of every method: its mask, its predictions, and how long they took."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tabnet.labelled import Rows
from tabnet.masks import normalise

Floats = NDArray[np.float32]
T = TypeVar("T")

VALIDATION = 0.2  # of the rows to train on: where a peer stops early


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a method says of the rows to test.

    `mask` is B x D, >= 0, each row on the simplex or all 0; `probability` is P(yes), B;
    `train_seconds` and `explain_seconds` are wall time, of all B rows; `settings` say how.
    """

    name: str
    mask: Floats
    probability: NDArray[np.floating]
    train_seconds: float
    explain_seconds: float
    settings: str


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """What a call returns, and the seconds that it took."""
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def as_mask(attribution: NDArray[np.floating]) -> Floats:
    """An attribution (B x D) as a mask: |attribution|, each row divided by its sum.

    A row of zeros stays. An attribution's sign says in which direction a feature moved the
    prediction; a mask says how much.

    >>> as_mask(np.array([[3.0, -1.0], [0.0, 0.0]])).tolist()
    [[0.75, 0.25], [0.0, 0.0]]
    """
    return normalise(np.abs(attribution).astype(np.float32))[0]


def held_out(rows: Rows) -> tuple[Rows, Rows]:
    """The rows without their last fifth, and these: rows here have no order.

    >>> first, last = held_out(Rows(np.zeros((10, 2), np.float32), np.ones(10, bool)))
    >>> len(first.y), len(last.y)
    (8, 2)
    """
    cut = len(rows.y) - max(1, round(VALIDATION * len(rows.y)))
    return Rows(rows.x[:cut], rows.y[:cut]), Rows(rows.x[cut:], rows.y[cut:])
