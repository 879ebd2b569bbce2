"""How many threads are taken, and how they share work."""

import os
from pathlib import Path
from threading import Event
from time import sleep

import pytest

from tabnet.kernel import threads
from tabnet.kernel.threads import LEAST_WORK, Threads, chosen, cores


def quota(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(text)
    monkeypatch.setattr(threads, "_QUOTA", file)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("max 100000\n", 8), ("300000 100000\n", 3), ("50000 100000\n", 1), ("nonsense", 8)],
)
def test_a_containers_quota_bounds_the_cores(
    text: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    quota(text, tmp_path, monkeypatch)
    assert cores() == expected


def test_affinity_bounds_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quota("max 100000", tmp_path, monkeypatch)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert cores() == 1


def test_a_thread_must_have_something_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 4)
    works = [0, LEAST_WORK, 2.9 * LEAST_WORK, 100 * LEAST_WORK, float("inf")]
    assert [chosen("auto", work=work) for work in works] == [1, 1, 2, 4, 4]
    assert [chosen(7, work=work) for work in works] == [7] * 5


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("items", [0, 2, 100])
def test_each_item_is_worked_off_once(count: int, items: int) -> None:
    done = []
    Threads(count).each(lambda thread, item: done.append((thread, item)), range(items))
    assert sorted(item for _, item in done) == list(range(items))
    assert {thread for thread, _ in done} <= set(range(count))


def test_a_task_that_fails_ends_when_the_others_have() -> None:
    started, done = Event(), Event()

    def fail() -> None:
        assert started.wait(10)
        raise KeyboardInterrupt

    def work() -> None:
        started.set()
        sleep(0.2)
        done.set()

    with pytest.raises(KeyboardInterrupt):
        Threads(2).run([fail, work])
    assert done.is_set()


def test_a_thread_that_is_held_up_leaves_the_rest_to_the_others() -> None:
    others_done, done = Event(), []

    def work(thread: int, item: int) -> None:
        if item == 0:
            assert others_done.wait(10)
        done.append(item)
        if len(done) == 9:
            others_done.set()

    Threads(2).each(work, range(10))
    assert done[-1] == 0


def test_an_error_of_any_thread_is_raised() -> None:
    def work(thread: int, item: int) -> None:
        if item == 3:
            raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        Threads(2).each(work, range(5))
