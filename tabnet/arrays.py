"""What a person passes as rows and labels, checked and turned into arrays."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pandas.api.types import infer_dtype, is_numeric_dtype

from tabnet.errors import InputError

LARGEST = float(np.finfo(np.float32).max)
# What pandas calls the contents of a column of objects that are all numbers.
_NUMBERS = ("boolean", "decimal", "empty", "floating", "integer", "mixed-integer-float")


def feature_names(x: pd.DataFrame | ArrayLike) -> tuple[str, ...]:
    """A DataFrame's column names as text; `x1` .. `xD` for an array."""
    if isinstance(x, pd.DataFrame):
        names = tuple(map(str, x.columns))
        if len(set(names)) < len(names):
            raise InputError("x must have a different name for each column, however: some repeat")
        return names
    return tuple(f"x{d}" for d in range(1, np.asarray(x).shape[-1] + 1))


def finite_rows(x: pd.DataFrame | ArrayLike) -> NDArray[np.float32]:
    """`x` as a B x D float32 array; ValueError unless it is a table of finite numbers."""
    table = x if isinstance(x, pd.DataFrame) else _table(x)
    if table.shape[1] == 0:
        raise InputError(f"x must be rows x features, however: an array of shape {table.shape}")
    for place, name in enumerate(table.columns):
        column = table.iloc[:, place]
        if np.iscomplexobj(column):
            raise InputError("x must hold real numbers, however: complex ones")
        if not _is_number(column):
            raise InputError(f"x must hold numbers only, however: column {name} is {column.dtype}")
    with np.errstate(over="ignore"):  # what overflows is infinite, and named below
        try:
            rows = np.ascontiguousarray(table.to_numpy(dtype=np.float32, na_value=np.nan))
        except OverflowError as error:  # a whole number of hundreds of digits
            raise InputError(f"x must be finite, however: {error}") from None
    if not np.isfinite(rows).all():
        row, place = map(int, np.argwhere(~np.isfinite(rows))[0])
        cell = table.iat[row, place]
        raise InputError(
            f"x must be finite, however: {_shown(cell)} in row {row}, column {table.columns[place]}"
        )
    return rows


def _shown(cell: object) -> str:
    """What is not finite, or not in float32."""
    if cell is None or cell is pd.NA:
        return "nothing"
    return f"{cell} (beyond {LARGEST:.2g})" if np.isfinite(cell) else f"{cell}"  # type: ignore[call-overload]


def _table(x: ArrayLike) -> pd.DataFrame:
    """Rows that come without names; what a mask hides is missing."""
    try:
        array = np.asarray(x)
    except ValueError as error:  # rows of several lengths
        raise InputError(f"x must be rows x features, however: {error}") from None
    if isinstance(x, np.ma.MaskedArray):
        array = np.where(np.ma.getmaskarray(x), np.nan, np.ma.getdata(x))
    if array.ndim != 2:
        raise InputError(f"x must be rows x features, however: an array of shape {array.shape}")
    return pd.DataFrame(array)


def _is_number(column: pd.Series) -> bool:
    kind = column.dtype
    if isinstance(kind, pd.CategoricalDtype):
        kind = kind.categories.dtype
    if kind == np.object_:
        return infer_dtype(column) in _NUMBERS
    return is_numeric_dtype(kind)


def class_labels(y: pd.Series | ArrayLike, rows: int) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The classes of `rows` labels, sorted, as text; and each row's index among them.

    Raises ValueError unless there is a label for each of two rows or more, of two classes or more.
    """
    labels = _labels(y)
    if labels.shape != (rows,):
        raise InputError(
            f"y must be one label for each of {rows} rows, however: shape {labels.shape}"
        )
    if pd.isna(labels).any():
        raise InputError("y must have a label for every row, however: some are missing")
    try:
        classes, index = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise InputError(f"y must be labels of one kind, however: {error}") from None
    for label in classes.tolist():
        if isinstance(label, (float, np.floating)) and not float(label).is_integer():
            raise InputError(f"y must be labels of classes, however: a number such as {label:g}")
    names = tuple(map(str, classes.tolist()))
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise InputError(f"y must be labels of one kind, however: several are written {repeated}")
    check_classes(names, rows, of="y")
    return names, index.astype(np.int64)


def _labels(y: pd.Series | ArrayLike) -> NDArray[np.generic]:
    """Labels as an array that has each as it is."""
    try:
        labels = np.asarray(y)
    except ValueError as error:  # lists of several lengths
        raise InputError(f"y must be one label for each row, however: {error}") from None
    if isinstance(y, np.ma.MaskedArray):  # what a mask hides is missing
        labels = np.array(np.ma.getdata(y), dtype=object)
        labels[np.ma.getmaskarray(y)] = None
    # In a list numpy makes text of what stands beside text: of 1, and of a missing label.
    if labels.dtype.kind == "U" and isinstance(y, (list, tuple)):
        labels = np.array(y, dtype=object)
    return labels


def check_classes(classes: Sequence[str], rows: int, *, of: str) -> None:
    """ValueError unless there are two rows or more, of two classes or more; `of` says whose."""
    if rows < 2:
        raise InputError(f"{of} must have at least 2 rows to train on, however: {rows}")
    if len(classes) < 2:
        raise InputError(f"{of} must have at least 2 classes, however: only {classes[0]}")
