"""What a report is made of: an explanation folder, the explained rows and their truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tabnet import tables
from tabnet.errors import InputError
from tabnet.explanation_files import (
    AGGREGATE_OF_SEED,
    PREDICTIONS,
    PROBABILITY_OF_SEED,
    seed_number,
)
from tabnet.labelled import NEGATIVE, POSITIVE
from tabnet.plain_yaml import join

BATCH = 65536  # rows read at a time
ROUNDING = 1e-3  # of shares that others have computed
TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_null)
NUMERIC = (pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean, pa.types.is_null)

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

    @property
    def panels(self) -> list[str]:
        """The masks that a report draws at once, from top to bottom."""
        return ["consensus", "aggregate", *(f"step_{s + 1}" for s in range(self.steps))]

    def masks(self, panel: str) -> Iterator[Floats]:
        """Batches (at most 65536 x D) of one mask: `consensus`, `aggregate`, `step_1`, ...

        A cell that is no number counts as 0.
        """
        path = self.folder / f"{panel}.parquet"
        for batch in tables.batches(path, columns=self.features, batch_rows=BATCH):
            mask = _matrix(batch, self.features)
            known = np.where(np.isfinite(mask), mask, np.float32(0))
            tables.check_shares(path, "masks of a row's attention", known, rounding=ROUNDING)
            yield known

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
                truth = _matrix(kept, self.features)
                if np.isnan(truth).any():
                    name = self.features[int(np.isnan(truth).any(0).argmax())]
                    raise InputError(
                        f"{self.relevance}: column {name!r} must hold truths, however: nothing in"
                        " a row"
                    )
                yield truth > 0

    def seed_probabilities(self) -> Iterator[Floats]:
        """Batches (at most 65536 x K) of each seed's P(yes); none where it is not known."""
        if self.predictions is not None:
            path = self.folder / PREDICTIONS
            columns = [f"{PROBABILITY_OF_SEED}{seed}" for seed in self.seeds]
            for batch in tables.batches(path, columns=columns, batch_rows=BATCH):
                found = _matrix(batch, columns)
                tables.check_shares(path, "a seed's probability", found, rounding=ROUNDING)
                yield found

    @property
    def keys(self) -> dict[str, npt.NDArray[np.generic]]:
        """What rows can be ordered by beside their features (B each)."""
        known: dict[str, npt.NDArray[np.generic]] = {"row": np.arange(self.rows)}
        if (p := self.predictions) is not None:
            known |= {"label": p.label, "prediction": p.probability, "agreement": p.agreement}
        return known

    def key(self, sort_by: str) -> npt.NDArray[np.float64]:
        """What rows are ordered by (B): one of `keys` or else, where values are known, a feature.

        Raises:
            ValueError: the explanation has no such column.
        """
        if sort_by in self.keys:
            return self.keys[sort_by].astype(np.float64)
        if self.values is None:
            allowed = f"{join(self.keys)} or, with the rows' values, a feature"
            raise InputError(f"sort_by must be one of {allowed}, however: {sort_by}")
        if sort_by not in self.features:
            allowed = join([*self.keys, *self.features])
            raise InputError(f"sort_by must be one of {allowed}, however: {sort_by}")
        read = tables.read(self.values, columns=[sort_by])
        # Not by way of float32, in which dates in seconds are equal within two minutes.
        return np.asarray(read[sort_by].to_numpy(), dtype=np.float64)


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
    features = tuple(tables.beside_index(tables.columns(main)))
    result = Explanation(
        name=name,
        folder=folder,
        features=features,
        rows=rows,
        seeds=_seeds(folder),
        shown=_shown(folder / "aggregate.parquet"),
        steps=len(list(folder.glob("step_[0-9]*.parquet"))),
        predictions=_predictions(folder / PREDICTIONS),
        values=values,
        relevance=relevance,
        split=split,
    )
    _check(result)
    return result


