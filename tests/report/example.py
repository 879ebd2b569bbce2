"""An explanation folder in the pipeline's format, without training, masks as TabNet's look."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tabnet import tables

Floats = npt.NDArray[np.floating]


FEATURES = tuple(f"V{number:02d}" for number in range(1, 11))


def simplex(scores: Floats) -> Floats:
    """Sparsemax of each row, by sorting: many exact zeros, rows that sum to 1."""
    descending = -np.sort(-scores, axis=1)
    cumulative = np.cumsum(descending, axis=1)
    count = np.arange(1, scores.shape[1] + 1)
    threshold = ((cumulative - 1) / count).max(axis=1, keepdims=True)
    return np.asarray(np.maximum(scores - threshold, 0), dtype=np.float32)


def normal(masks: Floats) -> Floats:
    """Rows divided by their sums; a row of zeros stays."""
    total = masks.sum(axis=-1, keepdims=True)
    return (masks / np.where(total > 0, total, 1)).astype(np.float32)


def write(
    root: Path,
    *,
    dataset: str = "syn4",
    rows: int = 500,
    seeds: Sequence[int] = (1, 2, 3),
    features: Sequence[str] = FEATURES,
    steps: int = 3,
    split: str = "test",
) -> Path:
    """Writes data/<dataset> and reports/<dataset> below `root`, and returns `root`.

    The last feature switches between the first two and the fifth and sixth (as in Syn4), as far as
    there are so many; one row in 500 looks at an irrelevant feature.
    """
    rng = np.random.default_rng(7)
    count = len(features)
    values = rng.standard_normal((rows, count)).astype(np.float32)
    positive = values[:, -1:] > 0 if count else np.zeros((rows, 1), bool)
    column = np.arange(count)
    relevance = np.where(positive, np.isin(column, [0, 1]), np.isin(column, [4, 5]))
    relevance |= column == count - 1
    by_step = [_step(rng, relevance, values) for _ in range(len(seeds) * steps)]
    masks = np.array(by_step).reshape(len(seeds), steps, rows, count)
    weight = rng.gamma(2.0, 1.0, (len(seeds), steps, rows, 1)).astype(np.float32)
    raw = (masks * weight).sum(axis=1)
    aggregate = normal(raw)
    consensus = normal(np.median(aggregate, axis=0)) if rows else aggregate[0]
    agreement = 1 - np.abs(aggregate - consensus).sum(axis=2).mean(axis=0) / 2
    label = rng.random(rows) < 0.5
    logits = 4 * (2 * label - 1) + 2 * rng.standard_normal((len(seeds), rows))
    probability = (1 / (1 + np.exp(-logits))).astype(np.float32)

    data, reports = root / "data" / dataset, root / "reports" / dataset
    folder = data / "explanation"
    for path in (folder, reports):
        path.mkdir(parents=True, exist_ok=True)
    matrix = {name: values[:, j] for j, name in enumerate(features)}
    tables.write(data / f"{split}.parquet", pa.table({**matrix, "y": _words(label)}))
    truth = {name: relevance[:, j] for j, name in enumerate(features)}
    tables.write(data / "relevance.parquet", pa.table({"split": [split] * rows, **truth}))

    def save(name: str, mask: Floats) -> None:
        table = pa.table({f: mask[:, j].astype(np.float32) for j, f in enumerate(features)})
        seeded = name == "aggregate" or name.startswith("step_")
        metadata = {"seed": str(seeds[0])} if seeded else None
        tables.write(folder / f"{name}.parquet", table.replace_schema_metadata(metadata))

    save("consensus", consensus)
    save("aggregate", aggregate[0])
    for s in range(steps):
        save(f"step_{s + 1}", masks[0, s])
    for k, seed in enumerate(seeds):
        save(f"aggregate_seed_{seed}", aggregate[k])
    predictions = {
        "label": _words(label),
        "probability": probability.mean(0),
        "agreement": agreement,
    }
    for k, seed in enumerate(seeds):
        predictions[f"probability_seed_{seed}"] = probability[k]
        predictions[f"total_seed_{seed}"] = raw[k].sum(axis=1)
    floats = {k: v if k == "label" else v.astype(np.float32) for k, v in predictions.items()}
    tables.write(folder / "predictions.parquet", pa.table(floats))
    _numbers(reports, features, seeds, relevance, consensus, aggregate)
    return root


def _step(rng: np.random.Generator, relevance: npt.NDArray[np.bool_], values: Floats) -> Floats:
    scores = 0.25 * rng.standard_normal(relevance.shape)
    scores += relevance * (0.6 + rng.random(relevance.shape[1]))
    rows, count = relevance.shape
    outliers = rng.choice(rows, rows // 500, replace=False)
    if count:
        scores[outliers, rng.integers(0, count, len(outliers))] += 4
    return simplex(scores) if count else np.zeros(relevance.shape, np.float32)


def _words(label: npt.NDArray[np.bool_]) -> npt.NDArray[np.str_]:
    return np.where(label, "yes", "no")


def _numbers(
    reports: Path,
    features: Sequence[str],
    seeds: Sequence[int],
    relevance: npt.NDArray[np.bool_],
    consensus: Floats,
    aggregate: Floats,
) -> None:
    rng = np.random.default_rng(3)
    epochs = np.arange(1, 31)
    curves = {
        seed: 0.5 * np.exp(-epochs / 8) + 0.08 + 0.01 * rng.random(len(epochs)) for seed in seeds
    }
    frames = [
        pd.DataFrame({"epoch": epochs, "seed": seed, "loss": loss, "sparsity": 0.5 * loss})
        for seed, loss in curves.items()
    ]
    pd.concat(frames).to_csv(reports / "history.csv", index=False)
    rows = max(len(consensus), 1)
    importance = {"feature": features, "relevant": relevance.sum(0) / rows}
    importance["consensus"] = consensus.sum(0) / rows
    for k, seed in enumerate(seeds):
        importance[f"seed_{seed}"] = aggregate[k].sum(0) / rows
    pd.DataFrame(importance).to_csv(reports / "importance.csv", index=False)
    scores = {"auc": 0.998, "log_loss": 0.07, "accuracy": 0.975, "brier": 0.02}
    scores |= {"rma": 0.97, "rra": 0.98, "tpr": 0.995, "fdr": 0.08}
    scores |= {"mask_auroc": 0.99, "mask_average_precision": 0.97}
    spread = {name: {"mean": 0.97 * value, "std": 0.01} for name, value in scores.items()}
    limits = {"auc": 0.999, "log_loss": 0.05, "accuracy": 0.98, "brier": 0.015}
    metrics = {"consensus": scores, "seeds": spread, "agreement": 0.87, "bayes": limits}
    (reports / "metrics.json").write_text(json.dumps({"syn4": metrics}))
    judged(reports, features=len(features))


def judged(reports: Path, *, features: int) -> None:
    """What the stage trust writes: a mask's curves rise as a root does, at random as a line."""
    k = np.arange(features + 1)
    share = k / max(features, 1)
    powers = {"consensus": 0.2, "seeds": 0.4, "fixed": 0.6, "random": 1.0}
    frames = []
    for order, power in powers.items():
        for side, rise in (("keep", share**power), ("remove", 1 - share**power)):
            auc = 0.5 + 0.498 * rise
            scores = {"k": k, "auc": auc, "log_loss": 3 - 2.9 * rise, "drop": 0.5 - 0.5 * rise}
            frames.append(pd.DataFrame({"side": side, "order": order, **scores}))
    pd.concat(frames).to_csv(reports / "faithfulness.csv", index=False)
    orders = {
        order: {"sufficiency_auc": 0.5 + 0.498 / (1 + power), "comprehensiveness_auc": 0.6}
        for order, power in powers.items()
    }
    noise = {"noise_distance": 0.031, "noise_overlap": 0.982}
    of_seeds = {**orders["seeds"], **noise, "agreement": 0.87}
    trust = {
        "rows": 200,
        "consensus": {**orders["consensus"], **noise, "undecided": 0.063},
        "seeds": {name: {"mean": value, "std": 0.01} for name, value in of_seeds.items()},
        "fixed": orders["fixed"],
        "random": orders["random"],
        "bootstrap": {
            "resamples": 3,
            "distance": 0.214,
            "distance_of_seeds": 0.292,
            "distance_by_chance": None,
            "distance_of_seeds_by_chance": 0.412,
            "interprestability": 1.0,
            "interprestability_of_seeds": 0.911,
        },
    }
    (reports / "trust.json").write_text(json.dumps({"syn4": trust}))


def read(root: Path, name: str) -> npt.NDArray[np.float32]:
    """A mask, read without the code under test."""
    table = pq.read_table(root / f"data/syn4/explanation/{name}.parquet")
    return np.column_stack([column.to_numpy() for column in table.columns])


def by_v10(root: Path) -> npt.NDArray[np.intp]:
    values = pq.read_table(root / "data/syn4/test.parquet")["V10"].to_numpy()
    return np.argsort(values, kind="stable")
