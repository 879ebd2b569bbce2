"""Labelled rows to train on, in groups that are read one by one: in memory, or where they lie."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tabnet.arrays import class_labels, feature_names, finite_rows, named
from tabnet.errors import InputError

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]


class Source(ABC):
    """Labelled rows in numbered groups, each of which fits into memory; their order never changes.

    `features` names the D columns; `classes` are the labels as text, sorted; `sizes` are the
    groups' numbers of rows.
    """

    features: tuple[str, ...]
    classes: tuple[str, ...]
    sizes: tuple[int, ...]

    @property
    def rows(self) -> int:
        """The number of rows in all groups."""
        return sum(self.sizes)

    @abstractmethod
    def read(self, groups: Sequence[int]) -> tuple[Floats, Indices]:
        """The rows of some groups, in this order: N x D, finite, and N indices of `classes`."""


class Arrays(Source):
    """Rows in memory: one group, `x` N x D and `y` N."""

    def __init__(
        self, features: tuple[str, ...], classes: tuple[str, ...], x: Floats, y: Indices
    ) -> None:
        self.features, self.classes, self.sizes = features, classes, (len(x),)
        self._rows = x, y

    def read(self, groups: Sequence[int]) -> tuple[Floats, Indices]:
        """All of the rows, the same arrays each time."""
        assert list(groups) == [0]
        return self._rows


def given(x: pd.DataFrame | ArrayLike, y: pd.Series | ArrayLike) -> Arrays:
    """What a person passes as rows (N x D) and labels (N); ValueError if one is not usable."""
    x = named(x)
    rows = finite_rows(x)
    names = feature_names(x)
    classes, labels = class_labels(y, len(rows))
    return Arrays(names, classes, rows, labels)


def held(source: Source, most: int) -> Source:
    """The source, in memory if it has at most `most` rows.

    Raises ValueError if it has more, in groups of which one alone has more.
    """
    if isinstance(source, Arrays):
        return source
    if source.rows <= most:
        everything = source.read(range(len(source.sizes)))
        return Arrays(source.features, source.classes, *everything)
    if max(source.sizes) > most:
        raise InputError(
            f"{source}: more rows than train.buffer_rows ({most}) must come in groups of at most as"
            f" many, however: one has {max(source.sizes)}"
        )
    return source
