"""What train and evaluate wrote down about an explanation: scores, losses, importance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tabnet import plain_csv, plain_json
from tabnet.errors import InputError
from tabnet.params import MAX_SEED
from tabnet.report import judged
from tabnet.report.judged import Trust
from tabnet.report.measured import Metrics, OneDataset

FILES = ("metrics.json", "history.csv", "importance.csv", "trust.json", "faithfulness.csv")
LARGEST_LOSS = 3.5e38  # more than any float32: losses just before a seed diverges are huge
ROUNDING = 1e-5  # of six digits
LONGEST = 120  # characters of a list of names in an error's line


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The numbers of one data set; missing where a file is."""

    metrics: Metrics | None = None
    history: pd.DataFrame | None = None
    importance: pd.DataFrame | None = None
    trust: Trust | None = None
    curves: pd.DataFrame | None = None


def read(folder: Path, *, features: Sequence[str]) -> Numbers:
    """The numbers in the FILES of a reports folder, as many as are there.

    Raises:
        OSError: a file cannot be read.
        ValueError: it is another kind of file, or its features are not `features`.
    """
    metrics, history, importance, trust, curves = (folder / name for name in FILES)
    return Numbers(
        metrics=_metrics(metrics) if metrics.exists() else None,
        history=_history(history) if history.exists() else None,
        importance=_importance(importance, features) if importance.exists() else None,
        trust=judged.trust(trust) if trust.exists() else None,
        curves=judged.curves(curves) if curves.exists() else None,
    )


def _metrics(path: Path) -> Metrics:
    """The metrics of the one data set that the file names."""
    kind = OneDataset[Metrics]
    (found,) = plain_json.read(path, kind, what="what the stage evaluate writes").values()
    return found


def _history(path: Path) -> pd.DataFrame:
    table = plain_csv.read(path, ["epoch", "seed", "loss"])
    plain_csv.whole(path, table, ["epoch", "seed"])
    losses = [str(name) for name in table if name not in ("epoch", "seed")]
    plain_csv.within(path, table, ["epoch", "seed"], 0, MAX_SEED)
    plain_csv.within(path, table, losses, -LARGEST_LOSS, LARGEST_LOSS)
    return table


def _importance(path: Path, features: Sequence[str]) -> pd.DataFrame:
    # A feature may be called "NA" or "1": names stay text.
    table = plain_csv.read(path, ["relevant", "consensus"], texts=["feature"])
    shares = list(table.columns.drop("feature"))
    plain_csv.within(path, table, shares, 0, 1 + ROUNDING)
    found = list(table["feature"])
    if found != list(features):
        expected, shown = _short(features), _short(found)
        raise InputError(f"{path}: must have the features {expected}, however: {shown or 'none'}")
    return table


def _short(names: Sequence[str]) -> str:
    return ", ".join(repr(name[:40]) for name in names[:20])[:LONGEST]
