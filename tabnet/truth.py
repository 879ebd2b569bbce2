"""The truth about each row, read from `relevance.parquet`: what matters, and its P(yes)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabnet import tables
from tabnet.errors import InputError

PROBABILITY = "probability"


def schema(features: Sequence[str]) -> pa.Schema:
    """The columns of `relevance.parquet`: split, P(yes), and for each feature whether it matters.

    P(yes) is the very number that the label was drawn by. In float32, all those within 3e-8 of 1
    would be 1, and their labels certain.
    """
    known = [("split", pa.string()), (PROBABILITY, pa.float64())]
    return pa.schema([*known, *tables.schema(features, dtype=pa.bool_())])


def relevance(path: Path, features: Sequence[str], *, split: str) -> NDArray[np.bool_]:
    """Which features truly matter to the rows of a split, B x D.

    Raises OSError or ValueError, as `tables.read` does.
    """
    table = _read(path, tables.schema(features, dtype=pa.bool_()), split)
    if empty := [name for name in table.column_names if table[name].null_count]:
        raise InputError(f"{path}: column {empty[0]!r} must hold truths, however: nothing in a row")
    return np.stack([table[name].to_numpy() for name in features], axis=1)


def probability(path: Path, *, split: str) -> NDArray[np.float64]:
    """The true probability of `yes` of the rows of a split, B.

    Raises OSError or ValueError, as `tables.read` does, or where one is not from 0 to 1.
    """
    found = _read(path, pa.schema([(PROBABILITY, pa.float64())]), split)[PROBABILITY].to_numpy()
    tables.check_shares(path, PROBABILITY, found)
    return np.asarray(found)


def _read(path: Path, columns: pa.Schema, split: str) -> pa.Table:
    table = tables.read(path, columns=pa.schema([("split", pa.string()), *columns]))
    return table.filter(pc.equal(table["split"], split))
