"""A table of numbers as CSV: as a stage writes it, and read, with what is wrong in one line."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tabnet import files
from tabnet.errors import InputError, squeeze


def text(table: pd.DataFrame) -> str:
    """The table with six digits a number, without its index.

    >>> text(pd.DataFrame({"epoch": [1, 2], "loss": [0.5, 1 / 3]})).split()
    ['epoch,loss', '1,0.5', '2,0.333333']
    """
    return str(table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def read(path: Path, columns: Sequence[str], *, texts: Sequence[str] = ()) -> pd.DataFrame:
    """All columns of a CSV file, which has at least `columns` and `texts`.

    Those in `texts` stay text; in all others a cell is a finite number or, NaN, nothing.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds something else; one line that names the file.
    """
    head, *rows = _lines(path)
    for column in (*texts, *columns):
        if head.count(column) != 1:
            shown = ", ".join(name[:40] for name in head[:20])
            raise InputError(f"{path}: must have a column {column!r}, however: it has {shown}")
    if len(set(head)) < len(head):
        raise InputError(f"{path}: must have no column twice, however: {', '.join(head)[:80]}")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(head):
            raise InputError(
                f"{path}: must have {len(head)} cells a line, however: {len(row)} in line {number}"
            )
    table = pd.DataFrame(rows, columns=head, dtype=str)
    return table.assign(**{name: _numbers(path, table[name]) for name in head if name not in texts})


def within(
    path: Path, table: pd.DataFrame, columns: Sequence[str], low: float, high: float
) -> None:
    """Raises ValueError if a number is not from `low` to `high`; nothing may be anywhere."""
    for column in columns:
        outside = table.loc[(table[column] < low) | (table[column] > high), column]
        if len(outside):
            raise InputError(
                f"{path}: must have {column} from {low:g} to {high:g}, however: {outside.iloc[0]:g}"
            )


def whole(path: Path, table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raises ValueError if a number is not a whole one, or nothing."""
    for column in columns:
        if not pd.api.types.is_integer_dtype(table[column]) and len(table):
            found = table[column][table[column] % 1 != 0]
            text = f"{found.iloc[0]:g}" if len(found) else "larger ones"
            raise InputError(f"{path}: must have whole numbers as {column}, however: {text}")


def _lines(path: Path) -> list[list[str]]:
    content = files.read_bytes(path)
    try:
        text = io.StringIO(content.decode(), newline="")
        found = [row for row in csv.reader(text, strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: must be a table (CSV), however: {error}") from None
    if not found:
        raise InputError(f"{path}: must be a table (CSV), however: No columns")
    return found


def _numbers(path: Path, cells: "pd.Series[str]") -> "pd.Series[float]":
    try:
        found = pd.to_numeric(cells)  # of an empty text NaN
    except (ValueError, OverflowError) as error:
        text = squeeze(error)[:80]
        raise InputError(f"{path}: must be a table of numbers (CSV), however: {text}") from None
    if not pd.api.types.is_numeric_dtype(found) or np.isinf(found.to_numpy(float)).any():
        raise InputError(f"{path}: must be a table of finite numbers (CSV), however: {cells.name}")
    return found
