"""Ghost batches: how a batch is split into the parts that batch norm sees."""

import math


def ghost_batches(rows: int, virtual_batch_size: int) -> list[tuple[int, int]]:
    """How a batch is split into ghost batches: [(number of ghost batches, rows of each), ...].

    ceil(rows / virtual_batch_size) ghost batches, as even as can be (sizes differ by at most one
    row), and of two rows at least, since one row has no variance: 3 rows at a virtual batch size
    of 2 are one ghost batch.

    >>> ghost_batches(256, 128), ghost_batches(300, 128), ghost_batches(3, 2)
    ([(2, 128)], [(3, 100)], [(1, 3)])
    """
    count = max(1, min(math.ceil(rows / virtual_batch_size), rows // 2))
    size, larger = divmod(rows, count)
    groups = [(larger, size + 1), (count - larger, size)]
    return [group for group in groups if group[0]]
