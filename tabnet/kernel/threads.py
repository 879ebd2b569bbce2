"""A few threads that share work; compiled code runs in them without the GIL."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

Task = Callable[[], object]


class Threads:
    """`count` threads, the caller's among them. They sleep, and do not spin, when there is nothing
    to do: a busy second core costs no more than its share."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count - 1) if count > 1 else None

    def run(self, tasks: Sequence[Task]) -> None:
        """Run the tasks, the first one in the caller's thread; return when all are done."""
        if self._pool is None:
            for task in tasks:
                task()
            return
        others = [self._pool.submit(task) for task in tasks[1:]]
        if tasks:
            tasks[0]()
        for other in others:
            other.result()


def shares(count: int, n_shares: int) -> list[tuple[int, int]]:
    """`range(count)` in at most `n_shares` runs (start, stop), as even as can be, none empty.

    >>> shares(5, 2), shares(1, 2)
    ([(0, 2), (2, 5)], [(0, 1)])
    """
    n_shares = min(count, n_shares)
    stops = [(i + 1) * count // n_shares for i in range(n_shares)]
    return list(zip([0, *stops], stops, strict=False))
