"""What can be said about masks without knowing the truth: faithfulness and stability, together."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tabnet import bootstrap, device, orders, stability
from tabnet.arrays import class_labels
from tabnet.bootstrap import Rows
from tabnet.ensemble import Ensemble
from tabnet.errors import InputError
from tabnet.explain import consensus, model_rows
from tabnet.orders import CONSENSUS, FIXED, RANDOM, SEEDS, Sample, Scores
from tabnet.params import Model, Train, Trust
from tabnet.spread import over_seeds
from tabnet.votes import undecided_share
from tabnet.weights import Fitted

Floats = NDArray[np.float32]

# What `stream` is asked for; each has random numbers of its own.
ROWS, DRAWS, NOISE, RESAMPLES, TRAINED_ON = range(5)


@dataclass(frozen=True)
class Settings:
    """How models are trained, judged, and computed, `batch_rows` rows at a time."""

    model: Model
    train: Train
    trust: Trust
    batch_rows: int = 8192


@dataclass(frozen=True)
class Measures:
    """Scores of the consensus, of each seed, of the orders compared with, and of the bootstrap.

    `curves`: as of `orders.Faithfulness`.
    """

    consensus: Scores
    by_seed: Mapping[int, Scores]
    others: Mapping[str, Scores]
    bootstrap: Scores
    curves: pd.DataFrame

    def summary(self) -> dict[str, object]:
        """All but the curves, with mean and deviation in the place of the seeds."""
        seeds = over_seeds(list(self.by_seed.values()))
        return {CONSENSUS: self.consensus, SEEDS: seeds, "bootstrap": self.bootstrap, **self.others}


def measure(
    fitted: Fitted, sample: Sample, trained_on: Rows, settings: Settings, *, positive: str
) -> Measures:
    """All measures of a model's masks of the rows of `sample`.

    `trained_on` are the rows and labels that it was trained on, from which values are drawn that
    replace others; `positive` is the label that is yes. What pandas holds is taken by position, a
    DataFrame's columns by name.

    Raises ValueError for rows that are not the model's, of which there are none, or without a label
    each.
    """
    sample, trained_on = _judged(fitted, sample), _trained_on(fitted, trained_on)
    ensemble = Ensemble(
        fitted,
        positive=positive,
        device=device.resolve(settings.train.device),
        threads=settings.train.threads,
        batch_rows=settings.batch_rows,
    )
    masks = ensemble.masks(sample.x)
    donors, tie = _draws(sample, trained_on.x, settings)
    faithful = orders.judge(ensemble, masks, sample, donors, tie)
    noise = stability.under_noise(
        ensemble.masks, sample.x, _noise(sample.x, trained_on.x, settings)
    )
    stable = [{name: float(v[i]) for name, v in noise.items()} for i in range(1 + len(masks))]
    middle = consensus(masks)
    agreement = 1 - stability.variation(masks, middle)  # K
    undecided = {"undecided": undecided_share(masks, middle)}
    return Measures(
        consensus=faithful.orders[CONSENSUS] | stable[0] | undecided,
        by_seed={
            seed: scores | stable[1 + k] | {"agreement": float(agreement[k])}
            for k, (seed, scores) in enumerate(faithful.by_seed.items())
        },
        others={name: faithful.orders[name] for name in (FIXED, RANDOM)},
        bootstrap=_bootstrap(fitted, masks, sample.x, trained_on, settings),
        curves=faithful.curves,
    )


def _judged(fitted: Fitted, sample: Sample) -> Sample:
    x = model_rows(fitted, sample.x)
    if not len(x):
        raise InputError("sample must have rows to judge masks by, however: it has none")
    label, known = (_truths(getattr(sample, of), len(x), of=of) for of in ("label", "known"))
    return Sample(x, label, known)


def _truths(values: ArrayLike, rows: int, *, of: str) -> NDArray[np.bool_]:
    found = np.asarray(values)
    if found.shape != (rows,):
        raise InputError(
            f"sample.{of} must be true or false for each of {rows} rows, however: shape "
            f"{found.shape}"
        )
    if odd := set(found.tolist()) - {False, True}:
        shown = min(odd, key=str)
        raise InputError(f"sample.{of} must be true or false, however: {shown!r} in a row")
    return found.astype(bool)


def _trained_on(fitted: Fitted, rows: Rows) -> Rows:
    x = model_rows(fitted, rows.x)
    class_labels(rows.y, len(x))
    # A Series would be indexed by its own index, in which rows may have any order.
    return Rows(x, np.asarray(rows.y))


def stream(seed: int, purpose: int) -> np.random.Generator:
    """Random numbers of their own for each purpose: those of one never depend on another's."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose,)))


def _draws(
    sample: Sample, trained_on: Floats, settings: Settings
) -> tuple[Floats, NDArray[np.float64]]:
    """For each draw and row a trained row's values, and numbers that break ties: T x B x D each."""
    rng = stream(settings.trust.seed, DRAWS)
    shape = (settings.trust.draws, *sample.x.shape)
    return trained_on[rng.integers(0, len(trained_on), shape[:2])], rng.random(shape)


def _noise(x: Floats, trained_on: Floats, settings: Settings) -> list[Floats]:
    """Normal noise for each draw, its deviation a share of each feature's own: B x D."""
    rng = stream(settings.trust.seed, NOISE)
    scale = settings.trust.noise * trained_on.std(axis=0, dtype=np.float64)
    normal = rng.standard_normal((settings.trust.draws, *x.shape))
    return list((scale * normal).astype(np.float32))


def _bootstrap(
    fitted: Fitted, masks: Floats, x: Floats, trained_on: Rows, settings: Settings
) -> Scores:
    seeds = fitted.seeds[: settings.trust.resample_seeds]
    resampled = bootstrap.resampled_masks(
        trained_on,
        x,
        model=settings.model,
        train=settings.train,
        seeds=seeds,
        resamples=settings.trust.resamples,
        rng=stream(settings.trust.seed, RESAMPLES),
    )
    whole = dict(zip(fitted.seeds, masks, strict=True))
    return bootstrap.summary(list(resampled), whole, seeds=seeds)
