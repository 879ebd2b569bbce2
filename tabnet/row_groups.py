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


class RowGroups(Source):
    """The rows of a Parquet file: its column `label` is text, all others are numbers.

    An index that pandas has written beside them is left out.

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
        # As pandas writes text; what is neither is refused as the one that it should be.
        large = pa.large_string() in [field.type for field in found if field.name == label]
        self.classes = self._found_classes(pa.large_string() if large else pa.string())

    def __str__(self) -> str:
        return str(self._path)

    def _found_classes(self, kind: pa.DataType) -> tuple[str, ...]:
        found: set[str | None] = set()
        everything, only = range(len(self.sizes)), pa.schema([(self._label, kind)])
        for table in tables.row_groups(self._path, everything, columns=only):
            found.update(pc.unique(table[self._label]).to_pylist())
        if None in found:
            raise InputError(
                f"{self._path}: column {self._label!r} must have a label in every row, however: "
                "some are missing"
            )
        classes = tuple(sorted(label for label in found if label is not None))
        check_classes(classes, self.rows, of=f"{self._path}: column {self._label!r}")
        return classes

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
        labels = table[self._label]
        index = pc.index_in(labels, value_set=pa.array(self.classes, labels.type))
        if index.null_count:  # replaced since it was looked at
            raise self._is_another()
        return x, index.to_numpy().astype(np.int64)

    def _is_another(self) -> InputError:
        return InputError(f"{self._path}: must stay as it is in training, however: it is another")


def _version(path: PathLike) -> tuple[int, int, int]:
    """What changes where a file is written or replaced."""
    found = Path(path).stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
