"""Faithfulness without a truth: what a model can do with the features that a mask puts first.

A row's features are ordered by its mask. Of its first k, either all others are replaced (keep:
sufficiency) or they themselves are (remove: comprehensiveness; DeYoung et al. 2020, "ERASER",
equations 1 and 2), and the model predicts anew. Replaced values are those of a row that was
trained on, the donor: all of a row's from the same donor, so that they go together, but
regardless of the values that stay (the marginal or interventional expectation of SHAP).

M models, B rows, D features, T draws (each with its donors, ties and random orders).
"""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tabnet.scores import area_under_roc, log_losses

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]
Places = NDArray[np.int64]
Predict = Callable[[NDArray[np.float32]], Floats]  # B x D -> M x B, each model's P(yes)

SCORES = ("auc", "log_loss", "drop")
# A call of a model costs as much as hundreds of rows: so many numbers, or of one k more, at once.
AT_ONCE = 2**20


class Curves(NamedTuple):
    """Scores of M models, the mean over draws: len(k) x M x len(SCORES) each."""

    k: NDArray[np.int64]
    keep: NDArray[np.float64]
    remove: NDArray[np.float64]


def places(mask: Floats, tie: Floats) -> Places:
    """The place (from 0) of each feature in its row's order, largest mask first: T x B x D.

    Of equal features in a row of `mask` (B x D), of which a sparse one has many at 0, the one with
    the smaller `tie` (T x B x D) comes first: random numbers make the order among them random.

    >>> places(np.array([[0.0, 0.7, 0.3, 0.0]]), np.array([[2.0, 0.0, 0.0, 1.0]]))
    array([[3, 0, 1, 2]])
    """
    order = np.lexsort((tie, np.broadcast_to(-mask, tie.shape)), axis=-1)
    return np.argsort(order, axis=-1)


def counts(n_features: int, *, most: int = 20) -> NDArray[np.int64]:
    """The numbers k of features to keep or remove: all from 0 to D, of many ever fewer.

    Above `most` features the numbers grow geometrically, since what matters comes first.

    >>> counts(4).tolist(), counts(1000, most=6).tolist()
    ([0, 1, 2, 3, 4], [0, 1, 4, 16, 63, 251, 1000])
    """
    if n_features <= most:
        return np.arange(n_features + 1)
    several = np.rint(np.geomspace(1, n_features, most)).astype(np.int64)
    return np.unique(np.concatenate([[0], several]))


def curves(
    predict: Predict,
    *,
    x: NDArray[np.float32],
    place: Places,
    donors: NDArray[np.float32],
    label: Bools,
    known: Bools | None = None,
) -> Curves:
    """Scores of the models' predictions for the rows `x` (B x D) as k grows.

    `place`: T x B x D, the places of the features in each row's order; `donors`: T x B x D, where
    replaced values come from; `label`: B, and `known` where it is. The scores are averaged over
    draws, not the probabilities, so that more draws make them less noisy and change nothing else.
    """
    known = np.ones(len(x), bool) if known is None else known
    intact = predict(x)
    k = counts(x.shape[1])
    keep, remove = (np.zeros((len(k), len(intact), len(SCORES))) for _ in range(2))
    for order, other in zip(place, donors, strict=True):
        replaced = predict(other)
        between = _changed(predict, x, order, other, k[1:-1])
        pairs = chain([(replaced, intact)], between, [(intact, replaced)])
        for i, (kept, removed) in enumerate(pairs):
            keep[i] += scores(kept, intact, label, known=known) / len(place)
            remove[i] += scores(removed, intact, label, known=known) / len(place)
    return Curves(k, keep, remove)


def _changed(
    predict: Predict, x: NDArray[np.float32], order: Places, other: Floats, k: NDArray[np.int64]
) -> Iterator[tuple[Floats, Floats]]:
    """Predictions for each k, M x B: with the first k features kept, and with them removed."""
    several = max(1, AT_ONCE // (2 * x.size))
    for start in range(0, len(k), several):
        top = order < k[start : start + several, None, None]
        rows = np.where(np.stack([top, ~top], axis=1), x, other)  # several x 2 x B x D
        found = predict(rows.reshape(-1, x.shape[1]))
        kept, removed = found.reshape(-1, *rows.shape[:3]).transpose(2, 1, 0, 3)
        yield from zip(kept, removed, strict=True)


def scores(changed: Floats, intact: Floats, label: Bools, *, known: Bools) -> NDArray[np.float64]:
    """AUC, log loss (nats) and drop of changed predictions (M x B): M x 3.

    The drop is the loss of the probability of what the model predicted for the intact row, the
    positive class or not, averaged over rows: ERASER's m(x)_j - m(x')_j, which needs no label.
    """
    sign = np.where(intact > 0.5, 1.0, -1.0)  # M x B
    drop = (sign * (intact - changed.astype(np.float64))).mean(axis=1)
    truth, p = label[known], changed.compress(known, axis=1)
    areas = [area_under_roc(one, truth) for one in p]
    return np.stack([areas, log_losses(p, truth), drop], axis=1)


def areas(found: Curves) -> dict[str, NDArray[np.float64]]:
    """The area under each curve over k / D, which is its mean height: M each, by name.

    `sufficiency_<score>` of what is kept: of a mask that finds what the model uses, AUC is high,
    log loss and drop are low. `comprehensiveness_<score>` of what is removed: the other way round.
    """
    share = found.k / found.k[-1]
    return {
        f"{name}_{score}": np.asarray(np.trapezoid(curve[..., s], share, axis=0))
        for name, curve in (("sufficiency", found.keep), ("comprehensiveness", found.remove))
        for s, score in enumerate(SCORES)
    }


def fixed_order(importance: Floats, tie: Floats) -> Places:
    """The `places` of features in falling importance (D), the same on all rows: T x B x D.

    Of equal ones the order is random as well, by the first row's `tie` (T x B x D).
    """
    return np.broadcast_to(places(importance, tie[:, :1]), tie.shape)
