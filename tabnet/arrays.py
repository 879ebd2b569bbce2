"""What a person passes as rows and labels, checked and turned into arrays."""

import math
from collections.abc import Sequence
from decimal import Decimal
from numbers import Complex, Integral, Number, Real
from typing import SupportsFloat

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pandas.api.extensions import ExtensionDtype
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from tabnet.errors import InputError

LARGEST = float(np.finfo(np.float32).max)
EXACT = 2**53  # up to here a float64 has each whole number


def named(x: pd.DataFrame | ArrayLike) -> pd.DataFrame | ArrayLike:
    """Rows, those of pyarrow's and polars' tables as a DataFrame: an array would lose their names.

    >>> import pyarrow as pa
    >>> list(named(pa.table({"b": [1.5], "a": [2.5]})).columns)
    ['b', 'a']
    """
    convert = None if isinstance(x, pd.DataFrame) else getattr(x, "to_pandas", None)
    found = convert() if callable(convert) else x
    return found if isinstance(found, pd.DataFrame) else x


def feature_names(x: pd.DataFrame | ArrayLike) -> tuple[str, ...]:
    """A DataFrame's column names as text; `x1` .. `xD` for an array."""
    if isinstance(x, pd.DataFrame):
        names = tuple(map(str, x.columns))
        if len(set(names)) < len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            raise InputError(
                f"x must have a different name for each column, however: {repeated!r} is repeated"
            )
        _check_text(names, of="x must have columns")
        return names
    return tuple(f"x{d}" for d in range(1, np.asarray(x).shape[-1] + 1))


def finite_rows(x: pd.DataFrame | ArrayLike) -> NDArray[np.float32]:
    """`x` as a B x D float32 array; ValueError unless it is a table of finite numbers."""
    table = x if isinstance(x, pd.DataFrame) else _array(x)
    if table.ndim == 0:
        raise InputError(f"x must be rows x features, however: {type(x).__name__}")
    if table.ndim != 2 or table.shape[1] == 0:
        raise InputError(f"x must be rows x features, however: an array of shape {table.shape}")
    with np.errstate(over="ignore"):  # what overflows is infinite, and named below
        numbers = _of_frame(table) if isinstance(table, pd.DataFrame) else table
        rows = np.ascontiguousarray(numbers, dtype=np.float32)
    if not np.isfinite(rows).all():
        row, place = map(int, np.argwhere(~np.isfinite(rows))[0])
        frame = pd.DataFrame(table[row : row + 1])
        cell, name = frame.iat[0, place], frame.columns[place]
        raise InputError(f"x must be finite, however: {_shown(cell)} in row {row}, column {name}")
    return rows


def _array(x: ArrayLike) -> NDArray[np.generic] | pd.DataFrame:
    """Rows that come without names, as an array of numbers; of objects, as a frame."""
    try:
        array = np.asarray(x)
    # Rows of several lengths, kinds that numpy lacks; tensors on other devices or with gradients.
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"x must be rows x features, however: {error}") from None
    if array.dtype.kind == "c":
        raise InputError("x must hold real numbers, however: complex ones")
    if array.dtype.kind not in "biufO":
        kind = "text" if array.dtype.kind in "SU" else array.dtype
        raise InputError(f"x must hold numbers only, however: {kind}")
    if isinstance(x, np.ma.MaskedArray):  # what a mask hides is missing
        array = np.where(np.ma.getmaskarray(x), np.nan, array.astype(np.float64))
    return pd.DataFrame(array) if array.dtype.kind == "O" and array.ndim == 2 else array


