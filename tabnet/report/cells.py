"""Cells of pages' tables: numbers as text, the best of several marked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeGuard

from tabnet.report import measured
from tabnet.report.scoreboard import NAMES
from tabnet.report.words import deviating


class Cell(NamedTuple):
    """A text; whether it is the best of its column; the share of the cell that is shaded."""

    text: str
    best: bool = False
    share: float = 0.0


class Table(NamedTuple):
    """Rows with a name each, the cells in the order of `columns`."""

    caption: str
    columns: list[str]
    rows: list[tuple[str, list[Cell]]]


MISSING = "–"
MASKS = {
    "rma": "mass on relevant",
    "rra": "top relevant",
    "tpr": "relevant found",
    "fdr": "false discoveries",
    "mask_average_precision": "average precision",
}
assert tuple(MASKS) == measured.MASKS
assert MASKS.keys() <= NAMES.keys()


def number(value: float | None, digits: int = 3) -> str:
    """A number with a fixed count of decimals, or a dash.

    >>> number(0.81449), number(None), number(math.nan)
    ('0.814', '–', '–')
    """
    return f"{value:.{digits}f}" if _known(value) else MISSING


def spread(score: Mapping[str, float | None]) -> str:
    """A mean and its standard deviation."""
    mean = score["mean"]
    return deviating(mean, score["std"]) if _known(mean) else MISSING


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and not math.isnan(value)


def mark(reached: bool | None) -> str:
    """A sign that says whether something is reached.

    >>> mark(True), mark(False), mark(None)
    ('✓ yes', '✗ no', '–')
    """
    return MISSING if reached is None else "✓ yes" if reached else "✗ no"


def best(scores: Sequence[float | None], score: str, *, sparse: bool = False) -> float | None:
    """The best, as it is printed; none of what no mask is the better for.

    A dense mask finds all cells by selecting all: only between `sparse` masks is TPR a merit.
    """
    known = [round(value, 3) for value in scores if value is not None]
    if not known or score == "selected" or (score == "tpr" and not sparse):
        return None
    return min(known) if score == "fdr" else max(known)


def marked(value: float | None, top: float | None) -> Cell:
    """A number, marked if it is printed as the top one is."""
    return Cell(number(value), value is not None and round(value, 3) == top)
