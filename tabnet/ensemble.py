"""Trained models as functions of rows: masks by seed, probabilities by seed and of all together."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tabnet.errors import InputError
from tabnet.explain import Explainer, SeedMasks
from tabnet.kernel.threads import Wanted
from tabnet.weights import Fitted

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Ensemble:
    """The K seeds of a trained model, computed on `device`, `batch_rows` rows at a time.

    Raises ValueError if `positive`, the label that is yes, is not one that the model knows.
    """

    fitted: Fitted
    positive: str
    device: str = "cpu"
    threads: Wanted = "auto"
    batch_rows: int = 8192

    def __post_init__(self) -> None:
        known = self.fitted.classes
        if self.positive not in known:
            raise InputError(f"the model must know the label {self.positive!r}, however: {known}")

    @cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self.fitted, device=self.device, threads=self.threads)

    def only(self, seed: int) -> "Ensemble":
        """One of the seeds alone."""
        return replace(self, fitted=self.fitted.only(seed))

    def masks(self, x: Floats) -> Floats:
        """Each seed's aggregate masks, B x D -> K x B x D."""
        return self._computed(x, lambda found: found.aggregate)

    def alone(self, x: Floats) -> Floats:
        """P(yes) by each seed, B x D -> K x B."""
        yes = self.fitted.classes.index(self.positive)
        return self._computed(x, lambda found: found.probability[..., yes])

    def mean(self, x: Floats) -> Floats:
        """P(yes), the mean over seeds, B x D -> 1 x B."""
        return np.asarray(self.alone(x).mean(0, keepdims=True))

    def together(self, x: Floats) -> Floats:
        """P(yes), first the mean over seeds, then by each seed: B x D -> (1 + K) x B."""
        alone = self.alone(x)
        return np.concatenate([alone.mean(0, keepdims=True), alone])

    def _computed(self, x: Floats, part: Callable[[SeedMasks], Floats]) -> Floats:
        size = self.batch_rows
        batches = [x[start : start + size] for start in range(0, len(x), size)] or [x]
        return np.concatenate([part(self._explainer.seed_masks(b)) for b in batches], axis=1)
