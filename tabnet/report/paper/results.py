"""The page's numbers: what paper.json holds, and what the page's tables and figures show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tabnet.report.measured import MASKS
from tabnet.report.paper import published, truth_free
from tabnet.report.paper.inputs import SEED, Input


def collect(inputs: Sequence[Input]) -> dict[str, Any]:
    """All numbers, ready for JSON: one that is missing is None."""
    predicted = {one.name: prediction(one) for one in inputs if one.name in published.DATASETS}
    return {
        "prediction": predicted,
        "target": target(predicted),
        "masks": {one.name: masks(one) for one in inputs},
        "peers": {one.name: dict(one.peers) for one in inputs if one.peers},
        "truth_free": truth_free.collect(inputs),
    }


def prediction(one: Input) -> dict[str, Any]:
    """The AUC of one of the paper's data sets beside the paper's, and both below the limit.

    `below_limit` of the consensus is by the limit on the very rows that it was scored on, that of
    the paper's rows by the limit over many: each AUC's own luck with its rows is not in it.
    """
    auc = one.metrics["consensus"]["auc"]
    limit = published.LIMIT[one.name]
    bayes = one.metrics.get("bayes", {}).get("auc")
    rows = {method: scores[one.name] for method, scores in published.AUC.items()}
    best = max(rows, key=lambda method: rows[method].mean)
    below = None if bayes is None or auc is None else bayes - auc
    return {
        "consensus": auc,
        "seeds": one.metrics["seeds"]["auc"],
        "published": {method: row._asdict() for method, row in rows.items()},
        "best_published": best,
        "limit": limit,
        "limit_of_these_rows": bayes,
        "below_limit": _rounded(below),
        "best_published_below_limit": _rounded(limit - rows[best].mean),
        "above_every_row": None if auc is None else round(auc, 3) > rows[best].mean,
        "nearer_the_limit": None if below is None else below < limit - rows[best].mean,
        "training": {**one.training, "seconds": _seconds(one)},
    }


def _seconds(one: Input) -> dict[str, float] | None:
    """How long training took, of all seeds and of one, where the peers were measured as well."""
    if one.peers is None:
        return None
    methods = one.peers["methods"]
    return {
        kind: methods[name]["train_seconds"]
        for kind, name in (("all", "consensus"), ("one", "single_seed"))
    }


def target(predicted: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """On how many of the paper's data sets the consensus passes every row, and what is left."""
    known = [one["below_limit"] for one in predicted.values() if one["below_limit"] is not None]
    return {
        "datasets": len(predicted),
        "above_every_row": sum(bool(one["above_every_row"]) for one in predicted.values()),
        "nearer_the_limit": sum(bool(one["nearer_the_limit"]) for one in predicted.values()),
        "largest_below_limit": max(known, default=None),
    }


def masks(one: Input) -> dict[str, Any]:
    """The mask scores of the consensus, of single seeds, and the share of seeds that are worse.

    Of the paper's data sets also the rates that are published of other methods' selections.
    """
    rates = published.SELECTION.items()
    known = {method: rows[one.name]._asdict() for method, rows in rates if one.name in rows}
    seeds = [scores for name, scores in one.members.items() if name.startswith(SEED)]
    return {
        "consensus": {name: one.metrics["consensus"][name] for name in MASKS},
        "seeds": {name: one.metrics["seeds"][name] for name in MASKS},
        "seeds_of_less_rma": sum(_less(seed, one.members["consensus"]) for seed in seeds),
        "n_seeds": len(seeds),
        "published": known,
    }


def _less(seed: Mapping[str, float | None], consensus: Mapping[str, float | None]) -> bool:
    mine, other = consensus["rma"], seed["rma"]
    return mine is not None and other is not None and other < mine


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")
