"""Labelled rows as the pipeline keeps them: a table of features and a label, `no` or `yes`."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabnet import tables
from tabnet.errors import InputError

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
    """All rows of a file.

    Raises OSError or ValueError, as `tables.read` does, or where a label is neither `no` nor `yes`:
    one that is unknown would count as `no`.
    """
    table = tables.read(path, columns=schema(features))
    label = table[LABEL].to_numpy()
    if foreign := set(label) - {NEGATIVE, POSITIVE}:
        found = min(foreign, key=str)
        shown = "nothing" if found is None else repr(found)
        raise InputError(f"{path}: column {LABEL!r} must be yes or no, however: {shown} in a row")
    return Rows(tables.matrix(table, features, source=path), label == POSITIVE)


def words(label: NDArray[np.bool_]) -> NDArray[np.str_]:
    """Labels as they are written.

    >>> words(np.array([True, False])).tolist()
    ['yes', 'no']
    """
    return np.where(label, POSITIVE, NEGATIVE)
