"""Masks scored against the truly relevant features, predictions against labels.

Every score is between 0 and 1 but the log loss. A score that is not defined (no row with a label,
labels of one class, no relevant cell) is NaN.
"""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.floating]
Bools = NDArray[np.bool_]

MARGIN = float(np.finfo(np.float32).eps)  # as near to 0 and 1 as a log loss takes a probability


def mask_scores(mask: Mask, relevance: Bools, *, threshold: float) -> dict[str, float]:
    """How well a mask (B x D, >= 0) finds the relevant features (B x D).

    - `rma`, `rra`: `relevance_mass` and `relevance_rank`.
    - `tpr`, `fdr`: true positive rate and false discovery rate of the cells above `threshold`, of
      each row, averaged (INVASE, Yoon et al. 2019, section 5.1); a row without a selected cell
      discovers nothing falsely.
    - `mask_auroc`, `mask_average_precision`: of all cells together, ranked by the mask.

    Raises:
        ValueError: the shapes differ or are not B x D, or there are no rows.
    """
    if mask.shape != relevance.shape or mask.ndim != 2 or not len(mask):
        raise ValueError(
            "mask and relevance must be B x D with B of at least 1,"
            f" however: {mask.shape} and {relevance.shape}"
        )
    selected, relevance = mask > threshold, relevance.astype(bool)  # B x D
    found = (selected & relevance).sum(axis=1)  # B
    cells = mask.ravel(), relevance.ravel()
    return {
        "rma": relevance_mass(mask, relevance),
        "rra": relevance_rank(mask, relevance),
        "tpr": _mean_ratio(found, relevance.sum(axis=1)),
        "fdr": float(np.mean((selected.sum(axis=1) - found) / np.maximum(selected.sum(axis=1), 1))),
        "mask_auroc": area_under_roc(*cells),
        "mask_average_precision": average_precision(*cells),
    }


def relevance_mass(mask: Mask, relevance: Bools) -> float:
    """The share of a row's mass on its relevant features (Arras et al. 2022, equation 1).

    Averaged over the rows with a relevant feature; a row without mass counts as 0.
    """
    total = mask.sum(axis=1, dtype=np.float64)  # B
    inside = np.where(relevance, mask, 0).sum(axis=1, dtype=np.float64)
    share = np.divide(inside, total, out=np.zeros_like(total), where=total > 0)
    return _mean(share[relevance.any(axis=1)])


def relevance_rank(mask: Mask, relevance: Bools) -> float:
    """The share of a row's top k that is relevant, k its relevant features (Arras et al., eq. 2).

    Averaged over the rows with a relevant feature. Of equal cells the irrelevant ones rank first:
    a mask that cannot tell them apart earns nothing by their order. Nor does it by cells at 0: they
    are in no top, so that a row without mass counts as 0, whatever its number of relevant features.
    """
    relevance = relevance.astype(bool)
    relevant = relevance.sum(axis=1, keepdims=True)  # B x 1
    ascending = np.sort(mask, axis=1)
    place = np.minimum(mask.shape[1] - relevant, mask.shape[1] - 1)
    last = np.take_along_axis(ascending, place, axis=1)  # B x 1, the k-th largest
    above, equal = mask > last, mask == last
    places = relevant[:, 0] - above.sum(axis=1) - (equal & ~relevance).sum(axis=1)
    named = np.where(last[:, 0] > 0, np.maximum(places, 0), 0)
    hits = (above & relevance).sum(axis=1) + named
    return _mean_ratio(hits, relevant[:, 0])


def prediction_scores(probability: NDArray[np.floating], label: Bools) -> dict[str, float]:
    """AUC, log loss (nats), accuracy and Brier score of P(yes) (B) given the labels (B).

    For the log loss, probabilities are clipped to [eps, 1 - eps], eps that of float32 (1.2e-7), as
    scikit-learn does: it is finite.

    Raises:
        ValueError: the shapes differ or are not B.
    """
    if probability.shape != label.shape or label.ndim != 1:
        raise ValueError(
            f"probability and label must be B, however: {probability.shape} and {label.shape}"
        )
    if not len(label):
        return dict.fromkeys(("auc", "log_loss", "accuracy", "brier"), float("nan"))
    p = probability.astype(np.float64)
    return {
        "auc": area_under_roc(p, label),
        "log_loss": float(log_losses(p[None], label)[0]),
        "accuracy": _mean((p > 0.5) == label),
        "brier": _mean((p - label) ** 2),
    }


def bayes_scores(probability: NDArray[np.float64], label: Bools) -> dict[str, float]:
    """`prediction_scores` of the true P(yes | x) (B): on average, no model of x has better ones.

    The log loss is exact: 0 where labels have no noise, infinite for a label that cannot be.

    Raises:
        ValueError: the shapes differ or are not B.
    """
    found = prediction_scores(probability, label)
    if not len(label):
        return found
    with np.errstate(divide="ignore"):
        surprise = -np.log(np.where(label, probability, 1 - probability))
    return {**found, "log_loss": abs(float(surprise.mean()))}  # the mean of -log(1) is -0.0


def area_under_roc(score: NDArray[np.floating], truth: Bools) -> float:
    """The share of (true, false) pairs in which the true one has the larger score; ties count half.

    Both N. NaN where all are true, or none is.

    >>> area_under_roc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, True, False, True]))
    0.875
    """
    truth = truth.astype(bool)
    no, yes = np.sort(score[~truth]), np.sort(score[truth])
    if not (len(no) and len(yes)):
        return float("nan")
    below, upto = (np.searchsorted(no, yes, side=side) for side in ("left", "right"))
    return float((below + upto).mean() / 2 / len(no))


def average_precision(score: NDArray[np.floating], truth: Bools) -> float:
    """The precision at each distinct score, weighted by the recall that is gained there.

    Both N. NaN where none is true. Equal scores are taken up together, in no order.

    >>> average_precision(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, True, False, True]))
    0.8333333333333333
    """
    truth = truth.astype(bool)
    if not truth.any():
        return float("nan")
    falling = np.argsort(-score)
    score, found = score[falling], np.cumsum(truth[falling])
    last = np.append(score[1:] != score[:-1], True)  # of equal ones
    places, found = np.flatnonzero(last) + 1, found[last]
    return float((found / places * np.diff(found, prepend=0)).sum() / found[-1])


def log_losses(p: NDArray[np.floating], label: Bools) -> NDArray[np.float64]:
    """The mean cross entropy of the probabilities `p` (M x B), in nats, M; NaN without rows.

    Clipped as in `prediction_scores`.
    """
    if not len(label):
        return np.full(len(p), np.nan)
    right = np.where(label, p, 1 - p.astype(np.float64))
    return np.asarray(-np.log(right.clip(MARGIN, 1 - MARGIN)).mean(axis=1))


def importance(mask: Mask) -> NDArray[np.float64]:
    """The mean of a mask (B x D) over its rows, as a distribution over features (D).

    All 0 where the mask is.
    """
    total = mask.sum(axis=0, dtype=np.float64)
    return np.asarray(total / (total.sum() or 1))


def _mean(values: NDArray[np.bool_ | np.number]) -> float:
    return float(np.mean(values, dtype=np.float64)) if len(values) else float("nan")


def _mean_ratio(part: NDArray[np.integer], whole: NDArray[np.integer]) -> float:
    """The mean of part / whole where whole is positive."""
    return _mean(part[whole > 0] / whole[whole > 0])
