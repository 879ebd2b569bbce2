"""A training under way: all that it consists of between two epochs, and the next epoch."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tabnet.buffers import Buffers
from tabnet.history import fates
from tabnet.params import Train
from tabnet.schedule import learning_rate
from tabnet.survivors import Arrays, Losses, Survivors
from tabnet.validation import Best

WARM_STARTS = "warm_starts"


class Training:
    """The seeds that train, the epochs' losses so far and, with validation, the best weights.

    An epoch's losses are K x 2 (cross entropy, mask entropy), K x 3 with validation, NaN from the
    epoch on in which a seed diverged and after the one in which it stopped. `warm_starts` are the
    epochs after which finished runs were gone on from.
    """

    def __init__(self, survivors: Survivors, buffers: Buffers, train: Train) -> None:
        self.survivors, self.buffers, self.train = survivors, buffers, train
        self.history: list[Losses] = []
        self.best = Best(len(train.seeds))
        self.warm_starts: list[int] = []

    @property
    def over(self) -> bool:
        """Whether there is no epoch, or no seed, left to train."""
        return len(self.history) == self.train.epochs or not self.survivors.kept

    def epoch(self) -> Losses:
        """Train one epoch and validate; the losses, each a mean over rows."""
        epoch = len(self.history)
        losses = self._trained(epoch) / self.buffers.training
        self.survivors.check_weights(losses, epoch=epoch + 1)
        if self.buffers.validation:
            losses = self._validated(losses, epoch + 1)
        self.history.append(losses)
        return losses

    def _trained(self, epoch: int) -> Losses:
        """Train one epoch; the sums of its losses over rows."""
        batches = self.buffers.batches(epoch)
        count, done = sum(map(len, batches)), 0
        last = max(1, self.train.epochs * count - 1)
        losses = np.zeros((len(self.train.seeds), 2))
        for buffer, slices in zip(self.buffers.epoch(epoch), batches, strict=True):
            self.survivors.load(buffer.x, buffer.y)
            steps = epoch * count + done + np.arange(len(slices))
            rates = [self._rate(step / last) for step in steps.tolist()]
            found = self.survivors.iterate(buffer.rows, slices, rates, epoch=epoch + 1, done=done)
            sizes = np.array([batch.stop - batch.start for batch in slices])
            losses += (found * sizes[:, None, None]).sum(0)
            done += len(slices)
        return losses

    def _rate(self, fraction: float) -> float:
        return self.train.learning_rate * learning_rate(self.train.schedule, fraction)

    def _validated(self, losses: Losses, epoch: int) -> Losses:
        """The losses with those of validation; what is better is kept, what is worse may stop."""
        found = np.zeros(len(self.train.seeds))
        for buffer in self.buffers.held_out():
            self.survivors.load(buffer.x, buffer.y)
            found += self.survivors.validate(buffer.rows)
        found /= self.buffers.validation
        losses = self.survivors.check_validation(losses, found, epoch=epoch)
        better = self.best.update(losses[:, 2], epoch)
        if better.any():
            self.best.keep(self.survivors.engine.weights(), self.survivors.kept, better)
        self.survivors.stop(epoch - self.best.epochs >= self.train.patience)
        return losses

    def state(self) -> Arrays:
        """All that the next epoch depends on besides the history."""
        warm_starts = np.array(self.warm_starts, np.float32)
        return self.survivors.state() | self.best.state() | {WARM_STARTS: warm_starts}

    def restore(self, state: Mapping[str, NDArray[np.float32]], history: Sequence[Losses]) -> None:
        """Go on from a `state` after the epochs of `history`."""
        self.history = list(history)
        self.warm_starts = [int(epochs) for epochs in state[WARM_STARTS]]
        found = fates(history, self.train.patience)
        self.survivors.restore(state, diverged=found.diverged, stopped=found.stopped)
        if self.buffers.validation:
            self.best.restore(state, history)

    def result(self) -> tuple[tuple[int, ...], Arrays]:
        """The seeds that have not diverged and their weights: with validation, the best ones."""
        if not self.buffers.validation:
            return self.survivors.seeds, self.survivors.engine.weights()
        good = ~fates(self.history, self.train.patience).diverged
        seeds = tuple(seed for seed, is_good in zip(self.train.seeds, good, strict=True) if is_good)
        return seeds, {name: array[good] for name, array in self.best.weights.items()}
