"""What the page holds of an explanation: a bounded number of rows, and bins over all of them.

The budget is in mask cells. Where all rows fit, the page holds each of them. Where they do not, it
holds two things: bins over all rows in the order of `report.sort_by` (maximum and mean of each bin)
and a sample of rows, every so many-th in that order and the rows of lowest agreement, for the
other orders, the other seeds and single observations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from tabnet.explanation_files import AGGREGATE_OF_SEED
from tabnet.report import pooling
from tabnet.report.explanation import Bools, Explanation, Floats, Predictions

CELLS = 1_500_000  # mask cells held in full: 5000 rows of 10 features in 30 panels
ROWS = 7_500  # held in full, at most
SAMPLE_CELLS = 350_000  # of the sample, where there are bins
BINNED_CELLS = 250_000  # of the bins: 5000 of 10 features in 5 panels
LOWEST = 50  # rows of lowest agreement that a sample always holds
FEATURES = 40  # rows of a panel; of more features, those of highest importance

Ints = npt.NDArray[np.integer]


@dataclass(frozen=True, kw_only=True)
class Bins:
    """All rows, cut into n bins in the order of the key.

    Shapes: edges n + 1; key (means) n; peak and mean panel -> n x D; truth (share) n x D.
    """

    edges: Ints
    key: npt.NDArray[np.float64]
    peak: dict[str, Floats]
    mean: dict[str, Floats]
    truth: Floats | None


@dataclass(frozen=True, kw_only=True)
class Store:
    """M rows, ascending in the sort key, and the D features that are drawn.

    Shapes: row (in the file), position (among all rows in the order of the key) and key M; values,
    truth and each mask M x D; by_seed (P(yes)) M x K. Without `bins`, these are all rows. Of all
    rows in any case: votes (how many have 0 to K votes of the K seeds, apart by their truth, all
    false where it is not known) 2 x D x (K + 1).
    """

    features: tuple[int, ...]
    row: Ints
    position: Ints
    key: npt.NDArray[np.float64]
    values: Floats | None
    truth: Bools | None
    masks: dict[str, Floats]
    predictions: Predictions | None
    by_seed: Floats | None
    votes: Ints
    bins: Bins | None


def shown_features(importance: npt.ArrayLike) -> tuple[int, ...]:
    """The features that are drawn, in file order: those of highest importance.

    >>> shown_features([0.2, 0.8])
    (0, 1)
    """
    best = np.argsort(-np.asarray(importance), kind="stable")[:FEATURES]
    return tuple(sorted(int(j) for j in best))


def collect(
    explanation: Explanation, *, sort_by: str, features: tuple[int, ...], share: float = 1.0
) -> Store:
    """One pass over each file of the explanation, in batches of rows; `share` scales the budget.

    Raises:
        OSError, ValueError: as `tables.batches` does, or `sort_by` is no column.
    """
    key = explanation.key(sort_by)
    order = pooling.order(key)
    drawn = explanation.panels
    others = [
        f"{AGGREGATE_OF_SEED}{seed}" for seed in explanation.seeds if seed != explanation.shown
    ]
    width = max(len(features), 1)
    held = width * (len(drawn) + len(others))
    exact = explanation.rows <= share * min(ROWS, CELLS / held)
    position: Ints = np.arange(explanation.rows)
    if not exact:
        position = _sample(
            explanation.predictions, order, rows=_at_least_1(share * SAMPLE_CELLS / held)
        )
    most_bins = _at_least_1(share * BINNED_CELLS / (width * len(drawn)))
    reader = _Reader(
        order,
        rows=order[position],
        width=len(explanation.features),
        features=features,
        bins=0 if exact else min(explanation.rows, most_bins, pooling.MOST_BINS),
    )
    seeds = len(explanation.seeds)
    votes = pooling.Votes(rows=explanation.rows, columns=features, most=seeds)
    for panel in [*drawn, *others]:
        of_seed = panel in others or (panel == "aggregate" and len(others) < seeds)
        also = [votes] if of_seed else []
        reader.read(panel, explanation.masks(panel), binned=panel in drawn, also=also)
    reader.read("values", explanation.feature_values(), binned=False)
    known, tally = explanation.relevance is not None, pooling.Tally(votes)
    if known:
        reader.read("truth", explanation.truths(), binned=True, also=[tally])
    else:
        tally.add(0, np.zeros((explanation.rows, len(explanation.features)), bool))
    return Store(
        features=features,
        row=order[position],
        position=position,
        key=key[order[position]],
        values=None if explanation.values is None else reader.rows["values"],
        truth=reader.rows["truth"] > 0 if known else None,
        masks={panel: reader.rows[panel] for panel in [*drawn, *others]},
        predictions=_select(explanation.predictions, order[position]),
        by_seed=_by_seed(explanation, order[position]),
        votes=tally.rows,
        bins=None if exact else reader.collected(drawn, key=_means(key[order], reader.bins)),
    )


class _Reader:
    """Reads matrices in one pass each: chosen rows, and reductions over the bins of all rows."""

    def __init__(
        self, order: Ints, *, rows: Ints, width: int, features: tuple[int, ...], bins: int
    ) -> None:
        self.bins = bins
        self.rows: dict[str, Floats] = {}
        self.peak: dict[str, Floats] = {}
        self.mean: dict[str, Floats] = {}
        self._total = len(order)
        self._width = width
        self._features = list(features)
        self._bin_of_row = pooling.bin_of_row(order, bins) if bins else None
        self._picked = np.sort(rows)
        self._back = np.searchsorted(self._picked, rows)

    def read(
        self,
        name: str,
        batches: Iterable[pooling.Array],
        *,
        binned: bool,
        also: Sequence[pooling.Reduction] = (),
    ) -> None:
        # Features are chosen last: to copy them out of each batch takes longer than to reduce all.
        pick = pooling.Pick(self._picked, self._width)
        if binned and self._bin_of_row is not None:
            pool = pooling.Pool(self._bin_of_row, bins=self.bins, width=self._width)
            pooling.scan(batches, pick, pool, *also)
            self.peak[name] = pool.peak[:, self._features]
            self.mean[name] = pool.mean[:, self._features].astype(np.float32)
        else:
            pooling.scan(batches, pick, *also)
        self.rows[name] = pick.values[self._back][:, self._features]

    def collected(self, panels: Sequence[str], *, key: npt.NDArray[np.float64]) -> Bins:
        """The reductions of what was read."""
        return Bins(
            edges=pooling.edges(self._total, self.bins),
            key=key,
            peak={panel: self.peak[panel] for panel in panels},
            mean={panel: self.mean[panel] for panel in panels},
            truth=self.mean.get("truth"),
        )


def _at_least_1(number: float) -> int:
    return max(1, int(number))


def _means(key: npt.NDArray[np.float64], bins: int) -> npt.NDArray[np.float64]:
    return np.asarray(pooling.pool(key[:, None], bins=bins, how="mean")[:, 0])


def _sample(predictions: Predictions | None, order: Ints, *, rows: int) -> Ints:
    """Positions in the order: evenly spaced, and those of the rows of lowest agreement."""
    even = ((np.arange(rows) + 0.5) * len(order) / rows).astype(np.int64)
    if predictions is None:
        return np.unique(even)
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    lowest = np.argsort(predictions.agreement, kind="stable")[:LOWEST]
    return np.union1d(even, position[lowest])


def _by_seed(explanation: Explanation, rows: Ints) -> Floats | None:
    """P(yes) of each seed (M x K)."""
    if explanation.predictions is None:
        return None
    seeds = tuple(range(len(explanation.seeds)))
    reader = _Reader(rows, rows=rows, width=len(seeds), features=seeds, bins=0)
    reader.read("by_seed", explanation.seed_probabilities(), binned=False)
    return reader.rows["by_seed"]


def _select(predictions: Predictions | None, rows: Ints) -> Predictions | None:
    if predictions is None:
        return None
    parts = {f.name: getattr(predictions, f.name)[rows] for f in fields(Predictions)}
    return Predictions(**parts)
