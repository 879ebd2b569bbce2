"""Items made ahead: the same ones, in their order, and never more than one too early."""

import threading
from collections.abc import Iterator
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabnet.ahead import ahead


@given(st.lists(st.one_of(st.none(), st.integers())))
@settings(deadline=None)  # on a busy machine a thread starts late
def test_the_items_are_the_same(items: list[int | None]) -> None:
    assert list(ahead(items)) == items


def test_the_next_item_is_made_while_one_is_used() -> None:
    second = Event()

    def items() -> Iterator[int]:
        yield 1
        second.set()
        yield 2

    found = ahead(items())
    assert next(found) == 1
    assert second.wait(10)
    assert list(found) == [2]


def test_one_item_at_most_is_made_too_early() -> None:
    made = 0

    def items() -> Iterator[int]:
        nonlocal made
        for n in range(10):
            made += 1
            yield n

    for n in ahead(items()):
        assert made <= n + 2


def test_what_goes_wrong_is_raised_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("the second one")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="the second one"):
        next(found)


def test_who_stops_early_leaves_nothing_running() -> None:
    before, may_go_on, made = set(threading.enumerate()), threading.Event(), []

    def items() -> Iterator[int]:
        for number in range(10):
            made.append(number)
            yield number
            may_go_on.wait(10)

    found = ahead(items())
    assert next(found) == 0
    threading.Timer(0.1, may_go_on.set).start()
    found.close()  # type: ignore[attr-defined]
    assert may_go_on.is_set()  # it has waited for the one that was being made
    assert made == [0, 1]
    left = set(threading.enumerate()) - before
    assert not [one for one in left if not isinstance(one, threading.Timer)]
