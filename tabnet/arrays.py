"""What a person passes as rows and labels, checked and turned into arrays."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tabnet.errors import InputError


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
    if np.iscomplexobj(x):
        raise InputError("x must hold real numbers, however: complex ones")
    try:
        rows = np.ascontiguousarray(x, dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise InputError(f"x must hold numbers only, however: {error}") from None
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise InputError(f"x must be rows x features, however: an array of shape {rows.shape}")
    if not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise InputError(
            f"x must be finite, however: {rows[row, column]} in row {row}, column {column}"
        )
    return rows


def class_labels(y: pd.Series | ArrayLike, rows: int) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The classes of `rows` labels, sorted, as text; and each row's index among them.

    Raises ValueError unless there is a label for each of two rows or more, of two classes or more.
    """
    labels = np.asarray(y)
    # In a list numpy makes text of what stands beside text: of 1, and of a missing label.
    if labels.dtype.kind == "U" and isinstance(y, (list, tuple)):
        labels = np.array(y, dtype=object)
    if labels.shape != (rows,):
        raise InputError(
            f"y must be one label for each of {rows} rows, however: shape {labels.shape}"
        )
    if pd.isna(labels).any():
        raise InputError("y must have a label for every row, however: some are missing")
    if labels.dtype.kind == "f" and len(parts := labels[labels != np.trunc(labels)]):
        raise InputError(f"y must be labels of classes, however: a number such as {parts[0]:g}")
    try:
        classes, index = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise InputError(f"y must be labels of one kind, however: {error}") from None
    names = tuple(map(str, classes.tolist()))
    check_classes(names, rows, of="y")
    return names, index.astype(np.int64)


def check_classes(classes: Sequence[str], rows: int, *, of: str) -> None:
    """ValueError unless there are two rows or more, of two classes or more; `of` says whose."""
    if rows < 2:
        raise InputError(f"training needs at least 2 rows, however: {rows}")
    if len(classes) < 2:
        raise InputError(f"{of} must have at least 2 classes, however: only {classes[0]}")
