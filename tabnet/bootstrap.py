"""The bootstrap of the rows: the same seeds trained again, on rows drawn with replacement."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabnet import device
from tabnet.errors import DivergedError
from tabnet.explain import Explainer, consensus
from tabnet.kernel.threads import cores
from tabnet.params import Model, Train
from tabnet.stability import interprestability, mean_distance, variation
from tabnet.train import fit

Floats = NDArray[np.float32]
BySeed = Mapping[int, Floats]  # each seed's aggregate masks, B x D

TRIES = 100

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rows:
    """Rows to train on (N x D) and their labels (N)."""

    x: Floats
    y: NDArray[np.generic]


def resample(y: NDArray[np.generic], rng: np.random.Generator) -> NDArray[np.int64]:
    """As many rows as there are labels, drawn with replacement, so that no class is missing.

    Draws are repeated until none is. Where that takes more than `TRIES`, as of many classes of few
    rows, one row of each class is drawn first.
    """
    classes, of_row = np.unique(y, return_inverse=True)
    for _ in range(TRIES):
        rows = rng.integers(0, len(y), len(y))
        if len(np.unique(of_row[rows])) == len(classes):
            return rows
    each = [rng.choice(np.flatnonzero(of_row == c)) for c in range(len(classes))]
    return np.concatenate([each, rng.integers(0, len(y), len(y) - len(each))])


def resampled_masks(
    rows: Rows,
    x: Floats,
    *,
    model: Model,
    train: Train,
    seeds: Sequence[int],
    resamples: int,
    rng: np.random.Generator,
) -> Iterator[BySeed]:
    """The masks of the rows `x` (B x D) by models that were trained on each of the resamples.

    A seed that diverges on a resample is missing there; a resample on which all do is left out,
    with a warning. With `train.validation_share`, rows that are held out have copies among those
    trained on: a seed's best epoch comes later than on rows that it has not seen.
    """
    streams = rng.spawn(resamples)
    where = device.resolve(train.device)
    at_once, few = _side_by_side(train, where, seeds, resamples)

    def masks(number: int) -> BySeed | None:
        drawn = resample(rows.y, streams[number])
        try:
            fitted, _ = fit(rows.x[drawn], rows.y[drawn], model=model, train=few)
        except DivergedError as error:
            logger.warning("resample %d is left out: %s", 1 + number, error)
            return None
        explained = Explainer(fitted, device=where, threads=few.threads).seed_masks(x)
        return dict(zip(fitted.seeds, explained.aggregate, strict=True))

    with ThreadPoolExecutor(at_once) as pool:
        yield from filter(None, pool.map(masks, range(resamples)))


def _side_by_side(
    train: Train, where: str, seeds: Sequence[int], resamples: int
) -> tuple[int, Train]:
    """How many resamples to train at once, and how to train each.

    On the CPU a thread trains a whole resample: few seeds divide badly among threads. Where the
    number of threads is free there are two for each core, among which the system divides it.
    """
    few = train.afresh(seeds)
    if where != "cpu":
        return 1, few
    threads = 2 * cores() if train.threads == "auto" else train.threads
    return max(1, min(threads, resamples)), few.model_copy(update={"threads": 1})


def summary(
    resampled: Sequence[BySeed], whole: BySeed, *, seeds: Sequence[int]
) -> dict[str, float]:
    """What the bootstrap says, of the masks by resample and of those with all rows (`whole`).

    Consensus masks here are those of the `seeds` that have diverged on no resample; distances are
    the total variation, mean over rows. What compares two resamples or two groups of seeds is NaN
    where there are fewer of them, and all of it where there is no such seed.

    - `distance`: between the consensus masks of two resamples; `distance_of_seeds`: between those
      of one seed. Rows alone differ.
    - `distance_to_all_rows`: from a resample's consensus to that of the same seeds on all rows.
    - `distance_by_chance`: between the consensus masks of disjoint groups of as many seeds, all
      trained on all rows; `distance_of_seeds_by_chance`: between those of two seeds. What differs
      where seeds alone do.
    - `interprestability` of the resamples' consensus masks, `interprestability_of_seeds` the mean
      over seeds of that of a seed's own masks, one model a resample.
    """
    common = [seed for seed in seeds if all(seed in one for one in resampled)]
    of_seeds = [[one[seed] for one in resampled] for seed in common]
    middles = [_middle([one[seed] for seed in common]) for one in resampled if common]
    same = [whole[seed] for seed in common]
    chance = [_middle(group) for group in _groups(list(whole.values()), len(common))]
    return {
        "resamples": len(resampled),
        "distance": mean_distance(middles),
        "distance_of_seeds": _mean([mean_distance(masks) for masks in of_seeds]),
        "distance_to_all_rows": _mean([float(variation(one, _middle(same))) for one in middles]),
        "distance_by_chance": mean_distance(chance),
        "distance_of_seeds_by_chance": mean_distance(list(whole.values()) if common else []),
        "interprestability": interprestability(_importances(middles)),
        "interprestability_of_seeds": _mean(
            [interprestability(_importances(masks)) for masks in of_seeds]
        ),
    }


def _middle(masks: Sequence[Floats]) -> Floats:
    return consensus(np.stack(masks))


def _groups(masks: Sequence[Floats], size: int) -> list[Sequence[Floats]]:
    """Disjoint groups of `size`, as many as there are; none of fewer, or of 0."""
    return [masks[i - size : i] for i in range(size, len(masks) + 1, size)] if size else []


def _importances(masks: Sequence[Floats]) -> NDArray[np.float64]:
    return np.array([mask.mean(axis=0, dtype=np.float64) for mask in masks])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
