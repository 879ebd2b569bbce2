"""Work ahead: the next item is made while one is used."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The items, one of which at most is made, in a thread, before it is asked for.

    >>> list(ahead(n * n for n in range(4)))
    [0, 1, 4, 9]
    """
    left, nothing = iter(items), object()
    with ThreadPoolExecutor(1) as maker:
        following = maker.submit(next, left, nothing)
        while (item := following.result()) is not nothing:
            following = maker.submit(next, left, nothing)
            yield item  # type: ignore[misc]
