"""The CPU's training engine: K seeds' iterations in compiled code, spread over threads."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from tabnet import layout
from tabnet.ghosts import ghost_batches
from tabnet.kernel.batches import BETA1, BETA2, Batches, State, Sums
from tabnet.kernel.entry_points import Call, entry_point
from tabnet.kernel.plan import pack, plan, size, views
from tabnet.kernel.tape import TILE_ROWS, Tape, aligned_zeros, stride, tape
from tabnet.kernel.threads import Threads, chosen, shares
from tabnet.params import Model, Train

Arrays = dict[str, NDArray[np.float32]]
Losses = NDArray[np.float64]
Indices = NDArray[np.int64]
Order = NDArray[np.integer]

INPUT_MOMENTUM = 0.01  # and of the first batches the mean, as in `tabnet.model`
# A seed's ghost batches are summed in so many parts at most, whatever the number of threads: then
# the order of a sum, and with it its last bits, depends on nothing else.
MOST_PARTS = 8
MOST_WORK = 10**10  # multiply-adds
_MOMENTS = ("exp_avg", "exp_avg_sq")
# Whether a call of `iterate` begins a step, and whether it ends it.
_WHOLE, _BEGIN, _BETWEEN, _END = (True, True), (True, False), (False, False), (False, True)


@entry_point
def iterate() -> Callable[..., None]:
    """Compiled code: `tabnet.kernel.iteration.iterate`."""
    from tabnet.kernel.iteration import iterate

    return iterate


@entry_point
def validate_rows() -> Callable[..., None]:
    """Compiled code: `tabnet.kernel.validation.validate_rows`."""
    from tabnet.kernel.validation import validate_rows

    return validate_rows


class KernelEngine:
    """The training state of K TabNets on the CPU: parameters, running statistics, Adam's moments.

    `weights` are the initial parameters and running statistics by name, each with a leading K;
    `rows` is the number of rows to train on. Does what `tabnet.engine.TorchEngine` does.
    """

    def __init__(
        self,
        model: Model,
        weights: Mapping[str, NDArray[np.float32]],
        *,
        train: Train,
        rows: int,
    ) -> None:
        n_features, n_classes = layout.sizes(weights)
        self.model, self.train = model, train
        self.parameters = layout.parameters(model, n_features=n_features, n_classes=n_classes)
        self.statistics = layout.statistics(model, n_features=n_features)
        self.plan = plan(model, n_features=n_features, n_classes=n_classes, training=True)
        flat = pack(weights, self.parameters)
        self.step = 0
        self.now = State(
            parameters=flat,
            exp_avg=np.zeros_like(flat),
            exp_avg_sq=np.zeros_like(flat),
            statistics=pack(weights, self.statistics),
        )
        # Three rows are one batch, and one ghost batch, also where two are the most.
        batch_rows = self.most_rows = min(rows, train.batch_size + 1)
        ghost_rows = min(batch_rows, max(model.virtual_batch_size, 3))
        # Of forward and backward together, each parameter takes part in three a row.
        self._batch_work = 3 * batch_rows * flat.shape[1]
        self.threads = Threads(self._threads(len(flat), 3 * rows * flat.size))
        self.tapes = [tape(self.plan, ghost_rows) for _ in range(self.threads.count)]
        self.sums = [self._sums(batch_rows, ghost_rows) for _ in range(self.threads.count)]
        # Each thread's, for a seed of its own, and for one that all of them share. What they are
        # given here is written in place from now on.
        call = iterate.bound(self.plan, self.now)
        self._alone = [call.bound(*own) for own in zip(self.sums, self.tapes, strict=True)]
        self._together = [call.bound(self.sums[0], tape) for tape in self.tapes]

    def _threads(self, n_seeds: int, epoch_work: int) -> int:
        """Those that wait for each other after an epoch, or for a seed that they share."""
        apart = min(n_seeds, chosen(self.train.threads, work=epoch_work))
        return max(apart, chosen(self.train.threads, work=self._batch_work))

    def load(self, x: NDArray[np.float32], y: Indices) -> None:
        """Take up rows (N x D, N): `iterate` and `validate` number those from now on."""
        # The compiled code is of arrays that can be written, though it does not write these.
        self.x = np.require(x, requirements=["C", "W"])
        self.y = np.require(y, requirements=["C", "W"])

    def iterate(
        self, rows: Order, batches: Sequence[slice], learning_rates: Sequence[float]
    ) -> Losses:
        """Take an optimiser step on each of the batches of `rows` (N x K, a column a seed).

        Returns batches x K x 2: each seed's mean cross entropy and mask entropy, before its step.
        """
        order = np.ascontiguousarray(rows, np.int32)
        # A call of compiled code is not interrupted: it takes a second or so, not more.
        size = max(1, MOST_WORK // (self._batch_work * order.shape[1]))
        losses = np.empty((len(batches), order.shape[1], 2))
        for i in range(0, len(batches), size):
            few = slice(i, i + size)
            self._iterate(self._batches(order, batches[few], learning_rates[few], losses[few]))
        return losses

    def _iterate(self, batches: Batches) -> None:
        n_steps, n_seeds, _ = batches.losses.shape
        count, n_parts = self.threads.count, int(np.diff(batches.parts_from).max()) - 1
        # Threads wait for each other three times in a batch that they share: little does not pay.
        share = n_parts >= 2 * count and chosen(self.train.threads, work=self._batch_work) >= count
        apart = n_seeds - (n_seeds % count if share else 0)
        steps, every = (0, n_steps), (0, MOST_PARTS)
        alone = [call.bound(batches) for call in self._alone]

        def train(thread: int, k: int) -> None:
            alone[thread](k, steps, every, *_WHOLE)

        self.threads.each(train, range(apart))
        together = [call.bound(batches) for call in self._together] if share else []
        for k in range(apart, n_seeds):
            for b in range(n_steps):
                self._share(together, k, (b, b + 1), n_parts)

    def _share(self, calls: Sequence[Call], k: int, step: tuple[int, int], n_parts: int) -> None:
        """One seed's step by all threads, which divide its parts among them."""
        calls[0](k, step, (0, 0), *_BEGIN)
        spans = shares(n_parts, self.threads.count)
        self.threads.run(
            [
                partial(call, k, step, parts, *_BETWEEN)
                for call, parts in zip(calls, spans, strict=False)
            ]
        )
        calls[0](k, step, (0, 0), *_END)

    def _batches(
        self,
        rows: NDArray[np.int32],
        slices: Sequence[slice],
        learning_rates: Sequence[float],
        losses: Losses,
    ) -> Batches:
        sizes = [batch.stop - batch.start for batch in slices]
        assert max(sizes) <= self.most_rows
        ghosts, parts = zip(
            *(_ghosts(n, self.model.virtual_batch_size) for n in sizes), strict=True
        )
        steps = range(self.step + 1, self.step + 1 + len(slices))
        self.step += len(slices)
        return Batches(
            x=self.x,
            y=self.y,
            rows=rows,
            starts=np.array([batch.start for batch in slices] + [slices[-1].stop]),
            ghosts=np.concatenate(ghosts),
            ghosts_from=np.cumsum([0, *map(len, ghosts)]),
            parts=np.concatenate(parts),
            parts_from=np.cumsum([0, *map(len, parts)]),
            lambda_sparse=np.float32(self.train.lambda_sparse),
            clip_norm=np.float32(self.train.clip_norm),
            step_size=_floats(
                rate / (1 - BETA1**t) for rate, t in zip(learning_rates, steps, strict=True)
            ),
            root_correction=_floats((1 - BETA2**t) ** 0.5 for t in steps),
            input_momentum=_floats(max(INPUT_MOMENTUM, 1 / t) for t in steps),
            momentum=_floats(1 - (1 - self.model.momentum) ** len(g) for g in ghosts),
            losses=losses,
        )

    def _sums(self, batch_rows: int, ghost_rows: int) -> Sums:
        ghosts, parts = _ghosts(batch_rows, self.model.virtual_batch_size)
        n_parts = len(parts) - 1
        return Sums(
            x=aligned_zeros((len(ghosts), self.plan.n_features, stride(ghost_rows))),
            gradient=np.zeros((n_parts, size(self.parameters)), np.float32),
            statistics=np.zeros((n_parts, size(self.statistics)), np.float32),
            losses=np.zeros((n_parts, 2)),
        )

    def validate(self, rows: Order) -> Losses:
        """Each seed's cross entropy, summed over `rows` (B x K, a column a seed): K.

        With the running statistics, and without a change to anything.
        """
        losses = np.zeros(rows.shape[1])
        order = np.ascontiguousarray(rows, np.int32)
        calls = [call.bound(self.x, self.y, order, losses) for call in self._validations]

        def validate(thread: int, k: int) -> None:
            calls[thread](k)

        self.threads.each(validate, range(len(losses)))
        return losses

    @cached_property
    def _validations(self) -> list[Call]:
        given = (self.plan._replace(training=False), self.now.parameters, self.now.statistics)
        return [validate_rows.bound(*given, tile) for tile in self._tiles]

    @cached_property
    def _tiles(self) -> list[Tape]:
        return [tape(self.plan, TILE_ROWS) for _ in range(self.threads.count)]

    def finite(self) -> NDArray[np.bool_]:
        """Whether all of a seed's weights are finite: K."""
        numbers = np.concatenate([self.now.parameters, self.now.statistics], 1)
        return np.asarray(np.isfinite(numbers).all(1))

    def weights(self) -> Arrays:
        """The networks' parameters and running statistics, by name, each with a leading K."""
        return {name: array.copy() for name, array in self._weights()}

    def _weights(self) -> Iterator[tuple[str, NDArray[np.float32]]]:
        yield from views(self.now.parameters, self.parameters)
        yield from views(self.now.statistics, self.statistics)

    def state(self) -> Arrays:
        """All that the next iteration depends on besides its rows and learning rate, by name."""
        moments = {f"adam.{name}": getattr(self.now, name).copy() for name in _MOMENTS}
        return self.weights() | moments | {"adam.step": np.array(self.step, np.float32)}

    def restore(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        """Go on from a `state` of an engine with the same parameters."""
        for name, array in self._weights():
            array[...] = state[name]
        for name in _MOMENTS:
            getattr(self.now, name)[...] = state[f"adam.{name}"]
        self.step = int(state["adam.step"])


def _floats(values: Iterable[float]) -> NDArray[np.float32]:
    return np.array(list(values), np.float32)


@lru_cache
def _ghosts(rows: int, virtual_batch_size: int) -> tuple[Indices, Indices]:
    """A batch's ghost batches (first row, number of rows), and their parts' bounds."""
    ghosts, start = [], 0
    for count, number in ghost_batches(rows, virtual_batch_size):
        ghosts += [(start + g * number, number) for g in range(count)]
        start += count * number
    parts = [0, *(stop for _, stop in shares(len(ghosts), MOST_PARTS))]
    return np.array(ghosts, np.int64), np.array(parts, np.int64)
