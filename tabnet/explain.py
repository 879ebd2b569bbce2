"""Explanation: which features TabNet used for each row, seed by seed and over all seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tabnet import device
from tabnet.arrays import finite_rows, named
from tabnet.errors import InputError
from tabnet.kernel.consensus import consensus as kernel_consensus
from tabnet.kernel.explainer import KernelExplainer
from tabnet.kernel.threads import Threads, Wanted, chosen
from tabnet.masks import Masks, normalise
from tabnet.params import Device
from tabnet.weights import Fitted

Floats = NDArray[np.float32]

ROUNDING = 1e-6  # relative, of float32 sums


@dataclass(frozen=True)
class SeedMasks:
    """Every seed's aggregate masks and predictions for B rows.

    `aggregate`: K x B x D, each row on the simplex (or all 0, where no step contributes);
    `total`: K x B, what `aggregate` was divided by; `probability`: K x B x C.
    """

    aggregate: Floats
    total: Floats
    probability: Floats


@dataclass(frozen=True)
class Explanation:
    """The masks and predictions of B rows by K seeds.

    `consensus` B x D, each row on the simplex, or 0 where no feature has half of the seeds;
    `agreement` B, 1 less the mean `distance` of the seeds' masks to it; `probability` B x C, the
    mean over seeds; `by_seed` holds each of the `seeds`' own; `shown`, the seed whose step masks
    are in `steps` (S x B x D): by default the representative one, whose aggregate masks are nearest
    to the consensus.
    """

    features: tuple[str, ...]
    classes: tuple[str, ...]
    seeds: tuple[int, ...]
    consensus: Floats
    agreement: Floats
    probability: Floats
    by_seed: SeedMasks
    shown: int
    steps: Floats


class Explainer:
    """A trained model, ready to explain batches of rows: in compiled code on the CPU."""

    def __init__(self, fitted: Fitted, *, device: str = "cpu", threads: Wanted = 1) -> None:
        threads = chosen(threads, work=math.inf)
        self.fitted, self.seeds = fitted, fitted.seeds
        self._masks = _masks(fitted, device, threads)
        self._threads = Threads(threads)

    def masks(self, x: Floats, *, steps: bool) -> Masks:
        """Everything for the rows `x` (B x D), the masks of every decision step if so asked.

        Raises ValueError for other columns than the model's, or where a row has numbers so large
        that nothing can be computed from them.
        """
        x = np.asarray(x, np.float32)
        if x.shape[1:] != (len(self.fitted.features),):
            raise InputError(
                f"rows must be B x {len(self.fitted.features)} numbers, however: {x.shape}"
            )
        found = self._masks(x, steps=steps)
        finite = np.isfinite(found.total).all(0) & np.isfinite(found.probability).all((0, 2))
        if not finite.all():
            largest = np.abs(x[~finite][0]).max()
            raise InputError(
                "rows must have numbers from which masks can be computed, however: one with "
                f"{largest:g} has none"
            )
        return found

    def seed_masks(self, x: Floats) -> SeedMasks:
        """Aggregate masks and predictions of all seeds for the rows `x` (B x D)."""
        masks = self.masks(x, steps=False)
        return SeedMasks(masks.aggregate, masks.total, masks.probability)

    def step_masks(self, x: Floats) -> Floats:
        """The masks of every decision step of a model of one seed, S x B x D."""
        assert len(self.seeds) == 1
        steps: Floats = self.masks(x, steps=True).steps[0]
        return steps

    def consensus(self, aggregate: Floats) -> tuple[Floats, Floats]:
        """`consensus` of the masks and each seed's `distance` to it, in compiled code."""
        return kernel_consensus(aggregate, self._threads)


class Compute(Protocol):
    """Trained networks that explain rows (B x D), wherever they are computed."""

    def __call__(self, x: Floats, *, steps: bool) -> Masks: ...


def _masks(fitted: Fitted, device: str, threads: int) -> Compute:
    if device == "cpu":
        return KernelExplainer(
            fitted.model, fitted.weights, n_features=len(fitted.features), threads=threads
        )
    # Imported only where it computes: importing torch takes longer than most stages.
    from tabnet.torch_explainer import TorchExplainer

    return TorchExplainer(fitted, device=device)


