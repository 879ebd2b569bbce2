"""Trained models as functions of rows: masks by seed, probabilities by seed and of all together."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tabnet import device
from tabnet.explain import Explainer, SeedMasks
from tabnet.params import Params
from tabnet.weights import Fitted

Floats = NDArray[np.float32]


class Ensemble:
    """The K seeds of a trained model, computed in batches of `explain.batch_rows`.

    Raises ValueError if `positive`, the label that is yes, is not one that the model knows.
    """

    def __init__(self, fitted: Fitted, params: Params, *, positive: str) -> None:
        if positive not in fitted.classes:
            raise ValueError(f"the model must know the label {positive}, however: {fitted.classes}")
        self._fitted, self._params, self._positive = fitted, params, positive
        where = device.resolve(params.train.device)
        self._explainer = Explainer(fitted, device=where, threads=params.train.threads)
        self.seeds = fitted.seeds

    def only(self, seed: int) -> "Ensemble":
        """One of the seeds alone."""
        return Ensemble(self._fitted.only(seed), self._params, positive=self._positive)

    def masks(self, x: Floats) -> Floats:
        """Each seed's aggregate masks, B x D -> K x B x D."""
        return self._computed(x, lambda found: found.aggregate)

    def alone(self, x: Floats) -> Floats:
        """P(yes) by each seed, B x D -> K x B."""
        yes = self._fitted.classes.index(self._positive)
        return self._computed(x, lambda found: found.probability[..., yes])

    def together(self, x: Floats) -> Floats:
        """P(yes), first the mean over seeds, then by each seed: B x D -> (1 + K) x B."""
        alone = self.alone(x)
        return np.concatenate([alone.mean(0, keepdims=True), alone])

    def _computed(self, x: Floats, part: Callable[[SeedMasks], Floats]) -> Floats:
        size = self._params.explain.batch_rows
        batches = (x[start : start + size] for start in range(0, len(x), size))
        return np.concatenate([part(self._explainer.seed_masks(b)) for b in batches], axis=1)
