"""What a report is made of: an explanation folder, the explained rows and the stages' numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tabnet import tables

BATCH = 65536  # rows read at a time
PREDICTIONS = "predictions.parquet"
P_OF_SEED = "probability_seed_"

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Of B rows each: the label (1 = yes, 0 = no), P(yes) and agreement; NaN where unknown."""

    label: Floats
    probability: Floats
    agreement: Floats


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A folder of masks (Parquet, B x D each), read panel by panel in batches of rows."""

    name: str
    folder: Path
    features: tuple[str, ...]
    rows: int
    seeds: tuple[int, ...]
    shown: int | None
    steps: int
    predictions: Predictions | None
    values: Path | None
    relevance: Path | None
    split: str

    def masks(self, panel: str) -> Iterator[Floats]:
        """Batches (at most 65536 x D) of one mask: `consensus`, `aggregate`, `step_1`, ...

        A cell that is no number counts as 0.
        """
        path = self.folder / f"{panel}.parquet"
        for batch in tables.batches(path, columns=self.features, batch_rows=BATCH):
            mask = _matrix(batch, self.features)
            yield np.where(np.isfinite(mask), mask, np.float32(0))

    def feature_values(self) -> Iterator[Floats]:
        """Batches of the explained rows' features; none where they are not known."""
        if self.values is not None:
            for batch in tables.batches(self.values, columns=self.features, batch_rows=BATCH):
                yield _matrix(batch, self.features)

    def truths(self) -> Iterator[Bools]:
        """Batches of the ground truth of the explained rows; none where it is not known."""
        if self.relevance is not None:
            columns = ["split", *self.features]
            for batch in tables.batches(self.relevance, columns=columns, batch_rows=BATCH):
                kept = batch.filter(pc.equal(batch.column("split"), self.split))
                yield _matrix(kept, self.features) > 0

    def seed_probabilities(self) -> Iterator[Floats]:
        """Batches (at most 65536 x K) of each seed's P(yes); none where it is not known."""
        if self.predictions is not None:
            path = self.folder / PREDICTIONS
            columns = [f"{P_OF_SEED}{seed}" for seed in self.seeds]
            for batch in tables.batches(path, columns=columns, batch_rows=BATCH):
                yield _matrix(batch, columns)

    def key(self, sort_by: str) -> npt.NDArray[np.float64]:
        """What rows are ordered by (B): a feature, or `row`, `label`, `prediction`, `agreement`.

        Raises:
            ValueError: the explanation has no such column.
        """
        if sort_by in self.features and self.values is not None:
            read = tables.read(self.values, columns=[sort_by])
            return _matrix(read, [sort_by])[:, 0].astype(np.float64)
        known: dict[str, npt.NDArray[np.generic]] = {"row": np.arange(self.rows)}
        if (p := self.predictions) is not None:
            known |= {"label": p.label, "prediction": p.probability, "agreement": p.agreement}
        if sort_by not in known:
            allowed = ", ".join([*known, *(self.features if self.values is not None else ())])
            raise ValueError(f"sort_by must be one of {allowed}, however: {sort_by}")
        return known[sort_by].astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """What train and evaluate wrote down; missing where a file is."""

    metrics: dict[str, Any] | None = None
    history: pd.DataFrame | None = None
    importance: pd.DataFrame | None = None


def numbers(folder: Path) -> Numbers:
    """The numbers in a reports folder: metrics.json, history.csv, importance.csv."""
    metrics, history, importance = (
        folder / name for name in ("metrics.json", "history.csv", "importance.csv")
    )
    return Numbers(
        metrics=_metrics(metrics) if metrics.exists() else None,
        history=pd.read_csv(history) if history.exists() else None,
        importance=_importance(importance) if importance.exists() else None,
    )


def _metrics(path: Path) -> dict[str, Any]:
    """The metrics of the one data set that the file names."""
    (metrics,) = json.loads(path.read_text("utf-8")).values()
    return dict(metrics)


def _importance(path: Path) -> pd.DataFrame:
    # A feature may be called "NA" or "1": names stay text.
    table = pd.read_csv(path, dtype={"feature": str}, keep_default_na=False)
    rest = table.columns.drop("feature")
    return table.assign(**table[rest].apply(pd.to_numeric, errors="coerce"))


def open_folder(
    folder: Path,
    *,
    name: str,
    values: Path | None = None,
    relevance: Path | None = None,
    split: str = "test",
) -> Explanation:
    """An explanation folder, its files checked against each other.

    Raises:
        OSError: a file is missing.
        ValueError: a file is no Parquet, or has other columns or rows than the consensus.
    """
    main = folder / "consensus.parquet"
    rows = tables.rows(main)
    features = tuple(pq.read_schema(main).names)
    steps = len(list(folder.glob("step_[0-9]*.parquet")))
    shown = _shown(folder / "aggregate.parquet")
    result = Explanation(
        name=name,
        folder=folder,
        features=features,
        rows=rows,
        seeds=_seeds(folder),
        shown=shown,
        steps=steps,
        predictions=_predictions(folder / PREDICTIONS),
        values=values,
        relevance=relevance,
        split=split,
    )
    panels = ["aggregate", *(f"step_{s + 1}" for s in range(steps))]
    for path in [folder / f"{panel}.parquet" for panel in panels] + [values or main]:
        if tables.rows(path) != rows:
            raise ValueError(f"{path}: must have {rows} rows, however: {tables.rows(path)}")
    return result


def _matrix(table: pa.Table | pa.RecordBatch, columns: Sequence[str]) -> Floats:
    """Columns as B x D; unlike the model, a report shows what is missing (NaN)."""
    result = np.empty((table.num_rows, len(columns)), dtype=np.float32)
    for j, name in enumerate(columns):
        result[:, j] = table.column(name).to_numpy(zero_copy_only=False)
    return result


def _shown(path: Path) -> int | None:
    """The seed whose masks are shown, if the file says so."""
    tables.rows(path)  # names what is wrong with the file
    seed = (pq.read_schema(path).metadata or {}).get(b"seed")
    return None if seed is None else int(seed)


def _seeds(folder: Path) -> tuple[int, ...]:
    prefix = "aggregate_seed_"
    stems = [path.stem for path in folder.glob(f"{prefix}*.parquet")]
    return tuple(sorted(int(stem.removeprefix(prefix)) for stem in stems))


def _predictions(path: Path) -> Predictions | None:
    if not path.exists():
        return None
    table = tables.read(path, columns=["label", "probability", "agreement"])
    label = pc.if_else(pc.equal(table["label"], "yes"), 1.0, 0.0)
    return Predictions(
        label=label.to_numpy().astype(np.float32),
        probability=_matrix(table, ["probability"])[:, 0],
        agreement=_matrix(table, ["agreement"])[:, 0],
    )
