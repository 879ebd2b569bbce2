"""Numbers and names as a reader wants them, for sentences and tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile

import numpy as np

EMPTY = "“”"  # a name that is none
PATTERN = re.compile(r"pattern \d+|other patterns")  # labels of groups that only number them


def percent(share: float) -> str:
    """A share as a reader wants it.

    >>> percent(0.3333), percent(0.0004), percent(0.9968), percent(0.99996), percent(1e-7)
    ('33 %', '0.04 %', '99.7 %', 'more than 99.9 %', 'less than 0.01 %')
    """
    value = 100 * share
    if value >= 99.95 and share < 1:
        return "more than 99.9 %"
    if value >= 98.5 and share < 1:
        return f"{value:.1f} %"
    if 0 < value < 0.01:
        return "less than 0.01 %"
    return f"{value:.0f} %" if value >= 1 or value == 0 else f"{value:.1g} %"


def deviating(mean: float, deviation: float | None) -> str:
    """A mean and its standard deviation, which a single value does not have.

    >>> deviating(0.5, 0.25), deviating(0.5, None), deviating(0.5, np.nan)
    ('0.500 ± 0.250', '0.500', '0.500')
    """
    known = deviation is not None and not np.isnan(deviation)
    return f"{mean:.3f} ± {deviation:.3f}" if known else f"{mean:.3f}"


def listed(items: Sequence[str]) -> str:
    """Items in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *first, last = items or ["none"]
    return f"{', '.join(first)} and {last}" if first else last


def count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "row"), count(5000, "row")
    ('1 row', '5,000 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shown(name: str) -> str:
    """A name that stands alone, in a list or a table.

    >>> shown("V01"), shown("")
    ('V01', '“”')
    """
    return name or EMPTY


def named(name: str) -> str:
    """A name in a sentence, whose writing direction ends with it.

    >>> named("V01"), named(""), named("\u202eabc") == "\u2068\u202eabc\u2069"
    ('V01', '“”', True)
    """
    return shown(name) if name.isascii() else f"\u2068{name}\u2069"


def shortened(names: Iterable[str], *, most: int = 16) -> list[str]:
    """Names for labels with room for so many characters, as many of them different as can be.

    Of long ones the beginning is kept, both ends, the end, or what follows where they first differ.

    >>> shortened(["short", ""]), shortened(["column number 1", "column number 2"], most=8)
    (['short', '“”'], ['col…er 1', 'col…er 2'])
    """
    names = list(names)
    long = [name for name in names if len(name) > most]
    # What the first and the last one in the alphabet begin with, all do.
    pairs = zip(min(long, default=""), max(long, default=""), strict=False)
    differ = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    half = (most - 1) // 2

    def short(cut: Callable[[str], str]) -> list[str]:
        return [cut(name) if len(name) > most else shown(name) for name in names]

    def window(name: str) -> str:
        rest = name[differ:]
        return f"…{rest}" if len(rest) < most else f"…{rest[: most - 2]}…"

    ways = [
        short(lambda name: f"{name[: most - 1]}…"),
        short(lambda name: f"{name[:half]}…{name[half - most + 1 :]}"),
        short(lambda name: f"…{name[1 - most :]}"),
        short(window),
    ]
    return max(ways, key=lambda way: len(set(way)))


def order_name(sort_by: str) -> str:
    """What a reader calls an order.

    >>> order_name("row"), order_name("V10")
    ('the file', 'V10')
    """
    return "the file" if sort_by == "row" else named(sort_by)


def place(label: str) -> str:
    """Where a group's rows are, at the start of a sentence.

    >>> place("all rows"), place("pattern 1"), place("V10 > 0")
    ('Over all rows', 'On rows of pattern 1', 'Where V10 > 0')
    """
    if label == "all rows":
        return "Over all rows"
    if PATTERN.fullmatch(label):
        return f"On rows of {label}"
    return f"Where {named(label)}"
