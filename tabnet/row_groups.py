"""Labelled rows of a Parquet file, read row group by row group: more than fit into memory."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabnet import tables
from tabnet.arrays import check_classes
from tabnet.files import PathLike
from tabnet.source import Floats, Indices, Source


class RowGroups(Source):
    """The rows of a Parquet file: its column `label` is text, all others are numbers.

    Made of a file, it reads all of its labels once, to know the classes.

    Raises OSError or ValueError, naming the file, if it cannot be read or trained on; `read` too.
    """

    def __init__(self, path: PathLike, *, label: str) -> None:
        self._path, self._label = path, label
        self._label_schema = pa.schema([(label, pa.string())])
        self.sizes = tables.group_rows(path)
        self.features = tuple(name for name in tables.names(path) if name != label)
        self.classes = self._found_classes()

    def __str__(self) -> str:
        return str(self._path)

    def _found_classes(self) -> tuple[str, ...]:
        found: set[str | None] = set()
        for group in range(len(self.sizes)):
            labels = tables.read(self._path, columns=self._label_schema, groups=[group])
            found.update(pc.unique(labels[self._label]).to_pylist())
        if None in found:
            raise ValueError(
                f"{self._path}: column {self._label!r} must have a label in every row, however: "
                "some are missing"
            )
        classes = tuple(sorted(label for label in found if label is not None))
        check_classes(classes, self.rows)
        return classes

    def read(self, groups: Sequence[int]) -> tuple[Floats, Indices]:
        """The rows of some groups, in this order; no more than one group is held beside them."""
        rows = sum(self.sizes[group] for group in groups)
        x, y = np.empty((rows, len(self.features)), np.float32), np.empty(rows, np.int64)
        start = 0
        for group in groups:
            stop = start + self.sizes[group]
            x[start:stop], y[start:stop] = self._read_one(group)
            start = stop
        return x, y

    def _read_one(self, group: int) -> tuple[Floats, Indices]:
        table = tables.read(self._path, columns=[*self.features, self._label], groups=[group])
        first = 1 + sum(self.sizes[:group])
        x = tables.matrix(table, self.features, source=self._path, first_row=first)
        index = pc.index_in(table[self._label], value_set=pa.array(self.classes))
        return x, index.to_numpy().astype(np.int64)
