"""Labelled rows of a Parquet file, read row group by row group: more than fit into memory."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabnet import tables
from tabnet.arrays import check_classes
from tabnet.errors import InputError
from tabnet.files import PathLike
from tabnet.source import Floats, Indices, Source

LABELS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_integer,
    pa.types.is_boolean,
)


class RowGroups(Source):
    """The rows of a Parquet file: all columns but `label` are numbers.

    Labels are text, whole numbers or truth values, or categories of these. An index that pandas
    has written beside them is left out.

    Made of a file, it reads all of its labels once, to know the classes.

    Raises OSError or ValueError, naming the file, if it cannot be read or trained on; `read` too.
    """

    def __init__(self, path: PathLike, *, label: str) -> None:
        self._path, self._label = path, label
        self.sizes = tables.group_rows(path)
        self._version = _version(path)
        found = tables.columns(path)
        self.features = tuple(name for name in tables.beside_index(found) if name != label)
        if not self.features:
            raise InputError(f"{path}: must have columns beside {label!r}, however: it has none")
        self._values = self._found_values()
        self.classes = tuple(map(str, self._values.to_pylist()))

    def __str__(self) -> str:
        return str(self._path)

    def _found_values(self) -> pa.Array:
        """The labels that there are, in their order."""
        found: set[str | int | None] = set()
        where, everything = f"{self._path}: column {self._label!r}", range(len(self.sizes))
        for table in tables.row_groups(self._path, everything, columns=[self._label]):
            labels = _plain(table[self._label])
            if not any(is_kind(labels.type) for is_kind in LABELS):
                raise InputError(
                    f"{where} must hold text, whole numbers or truth values, however: {labels.type}"
                )
            found.update(pc.unique(labels).to_pylist())
        if None in found:
            raise InputError(f"{where} must have a label in every row, however: some are missing")
        values = sorted(label for label in found if label is not None)
        check_classes(list(map(str, values)), self.rows, of=where)
        return pa.array(values, labels.type)

    def read(self, groups: Sequence[int]) -> tuple[Floats, Indices]:
        """The rows of some groups, in this order; no more than one group is held beside them."""
        if _version(self._path) != self._version:
            raise self._is_another()
        rows = sum(self.sizes[group] for group in groups)
        x, y = np.empty((rows, len(self.features)), np.float32), np.empty(rows, np.int64)
        start, names = 0, [*self.features, self._label]
        for group, table in zip(
            groups, tables.row_groups(self._path, groups, columns=names), strict=True
        ):
            stop = start + table.num_rows
            x[start:stop], y[start:stop] = self._numbers(group, table)
            start = stop
        return x, y

    def _numbers(self, group: int, table: pa.Table) -> tuple[Floats, Indices]:
        first = 1 + sum(self.sizes[:group])
        x = tables.matrix(table, self.features, source=self._path, first_row=first)
        index = pc.index_in(_plain(table[self._label]), value_set=self._values)
        if index.null_count:  # replaced since it was looked at
            raise self._is_another()
        return x, index.to_numpy().astype(np.int64)

    def _is_another(self) -> InputError:
        return InputError(f"{self._path}: must stay as it is in training, however: it is another")


def _plain(labels: pa.ChunkedArray) -> pa.ChunkedArray:
    """Labels as they are, where a file has them as categories."""
    kind = labels.type
    return labels.cast(kind.value_type) if pa.types.is_dictionary(kind) else labels


def _version(path: PathLike) -> tuple[int, int, int]:
    """What changes where a file is written or replaced."""
    found = Path(path).stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