def _of_frame(frame: pd.DataFrame) -> NDArray[np.float32]:
    """A frame's numbers, NaN where it has none."""
    # Each kind of column is looked at once, and what is in it only where its kind does not say.
    numeric = {kind: _is_numeric(kind) for kind in set(frame.dtypes)}
    of_objects = {}
    for place, kind in enumerate(frame.dtypes):
        if numeric[kind]:
            continue
        column = frame.iloc[:, place]
        if not all(map(_is_number, column.to_numpy(dtype=object))):
            raise InputError(
                f"x must hold numbers only, however: column {frame.columns[place]} is {kind}"
            )
        of_objects[place] = column
    if of_objects:
        frame = frame.copy(deep=False)
        for place, column in of_objects.items():
            known = column.astype(object)
            frame.isetitem(place, known.where(known.notna(), np.nan).array)
    try:
        if all(isinstance(kind, np.dtype) for kind in numeric):
            return frame.to_numpy(dtype=np.float32)
        return frame.to_numpy(dtype=np.float32, na_value=np.nan)
    except OverflowError as error:  # a whole number of hundreds of digits
        raise InputError(f"x must be finite, however: {error}") from None


def _is_numeric(kind: np.dtype | ExtensionDtype) -> bool:
    """Whether a column of this kind holds real numbers, and nothing else."""
    if isinstance(kind, pd.CategoricalDtype):
        kind = kind.categories.dtype
    is_complex = getattr(kind, "kind", "") == "c"
    return (is_numeric_dtype(kind) or is_bool_dtype(kind)) and not is_complex


def _is_number(value: object) -> bool:
    """Whether it is a real number, or missing."""
    if isinstance(value, (Number, np.bool_)):
        return not isinstance(value, Complex) or isinstance(value, Real)
    return value is None or value is pd.NA


def _shown(cell: object) -> str:
    """What is not finite, or not in float32."""
    if cell is None or cell is pd.NA:
        return "nothing"
    beyond = isinstance(cell, SupportsFloat) and math.isfinite(cell)
    return f"{cell} (beyond {LARGEST:.2g})" if beyond else f"{cell}"


def class_labels(y: pd.Series | ArrayLike, rows: int) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The classes of `rows` labels, sorted, as text; and each row's index among them.

    Raises ValueError unless there is a label for each of two rows or more, of two classes or more,
    of one kind, without fractions, each written in another way.
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
        number = isinstance(label, (Real, Decimal)) and not isinstance(label, Integral)
        if number and not float(label).is_integer():
            text = f"{float(label):g}"
            raise InputError(f"y must be labels of classes, however: a number such as {text}")
    names = tuple(map(str, classes.tolist()))
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise InputError(f"y must be labels of one kind, however: several are written {repeated}")
    _check_text(names, of="y must be labels")
    check_classes(names, rows, of="y")
    return names, index.astype(np.int64)


def _check_text(names: Sequence[str], *, of: str) -> None:
    """ValueError for what no file can hold: halves of characters."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise InputError(f"{of} whose names are Unicode, however: {name!r}") from None


def _labels(y: pd.Series | ArrayLike) -> NDArray[np.generic]:
    """Labels as an array that has each as it is."""
    try:
        labels = np.asarray(y)
    # Lists of several lengths; tensors on other devices or with gradients.
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"y must be one label for each row, however: {error}") from None
    if isinstance(y, np.ma.MaskedArray):  # what a mask hides is missing
        labels = np.array(np.ma.getdata(y), dtype=object)
        labels[np.ma.getmaskarray(y)] = None
    # In a list numpy makes text of what stands beside text: of 1, and of a missing label.
    if labels.dtype.kind == "U" and isinstance(y, Sequence):
        labels = np.array(y, dtype=object)
    # And floats of whole numbers of several kinds: from 2**53 on it rounds them.
    if labels.dtype.kind == "f" and labels.ndim == 1 and isinstance(y, Sequence):
        exact = [int(label) if isinstance(label, Integral) else label for label in y]
        if any(isinstance(label, int) and abs(label) > EXACT for label in exact):
            labels = np.array(exact, dtype=object)
    return labels


def check_classes(classes: Sequence[str], rows: int, *, of: str) -> None:
    """ValueError unless there are two rows or more, of two classes or more; `of` says whose."""
    if rows < 2:
        raise InputError(f"{of} must have at least 2 rows to train on, however: {rows}")
    if len(classes) < 2:
        raise InputError(f"{of} must have at least 2 classes, however: only {classes[0]}")
