"""The seeds that train on: one that diverged or has had enough leaves, and the others go on."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tabnet.errors import DivergedError

Arrays = dict[str, NDArray[np.float32]]
Losses = NDArray[np.float64]
Order = NDArray[np.integer]

logger = logging.getLogger(__name__)
REMEDY = "try a lower train.learning_rate or train.clip_norm"
LARGEST = float(np.finfo(np.float32).max)
LEAST_ROWS = 100  # of a usual batch, whose values and squares are added


class Engine(Protocol):
    """The training state of K TabNets, wherever it is computed."""

    def load(self, x: NDArray[np.float32], y: NDArray[np.int64]) -> None:
        """Take up rows (N x D, N): `iterate` and `validate` number those from now on."""

    def iterate(
        self, rows: Order, batches: Sequence[slice], learning_rates: Sequence[float]
    ) -> Losses:
        """Take an optimiser step on each of the batches of `rows` (N x K, a column a seed).

        The batches lie end to end. Returns batches x K x 2: each seed's mean cross entropy and mask
        entropy, before its step. A seed that has diverged disturbs no other.
        """

    def validate(self, rows: Order) -> Losses:
        """Each seed's cross entropy, summed over `rows` (B x K, a column a seed): K.

        With the running statistics, and without a change to anything.
        """

    def finite(self) -> NDArray[np.bool_]:
        """Whether all of a seed's weights are finite: K."""

    def weights(self) -> Arrays:
        """The networks' parameters and running statistics, by name, each with a leading K."""

    def state(self) -> Arrays:
        """All that the next iteration depends on besides its rows and learning rate, by name."""

    def restore(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        """Go on from a `state` of an engine with the same parameters."""


class Survivors:
    """An engine of the seeds that train on: those that have neither diverged nor stopped.

    `make` gives the engine of any of `seeds`, at its start; `kept` are the positions in `seeds` of
    those that it holds, all of them at first; `stopped` are those that left it in good health.
    """

    def __init__(self, make: Callable[[Sequence[int]], Engine], seeds: Sequence[int]) -> None:
        self._make, self._all = make, seeds
        self.kept = list(range(len(seeds)))
        self.stopped: list[int] = []
        self.engine = make(seeds)
        self._rows: tuple[NDArray[np.float32], NDArray[np.int64]] | None = None

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that train on."""
        return tuple(self._all[k] for k in self.kept)

    def state(self) -> Arrays:
        """The engine's state; empty when no seed trains on."""
        return self.engine.state() if self.kept else {}

    def restore(
        self,
        state: Mapping[str, NDArray[np.float32]],
        *,
        diverged: NDArray[np.bool_],
        stopped: NDArray[np.bool_],
    ) -> None:
        """Go on from the `state` of those of all seeds that have neither diverged nor stopped."""
        self.stopped = np.flatnonzero(stopped).tolist()
        self._keep(np.flatnonzero(~diverged & ~stopped).tolist())
        if self.kept:
            self.engine.restore(state)

    def load(self, x: NDArray[np.float32], y: NDArray[np.int64]) -> None:
        """Take up other rows, those that all seeds' orders number from now on."""
        if self._rows is None or self._rows[0] is not x:
            self._rows = x, y
            self.engine.load(x, y)

    def iterate(
        self,
        order: Order,
        batches: Sequence[slice],
        rates: Sequence[float],
        *,
        epoch: int,
        done: int = 0,
    ) -> Losses:
        """Steps of all that are left, on their columns of `order` (N x all seeds).

        Returns the losses of all seeds, batches x all seeds x 2: NaN, at all of these batches, for
        those that have left before or diverge at one of them and leave after the last.

        Raises ValueError, naming epoch, batch and seed, if that leaves none and none has stopped in
        good health; `done` batches of the epoch came before these.
        """
        losses = np.full((len(batches), len(self._all), 2), np.nan)
        if not self.kept:
            return losses
        columns = order if len(self.kept) == len(self._all) else order[:, self.kept]
        found = self.engine.iterate(columns, batches, rates)
        broken = ~np.isfinite(found).all(2)
        diverged = broken.any(0)
        found[:, diverged] = np.nan
        losses[:, self.kept] = found
        gone = dict(zip(np.array(self.kept)[diverged], broken.argmax(0)[diverged], strict=True))
        for b in sorted(set(gone.values())):
            here = np.array([gone.get(k) == b for k in self.kept])
            self._drop(here, f"loss is not finite in epoch {epoch}, batch {done + b + 1}")
        return losses

    def check_weights(self, losses: Losses, *, epoch: int) -> None:
        """Leave out those whose weights are not finite after an epoch; their losses become NaN."""
        if not self.kept:
            return
        finite = self.engine.finite()
        losses[[k for k, good in zip(self.kept, finite, strict=True) if not good]] = np.nan
        self._drop(~finite, f"weights are not finite after epoch {epoch}")

    def validate(self, rows: Order) -> Losses:
        """All seeds' cross entropies, summed over `rows` (B x all seeds); NaN for those gone."""
        found = np.full(len(self._all), np.nan)
        if self.kept:
            found[self.kept] = self.engine.validate(rows[:, self.kept])
        return found

    def check_validation(self, losses: Losses, found: Losses, *, epoch: int) -> Losses:
        """An epoch's losses (all seeds x 2) beside those that validation `found`: x 3.

        A seed that has none that is finite has diverged: its losses become NaN.
        """
        losses = np.concatenate([losses, found[:, None]], 1)
        finite = np.isfinite(found[self.kept])
        losses[~np.isfinite(found)] = np.nan
        self._drop(~finite, f"validation loss is not finite after epoch {epoch}")
        return losses

    def stop(self, enough: NDArray[np.bool_]) -> None:
        """Let those of all seeds that have had `enough` leave the engine."""
        leave = enough[self.kept]
        self.stopped += [k for k in self.kept if enough[k]]
        self._leave(leave)

    def _drop(self, diverged: NDArray[np.bool_], reason: str) -> None:
        gone = [seed for seed, out in zip(self.seeds, diverged, strict=True) if out]
        remedy = self._remedy() if gone else ""
        if gone and diverged.all() and not self.stopped:
            others = " and no other is left" if len(self._all) > 1 else ""
            raise DivergedError(
                f"training must stay finite, however: seed {gone[0]}'s {reason}{others}; {remedy}"
            )
        for seed in gone:
            logger.warning("seed %d diverged and is left out: its %s; %s", seed, reason, remedy)
        self._leave(diverged)

    def _remedy(self) -> str:
        """What may help: no lower rate does where a feature's sum or variance is beyond float32."""
        if self._rows:
            x = self._rows[0]
            least, most = x.min(0).astype(np.float64), x.max(0)
            span, largest = most - least, np.where(-least > most, least, most)
            if (span**2 > LARGEST / LEAST_ROWS).any():
                d = int(span.argmax())
                return f"scale feature {d + 1} of {len(span)}, whose values span {span[d]:.2g}"
            if (abs(largest) > LARGEST / LEAST_ROWS).any():
                d = int(abs(largest).argmax())
                return f"scale feature {d + 1} of {len(span)}, whose values reach {largest[d]:.2g}"
        return REMEDY

    def _leave(self, out: NDArray[np.bool_]) -> None:
        """Go on without some of the seeds that the engine holds."""
        if not out.any():
            return
        state = self.engine.state()
        self._keep([k for k, gone in zip(self.kept, out, strict=True) if not gone])
        if self.kept:
            # The number of steps is a single one, the rest has a leading K.
            self.engine.restore({n: a[~out] if a.ndim else a for n, a in state.items()})

    def _keep(self, kept: list[int]) -> None:
        if kept != self.kept:
            self.kept = kept
            if kept:
                self.engine = self._make(self.seeds)
                if self._rows:
                    self.engine.load(*self._rows)
