"""The rows of a source as the seeds see them: a buffer at a time, each seed in its own order.

Rows that fit into one buffer are shuffled as a whole. Of more, an epoch takes the groups in an
order that it draws, which all seeds share, and fills a buffer with as many as fit; each seed
shuffles what it holds, and trains on it as on a small table. Every row comes once in an epoch.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tabnet import schedule
from tabnet.ahead import ahead
from tabnet.source import Floats, Indices, Source
from tabnet.validation import Parts, split, validation_rows

Order = NDArray[np.int32]  # halves the memory of the largest arrays beside the rows


class Buffer(NamedTuple):
    """Rows that are in memory together (N x D), their classes (N), and each seed's (B x K)."""

    x: Floats
    y: Indices
    rows: Order


class Buffers:
    """What each of the seeds trains on and validates on, of buffers of `most` rows each.

    A group that is too much for what is left of a buffer starts the next one, unless that would
    leave less than half a batch in one, or fewer than two rows to train on. While one is used the
    next one is read. Raises ValueError if `share` leaves no rows to train on or to validate on.
    """

    def __init__(
        self, source: Source, seeds: Sequence[int], *, most: int, share: float, batch_size: int
    ) -> None:
        self._source, self._seeds = source, seeds
        self._most, self._batch_size = most, batch_size
        self._held_out = validation_rows(source.sizes, share)
        # The parts of one group are kept: they are all there is where rows are in memory.
        self._parts: Callable[[int], Parts] = lru_cache(maxsize=1)(self._drawn_parts)
        # The groups that share a buffer, in the order of an epoch (from 0).
        self.pieces: Callable[[int], list[list[int]]] = lru_cache(maxsize=1)(self._drawn_pieces)
        self.validation = sum(self._held_out)
        self.training = source.rows - self.validation

    def _drawn_parts(self, group: int) -> Parts:
        size, held_out = self._source.sizes[group], self._held_out[group]
        return split(self._seeds, size, held_out, group=group)

    def _drawn_pieces(self, epoch: int) -> list[list[int]]:
        return self._pieces(schedule.group_order(epoch, len(self._source.sizes)))

    def _pieces(self, groups: Iterable[int]) -> list[list[int]]:
        sizes = self._source.sizes
        found: list[list[int]] = [[]]
        held = trained = 0
        for group in groups:
            if held + sizes[group] > self._most and self._suffice(held, trained):
                found.append([])
                held = trained = 0
            found[-1].append(group)
            held += sizes[group]
            trained += sizes[group] - self._held_out[group]
        if len(found) > 1 and not self._suffice(held, trained):
            last = found.pop()
            found[-1] += last
        return found

    def _suffice(self, held: int, trained: int) -> bool:
        """Whether so many rows make a buffer: fewer join what comes before or after.

        A few of them would be a batch that steps as far as a whole one (`schedule.batch_slices`),
        and batch norm wants two.
        """
        return 2 * held >= self._batch_size and trained > 1

    def _trained(self, groups: Sequence[int]) -> int:
        return sum(self._source.sizes[group] - self._held_out[group] for group in groups)

    def batches(self, epoch: int) -> list[list[slice]]:
        """The batches of each buffer of an epoch, none of a single row."""
        rows = map(self._trained, self.pieces(epoch))
        return [schedule.batch_slices(count, self._batch_size) for count in rows]

    def epoch(self, number: int) -> Iterator[Buffer]:
        """The buffers of an epoch (from 0), with each seed's rows to train on in its order."""
        pieces, streams = self.pieces(number), schedule.streams(self._seeds, number)
        for groups, (x, y) in zip(pieces, self._read(pieces), strict=True):
            yield Buffer(x, y, _shuffled(self._rows(groups, lambda p: p.training), streams))

    def held_out(self) -> Iterator[Buffer]:
        """The buffers of all groups in their order, with each seed's rows to validate on."""
        pieces = self._pieces(range(len(self._source.sizes)))
        for groups, (x, y) in zip(pieces, self._read(pieces), strict=True):
            yield Buffer(x, y, self._rows(groups, lambda p: p.validation))

    def _read(self, pieces: Sequence[Sequence[int]]) -> Iterator[tuple[Floats, Indices]]:
        found = map(self._source.read, pieces)
        return found if len(pieces) == 1 else ahead(found)

    def _rows(self, groups: Sequence[int], part: Callable[[Parts], Order]) -> Order:
        """Each seed's part of the rows of these groups, numbered as they are read: N x K."""
        sizes = [self._source.sizes[group] for group in groups]
        if not self.validation:
            everything = np.arange(sum(sizes), dtype=np.int32)
            return np.broadcast_to(everything[:, None], (len(everything), len(self._seeds)))
        starts = np.cumsum([0, *sizes], dtype=np.int32)
        found = [part(self._parts(g)) + start for g, start in zip(groups, starts, strict=False)]
        return np.concatenate(found)


def _shuffled(rows: Order, streams: Sequence[np.random.Generator]) -> Order:
    """Each seed's rows (N x K) in an order of its own stream."""
    order = np.empty(rows.shape, np.int32)
    for k, stream in enumerate(streams):
        order[:, k] = rows[:, k].take(stream.permutation(len(rows)))
    return order