def consensus(aggregate: Floats) -> Floats:
    """The elementwise median over seeds of the aggregate masks (K x B x D -> B x D), normalised.

    A seed's masks carry that seed's noise, and so does a mean over seeds; what fewer than half of
    the seeds select, the median drops. A row on which it drops everything is 0: the seeds agree on
    nothing. The consensus of one seed is that seed's mask.
    """
    if len(aggregate) == 1:  # it has its sums already; to divide by them again would move bits
        return np.asarray(aggregate[0])
    return normalise(np.median(aggregate, axis=0))[0]


def distance(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """The total variation distance of two masks' rows (... x B x D), in [0, 1]: ... x B.

    Half the sum of absolute differences, of rows that are distributions. A row of 0 is none: it
    has nothing in common with one that is, and their distance is 1.

    >>> distance(np.array([[0.75, 0.25], [0, 1], [0, 0]]), np.array([[1, 0], [0, 0], [0, 0]]))
    array([0.25, 1.  , 0.  ])
    """
    half = np.abs(a - b).sum(-1, dtype=np.float64) / 2
    return np.where(a.any(-1) == b.any(-1), half, 1.0)


def explain(
    fitted: Fitted,
    x: pd.DataFrame | ArrayLike,
    *,
    batch_rows: int = 8192,
    seed: int | Literal["auto"] = "auto",
    device_name: Device = "cpu",
) -> Explanation:
    """Explain rows: masks by step, by seed and in consensus, and predictions.

    `x`: B x D finite numbers; a DataFrame must have the model's features, by name, and may have
    more. `batch_rows` rows are computed at a time. `seed` is the one whose step masks are wanted.

    Raises ValueError for columns that are not the model's, numbers that are not finite or too large
    to compute with, a seed that was not trained, a device that the machine lacks, or `batch_rows`
    that is no whole number of at least 1.
    """
    if not isinstance(batch_rows, Integral) or batch_rows < 1:
        raise InputError(
            f"batch_rows must be a whole number of at least 1, however: {batch_rows!r}"
        )
    rows = model_rows(fitted, x)
    if seed != "auto":
        fitted.only(seed)
    where = device.resolve(device_name, key="device_name")
    batches = [rows[i : i + batch_rows] for i in range(0, len(rows), batch_rows)] or [rows]
    explainer = Explainer(fitted, device=where, threads="auto")
    by_seed = _concatenate([explainer.seed_masks(batch) for batch in batches])
    middle, distances = explainer.consensus(by_seed.aggregate)
    shown = (
        representative(fitted.seeds, distances.sum(1, dtype=np.float64)) if seed == "auto" else seed
    )
    steps = Explainer(fitted.only(shown), device=where, threads="auto")
    return Explanation(
        features=fitted.features,
        classes=fitted.classes,
        seeds=fitted.seeds,
        consensus=middle,
        agreement=1 - distances.mean(0),
        probability=by_seed.probability.mean(0),
        by_seed=by_seed,
        shown=shown,
        steps=np.concatenate([steps.step_masks(batch) for batch in batches], axis=1),
    )


def representative(seeds: Sequence[int], distances: NDArray[np.floating]) -> int:
    """The seed with the smallest distance to the consensus; the first of equals.

    Equal are those that differ by rounding: two seeds are equally far from their median.
    """
    return seeds[int(np.argmax(distances <= distances.min() * (1 + ROUNDING)))]


def model_rows(fitted: Fitted, x: pd.DataFrame | ArrayLike) -> Floats:
    """`x` as the float32 rows that the model takes: its features, in its order."""
    x = named(x)
    if isinstance(x, pd.DataFrame):
        x = x.set_axis(list(map(str, x.columns)), axis=1)
        if missing := [name for name in fitted.features if name not in x.columns]:
            raise InputError(f"x must have the model's columns, however: {missing[0]} is missing")
        repeated = set(x.columns[x.columns.duplicated()])
        if odd := [name for name in fitted.features if name in repeated]:
            raise InputError(f"x must have each column once, however: {odd[0]} is repeated")
        x = x[list(fitted.features)]
    rows = finite_rows(x)
    if rows.shape[1] != len(fitted.features):
        raise InputError(
            f"x must have the model's {len(fitted.features)} columns, however: {rows.shape[1]}"
        )
    return rows


def _concatenate(parts: Sequence[SeedMasks]) -> SeedMasks:
    return SeedMasks(
        *(
            np.concatenate([getattr(part, name) for part in parts], axis=1)
            for name in ("aggregate", "total", "probability")
        )
    )
