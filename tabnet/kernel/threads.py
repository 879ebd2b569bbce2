"""A few threads that share work; compiled code runs in them without the GIL."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Literal

Task = Callable[[], object]
Wanted = int | Literal["auto"]
# To wake a thread and to wait for it takes some 30 microseconds: each should have ten times that
# to do. A core computes so many multiply-adds in the while, at TabNet's sizes.
LEAST_WORK = 3 * 10**6
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def chosen(wanted: Wanted, *, work: float) -> int:
    """How many threads to take for `work` multiply-adds between two waits: `wanted`, or by itself.

    By itself, as many as there are cores, but none that has less than LEAST_WORK to do.
    """
    if wanted != "auto":
        return wanted
    return max(1, int(min(cores(), work / LEAST_WORK)))


def cores() -> int:
    """How many cores this process may use: by its affinity, and by its container's quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(allowed or 1, int(_quota())))


def _quota() -> float:
    """The cores' worth of time that Linux' control group allows."""
    try:
        limit, period = _QUOTA.read_text().split()
        return int(limit) / int(period)
    except (OSError, ValueError):  # no such group, or "max"
        return float(os.cpu_count() or 1)


class Threads:
    """`count` threads, the caller's among them. They sleep, and do not spin, when there is nothing
    to do: a busy second core costs no more than its share."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count - 1) if count > 1 else None

    def run(self, tasks: Sequence[Task]) -> None:
        """Run the tasks, the first one in the caller's thread; end when all of them have."""
        if self._pool is None:
            for task in tasks:
                task()
            return
        others = [self._pool.submit(task) for task in tasks[1:]]
        try:
            if tasks:
                tasks[0]()
        finally:
            wait(others)
        for other in others:
            other.result()

    def each(self, task: Callable[[int, int], object], items: Sequence[int]) -> None:
        """Run task(thread, item) for all items; whichever thread is free takes the next one."""
        left = iter(items)  # of a list or range: no two threads get the same

        def work(thread: int) -> None:
            for item in left:
                task(thread, item)

        self.run([partial(work, thread) for thread in range(min(self.count, len(items)))])


def shares(count: int, n_shares: int) -> list[tuple[int, int]]:
    """`range(count)` in at most `n_shares` runs (start, stop), as even as can be, none empty.

    >>> shares(5, 2), shares(1, 2)
    ([(0, 2), (2, 5)], [(0, 1)])
    """
    n_shares = min(count, n_shares)
    stops = [(i + 1) * count // n_shares for i in range(n_shares)]
    return list(zip([0, *stops], stops, strict=False))
