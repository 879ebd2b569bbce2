"""Labelled rows as the pipeline keeps them: a table of features and a label, `no` or `yes`."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabnet import tables

LABEL = "y"
NEGATIVE, POSITIVE = "no", "yes"


class Rows(NamedTuple):
    """B rows with their labels."""

    x: NDArray[np.float32]  # B x D
    y: NDArray[np.bool_]  # B, true for `yes`


def schema(features: Sequence[str]) -> pa.Schema:
    """The columns of a table of labelled rows."""
    return pa.schema([*tables.schema(features), (LABEL, pa.string())])


def read(path: Path, features: Sequence[str]) -> Rows:
    """All rows of a file; raises OSError or ValueError as `tables.read` does."""
    table = tables.read(path, columns=schema(features))
    return Rows(tables.matrix(table, features, source=path), table[LABEL].to_numpy() == POSITIVE)


def words(label: NDArray[np.bool_]) -> NDArray[np.str_]:
    """Labels as they are written.

    >>> words(np.array([True, False])).tolist()
    ['yes', 'no']
    """
    return np.where(label, POSITIVE, NEGATIVE)
