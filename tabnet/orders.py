"""Orders of features, by masks and by chance, and how faithful each is to the models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabnet.ensemble import Ensemble
from tabnet.explain import consensus
from tabnet.faithfulness import SCORES, Curves, areas, curves, fixed_order, places

Floats = NDArray[np.float32]
Scores = dict[str, float]

# Where an order of a row's features comes from: its masks, or what they are compared with.
CONSENSUS, SEEDS, FIXED, RANDOM = "consensus", "seeds", "fixed", "random"


@dataclass(frozen=True)
class Sample:
    """Rows to judge masks by (B x D), where their label is yes (B), and where it is known (B)."""

    x: Floats
    label: NDArray[np.bool_]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class Faithfulness:
    """Scores of the orders by the consensus, by importance (fixed) and at random; of each seed's.

    The mean probability of all seeds is the judge, but for a seed's own order, which its own model
    judges. Those of masks also have what they gain over the other two with the same judge.
    `curves` has a row for each `side` (keep, remove), `order` and `k`.
    """

    orders: Mapping[str, Scores]
    by_seed: Mapping[int, Scores]
    curves: pd.DataFrame


def judge(
    ensemble: Ensemble, masks: Floats, sample: Sample, donors: Floats, tie: NDArray[np.floating]
) -> Faithfulness:
    """How faithful the seeds' masks (K x B x D) of a sample are, and their consensus.

    `donors` (T x B x D) are where replaced values come from, `tie` (T x B x D) orders what a mask
    does not: the same for all, so that orders differ by nothing else.
    """
    scored = partial(curves, x=sample.x, donors=donors, label=sample.label, known=sample.known)
    middle = consensus(masks)
    found = {
        CONSENSUS: scored(ensemble.mean, place=places(middle, tie)),
        FIXED: scored(ensemble.together, place=fixed_order(middle.mean(0), tie)),
        RANDOM: scored(ensemble.together, place=places(np.zeros_like(middle), tie)),
    }
    own = [
        scored(ensemble.only(seed).alone, place=places(mask, tie))
        for seed, mask in zip(ensemble.fitted.seeds, masks, strict=True)
    ]
    others = {name: areas(found[name]) for name in (RANDOM, FIXED)}
    orders = {name: _of(scores, 0) for name, scores in others.items()}
    orders[CONSENSUS] = _with_gains(_of(areas(found[CONSENSUS]), 0), orders)
    by_seed = {}
    for k, seed in enumerate(ensemble.fitted.seeds):
        same_judge = {name: _of(scores, 1 + k) for name, scores in others.items()}
        by_seed[seed] = _with_gains(_of(areas(own[k]), 0), same_judge)
    return Faithfulness(orders, by_seed, _table(found, own))


def _of(scores: Mapping[str, NDArray[np.float64]], judge: int) -> Scores:
    return {name: float(values[judge]) for name, values in scores.items()}


def _with_gains(of_mask: Scores, others: Mapping[str, Scores]) -> Scores:
    """With the area under its AUC curves less that of each of the others."""
    gains = {
        f"{name}_over_{order}": of_mask[name] - scores[name]
        for order, scores in others.items()
        for name in ("sufficiency_auc", "comprehensiveness_auc")
    }
    return of_mask | gains


def _table(found: Mapping[str, Curves], own: Sequence[Curves]) -> pd.DataFrame:
    """The curves of each order; of the seeds, the mean of their own."""
    keep, remove = (np.mean([getattr(one, side) for one in own], 0) for side in ("keep", "remove"))
    shown = {
        CONSENSUS: found[CONSENSUS],
        SEEDS: Curves(own[0].k, keep, remove),
        FIXED: found[FIXED],
        RANDOM: found[RANDOM],
    }
    parts = [
        pd.DataFrame({"side": side, "order": order, "k": one.k}).assign(
            **dict(zip(SCORES, getattr(one, side)[:, 0].T, strict=True))
        )
        for order, one in shown.items()
        for side in ("keep", "remove")
    ]
    return pd.concat(parts, ignore_index=True)
