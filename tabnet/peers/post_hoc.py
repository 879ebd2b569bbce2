"""Explanations of a trained TabNet from outside, which need no masks: gradients, permutations."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from captum.attr import IntegratedGradients
from numpy.typing import NDArray
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score
from torch import Tensor

from tabnet.explain import Explainer
from tabnet.labelled import POSITIVE, Rows
from tabnet.model import network
from tabnet.peers.measured import Floats, as_mask
from tabnet.weights import Fitted

# Of the integral. Sparse masks bend the path: with 16 points attributions were off by up to 7 % of
# a row's mass, with 32 by less than 4 %.
STEPS = 32
REPEATS = 5
ROWS_AT_ONCE = 256  # times STEPS points
GRADIENTS = (
    f"integrated gradients of the log-odds (Sundararajan et al. 2017; captum), {STEPS} points of"
    " the path from the mean of the training rows; |attribution|, rows divided by their sums"
)
PERMUTATIONS = (
    f"permutation importance (Breiman 2001; scikit-learn): loss of AUC on the training rows,"
    f" {REPEATS} permutations a feature, the same for every row; a negative one counts as 0"
)


def integrated_gradients(fitted: Fitted, x: Floats, *, baseline: Floats) -> Floats:
    """Each seed's attributions as masks, K x B x D.

    integral over t in [0, 1] of d f(b + t (x - b)) / dx, times x - b, with f the log-odds of
    `yes` and b the `baseline` (D). Source: Sundararajan et al. 2017, equation 1.
    """
    rows, start = torch.from_numpy(x), torch.from_numpy(baseline)[None]
    masks = []
    for seed in fitted.seeds:  # one at a time: their graphs together would not fit into the cache
        method = IntegratedGradients(_LogOdds(fitted.only(seed)))
        parts = [
            method.attribute(part, baselines=start, n_steps=STEPS).detach()
            for part in rows.split(ROWS_AT_ONCE)
        ]
        masks.append(as_mask(torch.cat(parts).numpy()))
    return np.stack(masks)


class _LogOdds:
    """log P(yes) / (1 - P(yes)) of a model of one seed: B x D -> B."""

    def __init__(self, fitted: Fitted) -> None:
        self.network = network(fitted)
        self.positive = fitted.classes.index(POSITIVE)

    def __call__(self, x: Tensor) -> Tensor:
        logits = self.network(x[:, None])[0][:, 0]  # B x C
        others = torch.arange(logits.shape[1]) != self.positive
        odds: Tensor = logits[:, self.positive] - logits[:, others].logsumexp(1)
        return odds


def permutation_mask(fitted: Fitted, rows: Rows, *, size: int, seed: int) -> Floats:
    """The importance of each feature on `rows`, as `size` equal rows of a mask (size x D)."""
    found = permutation_importance(
        _Classifier(fitted), rows.x, rows.y, scoring=_auc, n_repeats=REPEATS, random_state=seed
    )
    return np.tile(as_mask(np.maximum(found.importances_mean, 0)[None]), (size, 1))


@dataclass(frozen=True)
class _Classifier:
    """A trained model as scikit-learn wants to see one."""

    fitted: Fitted

    def fit(self, x: Floats, y: NDArray[np.bool_]) -> Self:
        return self

    def probability(self, x: Floats) -> Floats:
        found = Explainer(self.fitted).seed_masks(np.ascontiguousarray(x)).probability
        return np.asarray(found[0, :, self.fitted.classes.index(POSITIVE)])


def _auc(classifier: _Classifier, x: Floats, y: NDArray[np.bool_]) -> float:
    return float(roc_auc_score(y, classifier.probability(x)))
