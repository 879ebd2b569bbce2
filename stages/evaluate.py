"""Scores the masks against the truth and the predictions against the labels."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stages import run
from tabnet import files, plain_json, scores, tables, truth
from tabnet.errors import InputError
from tabnet.explanation_files import (
    AGGREGATE_OF_SEED,
    PREDICTIONS,
    PROBABILITY_OF_SEED,
    seed_number,
)
from tabnet.labelled import NEGATIVE, POSITIVE
from tabnet.params import Params
from tabnet.plain_yaml import show
from tabnet.spread import over_seeds


def main(params: Params, dataset: str) -> None:
    data, reports = Path("data", dataset), Path("reports", dataset)
    explanation = data / "explanation"
    source = explanation / PREDICTIONS
    predictions = tables.read(source)
    features = _features(explanation / "consensus.parquet")
    relevance = truth.relevance(data / "relevance.parquet", features, split=params.explain.split)
    best = truth.probability(data / "relevance.parquet", split=params.explain.split)
    _check_rows(data / "relevance.parquet", len(relevance), predictions.num_rows)
    label, known = _labels(predictions, source)

    scored, columns = {}, {"relevant": relevance.mean(axis=0)}
    for name, file, column in _members(predictions, source):
        path = explanation / f"{file}.parquet"
        mask = tables.matrix(tables.read(path, columns=features), features, source=path)
        _check_rows(path, len(mask), predictions.num_rows)
        probability = _probability(predictions, column, source)
        scored[name] = {
            **scores.prediction_scores(probability[known], label[known]),
            **scores.mask_scores(mask, relevance, threshold=params.evaluate.threshold),
        }
        columns[name] = scores.importance(mask)

    consensus, *of_seeds = scored.values()
    agreement = tables.matrix(predictions, ["agreement"], source=source)
    metrics = {
        "consensus": consensus,
        "seeds": over_seeds(of_seeds),
        "bayes": scores.bayes_scores(best[known], label[known]),
        "agreement": float(agreement.mean(dtype=np.float64)),
        **_diverged(predictions, source),
    }
    # Named by the data set: DVC can then show its columns without the file's path before each.
    files.write_text(reports / "metrics.json", plain_json.text({dataset: metrics}))
    files.write_text(reports / "importance.csv", _csv(features, columns))
    # Each seed's own, for the page that compares over data sets.
    found = plain_json.text({"metrics": metrics, "members": scored})
    files.write_text(Path("reports", "paper", f"{dataset}.scores.json"), found)


def _features(path: Path) -> list[str]:
    names: list[str] = tables.columns(path).names
    if not names:
        raise InputError(f"{path}: must have a column for each feature, however: it has none")
    return names


def _probability(predictions: pa.Table, column: str, source: Path) -> NDArray[np.float32]:
    """P(yes) of each row, B."""
    found = tables.matrix(predictions, [column], source=source)[:, 0]
    tables.check_shares(source, column, found)
    return found


def _members(predictions: pa.Table, source: Path) -> list[tuple[str, str, str]]:
    """Name, mask file and column of probabilities, of the consensus and then of each seed."""
    found = [name for name in predictions.column_names if name.startswith(PROBABILITY_OF_SEED)]
    if not found:
        raise InputError(
            f"{source}: must have a column {PROBABILITY_OF_SEED}<seed>, however: it has none"
        )
    seeds = [seed_number(source, name.removeprefix(PROBABILITY_OF_SEED)) for name in found]
    return [
        ("consensus", "consensus", "probability"),
        *(
            (f"seed_{seed}", f"{AGGREGATE_OF_SEED}{seed}", f"{PROBABILITY_OF_SEED}{seed}")
            for seed in seeds
        ),
    ]


def _diverged(predictions: pa.Table, source: Path) -> dict[str, dict[str, int]]:
    """The seeds that training left out, each with the epoch in which it diverged, if there are."""
    text = (predictions.schema.metadata or {}).get(b"diverged")
    if text is None:
        return {}
    try:
        return {"diverged": {f"seed_{int(s)}": int(e) for s, e in json.loads(text).items()}}
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        shown = show(text[:60].decode(errors="replace"))
        raise InputError(f"{source}: diverged must map seeds to epochs, however: {shown}") from None


def _labels(predictions: pa.Table, source: Path) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the label is `yes`, and where it is known; B each."""
    if "label" not in predictions.column_names:
        raise InputError(f"{source}: must have a column label, however: it has none")
    label = predictions["label"].to_numpy()
    known = ~predictions["label"].is_null().to_numpy()
    foreign = set(label[known]) - {NEGATIVE, POSITIVE}
    if foreign:
        raise InputError(f"{source}: label must be yes or no, however: {min(foreign, key=str)!r}")
    return label == POSITIVE, known


def _check_rows(path: Path, rows: int, expected: int) -> None:
    if rows != expected:
        raise InputError(
            f"{path}: must have the {expected} rows of predictions.parquet, however: {rows}"
        )


def _csv(features: list[str], columns: Mapping[str, NDArray[np.float64]]) -> str:
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(["feature", *columns])
    for index, feature in enumerate(features):
        out.writerow([feature, *(f"{column[index]:.6g}" for column in columns.values())])
    return text.getvalue()


if __name__ == "__main__":
    run(main)