def _check(explanation: Explanation) -> None:
    """Whether the files have the rows and the features of the consensus."""
    e = explanation
    panels = [*e.panels, *(f"{AGGREGATE_OF_SEED}{seed}" for seed in e.seeds)]
    for path in [e.folder / f"{panel}.parquet" for panel in panels]:
        _require(path, e.features, rows=e.rows)
    if e.values is not None:
        _require(e.values, e.features, rows=e.rows)
    if e.predictions is not None:
        names = [f"{PROBABILITY_OF_SEED}{seed}" for seed in e.seeds]
        _require(e.folder / PREDICTIONS, ["probability", "agreement", *names], rows=e.rows)
    if e.relevance is not None:
        _require(e.relevance, e.features, rows=None)
        found = pc.sum(pc.equal(_words(e.relevance, "split"), e.split), min_count=0).as_py()
        if found != e.rows:
            raise InputError(
                f"{e.relevance}: must have {e.rows} rows of split {e.split!r}, however: {found}"
            )


def _require(path: Path, columns: Sequence[str], *, rows: int | None) -> None:
    """Whether a Parquet file has as many rows, and numbers in all the columns."""
    found = tables.rows(path)
    if rows is not None and found != rows:
        raise InputError(f"{path}: must have {rows} rows, however: {found}")
    schema = tables.columns(path)
    for name in columns:
        if schema.names.count(name) != 1:
            shown = ", ".join(map(repr, schema.names[:20])) or "no columns"
            raise InputError(f"{path}: must have one column {name!r}, however: it has {shown}")
        kind = schema.field(name).type
        if not any(test(kind) for test in NUMERIC):
            raise InputError(f"{path}: column {name!r} must hold numbers, however: {kind}")


def _matrix(table: pa.Table | pa.RecordBatch, columns: Sequence[str]) -> Floats:
    """Columns as B x D; unlike the model, a report shows what is missing (NaN)."""
    result = np.empty((table.num_rows, len(columns)), dtype=np.float32)
    for j, name in enumerate(columns):
        with np.errstate(over="ignore", invalid="ignore"):  # what does not fit is infinite
            result[:, j] = table.column(name).to_numpy(zero_copy_only=False)
    return result


def _shown(path: Path) -> int | None:
    """The seed whose masks are shown, if the file says so."""
    seed = (tables.columns(path).metadata or {}).get(b"seed")
    return None if seed is None else seed_number(path, seed.decode(errors="replace"))


def _seeds(folder: Path) -> tuple[int, ...]:
    paths = folder.glob(f"{AGGREGATE_OF_SEED}*.parquet")
    return tuple(
        sorted(seed_number(path, path.stem.removeprefix(AGGREGATE_OF_SEED)) for path in paths)
    )


def _predictions(path: Path) -> Predictions | None:
    if not path.exists():
        return None
    _require(path, ["probability", "agreement"], rows=None)
    table = tables.read(path, columns=["probability", "agreement"])
    words = _words(path, "label")
    if foreign := set(pc.unique(words).to_pylist()) - {POSITIVE, NEGATIVE, None}:
        raise InputError(f"{path}: label must be yes or no, however: {min(foreign)!r}")
    label = pc.if_else(pc.equal(words, POSITIVE), 1.0, 0.0)
    probability, agreement = _matrix(table, ["probability", "agreement"]).T
    for what, values in (("probability", probability), ("agreement", agreement)):
        known = values[~np.isnan(values)]
        tables.check_shares(path, what, known, rounding=ROUNDING)
    return Predictions(
        label=label.to_numpy().astype(np.float32), probability=probability, agreement=agreement
    )


def _words(path: Path, column: str) -> pa.ChunkedArray:
    """A column of text; all missing is text too."""
    words = tables.read(path, columns=[column])[column]
    kind = words.type.value_type if pa.types.is_dictionary(words.type) else words.type
    if not any(test(kind) for test in TEXT):
        raise InputError(f"{path}: column {column!r} must hold words, however: {words.type}")
    return words.cast(pa.string())
