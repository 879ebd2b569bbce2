"""What train and evaluate wrote down about an explanation: scores, losses, importance."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tabnet.report import judged
from tabnet.report.judged import Trust


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The numbers of one data set; missing where a file is."""

    metrics: dict[str, Any] | None = None
    history: pd.DataFrame | None = None
    importance: pd.DataFrame | None = None
    trust: Trust | None = None
    curves: pd.DataFrame | None = None


def read(folder: Path, *, features: Sequence[str]) -> Numbers:
    """The numbers in a reports folder, as many as are there.

    metrics.json, history.csv, importance.csv, trust.json and faithfulness.csv.

    Raises:
        OSError: a file cannot be read.
        ValueError: it is another kind of file, or its features are not `features`.
    """
    metrics, history, importance = (
        folder / name for name in ("metrics.json", "history.csv", "importance.csv")
    )
    trust, curves = folder / "trust.json", folder / "faithfulness.csv"
    return Numbers(
        metrics=_metrics(metrics) if metrics.exists() else None,
        history=_history(history) if history.exists() else None,
        importance=_importance(importance, features) if importance.exists() else None,
        trust=judged.trust(trust) if trust.exists() else None,
        curves=judged.curves(curves) if curves.exists() else None,
    )


@contextmanager
def _named(path: Path, what: str) -> Iterator[None]:
    """Names the file that cannot be parsed."""
    try:
        yield
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: must be {what}, however: {error}") from None


def _metrics(path: Path) -> dict[str, Any]:
    """The metrics of the one data set that the file names."""
    with _named(path, "JSON"):
        found = json.loads(path.read_text("utf-8"))
    if not isinstance(found, dict) or len(found) != 1:
        names = ", ".join(map(repr, found)) if isinstance(found, dict) else "no object"
        raise ValueError(f"{path}: must name one data set, however: {names or 'none'}")
    (metrics,) = found.values()
    if not _is_scores(metrics):
        raise ValueError(
            f"{path}: must have the consensus' scores, and each one's mean and std over seeds,"
            f" however: {json.dumps(metrics)[:80]}"
        )
    return dict(metrics)


def _is_scores(metrics: object) -> bool:
    match metrics:
        case {"consensus": dict() as consensus, "seeds": dict() as seeds, **others}:
            limits = others.get("bayes", {})
            known = isinstance(limits, dict) and all(map(_is_score, limits.values()))
            return known and all(
                _is_score(score)
                and isinstance(seeds.get(name), dict)
                and all(_is_score(seeds[name].get(part, "")) for part in ("mean", "std"))
                for name, score in consensus.items()
            )
    return False


def _is_score(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _history(path: Path) -> pd.DataFrame:
    with _named(path, "a table (CSV)"):
        table = pd.read_csv(path)
    columns = ["epoch", "seed", "loss"]
    _require(path, table, columns)
    columns += ["validation_loss"] if "validation_loss" in table else []
    with _named(path, "a table of numbers (CSV)"):
        return table.assign(**table[columns].apply(pd.to_numeric))


def _importance(path: Path, features: Sequence[str]) -> pd.DataFrame:
    # A feature may be called "NA" or "1": names stay text.
    with _named(path, "a table (CSV)"):
        table = pd.read_csv(path, dtype={"feature": str}, keep_default_na=False)
    _require(path, table, ["feature", "relevant", "consensus"])
    for column in table.columns.drop("feature"):
        with _named(path, "a table of numbers (CSV)"):
            table[column] = pd.to_numeric(table[column].replace("", "nan"))
    found = list(table["feature"])
    if found != list(features):
        expected, shown = (", ".join(map(repr, names[:20])) for names in (features, found))
        raise ValueError(f"{path}: must have the features {expected}, however: {shown or 'none'}")
    return table


def _require(path: Path, table: pd.DataFrame, columns: Sequence[str]) -> None:
    found = [str(column) for column in table.columns]
    for column in columns:
        if column not in found:
            shown = ", ".join(found[:20])
            raise ValueError(f"{path}: must have a column {column!r}, however: it has {shown}")
