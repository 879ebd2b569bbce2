"""Tables as they should not be, by what is wrong with them, and as they may be as well."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Change = Callable[[pa.Table], pa.Table]


def first(make: Callable[[pa.ChunkedArray], pa.Array]) -> Change:
    """Another first column of numbers, under the same name."""

    def change(table: pa.Table) -> pa.Table:
        at = next(i for i, f in enumerate(table.schema) if f.type != pa.string())
        return table.set_column(at, table.schema.names[at], make(table.column(at)))

    return change


def texts(make: Callable[[pa.ChunkedArray], pa.Array]) -> Change:
    """Another column of text; a table without one stays as it is."""

    def change(table: pa.Table) -> pa.Table:
        at = [i for i, f in enumerate(table.schema) if f.type == pa.string()]
        for index in at[:1]:
            table = table.set_column(index, table.schema.names[index], make(table[index]))
        return table

    return change


def cell(value: object, kind: pa.DataType | None = None) -> Change:
    """One cell, at the end of the first column of numbers, with another value."""

    def make(column: pa.ChunkedArray) -> pa.Array:
        values = column.to_pylist()
        values[-1] = value
        return pa.array(values, kind or column.type)

    def change(table: pa.Table) -> pa.Table:
        at = next(i for i, f in enumerate(table.schema) if f.type != pa.string())
        if pa.types.is_boolean(table.schema.types[at]) and isinstance(value, float):
            return first(lambda c: pa.array([value] * len(c), pa.float32()))(table)
        return first(make)(table)

    return change


def _renamed(name: str) -> Change:
    return lambda table: table.rename_columns([name, *table.column_names[1:]])


def _not_utf8(column: pa.ChunkedArray) -> pa.Array:
    offsets = pa.py_buffer(np.arange(0, 2 * len(column) + 1, 2, dtype=np.int32))
    data = pa.py_buffer(b"\xff\xfe" * len(column))
    return pa.StringArray.from_buffers(len(column), offsets, data)


# A stage that reads such a table must refuse it, by its name.
WRONG: dict[str, Change] = {
    "a column is missing": lambda table: table.drop_columns([table.column_names[0]]),
    "a column has another name": _renamed("<script>"),
    "a column has no name": _renamed(""),
    "a column is there twice": lambda table: table.append_column(
        table.schema.names[0], table.column(0)
    ),
    "no column": lambda table: table.select([]),
    "text for numbers": first(lambda c: pa.array(["1"] * len(c))),
    "lists for numbers": first(lambda c: pa.array([[1.0]] * len(c))),
    "structs for numbers": first(lambda c: pa.array([{"a": 1.0}] * len(c))),
    "maps for numbers": first(lambda c: pa.array([[("a", 1)]] * len(c), pa.map_("string", "int8"))),
    "dates for numbers": first(lambda c: pa.array([0] * len(c), pa.timestamp("ns"))),
    "bytes for numbers": first(lambda c: pa.array([b"\0\0\0\0"] * len(c))),
    "nothing for numbers": first(lambda c: pa.nulls(len(c))),
    "an empty cell": cell(None),
    "not a number": cell(float("nan")),
    "infinity": cell(float("inf")),
}
# These may be refused, or make another result, since some stages can tell them from no other file.
ODD: dict[str, Change] = {
    "no rows": lambda table: table.slice(0, 0),
    "one row": lambda table: table.slice(0, 1),
    "a row less": lambda table: table.slice(1),
    "a row twice": lambda table: pa.concat_tables([table, table.slice(0, 1)]),
    "columns in another order": lambda table: table.select(table.column_names[::-1]),
    "a column more": lambda table: table.append_column("more", pa.nulls(len(table))),
    "large integers": first(lambda c: pa.array([2**62] * len(c))),
    "decimals": first(lambda c: pa.array([1] * len(c), pa.decimal128(5))),
    "half floats": first(lambda c: pa.array(np.ones(len(c), np.float16))),
    "doubles": first(lambda c: pa.array([1e300] * len(c), pa.float64())),
    "the least floats": first(lambda c: pa.array([1e-45] * len(c), pa.float32())),
    "the largest floats": first(lambda c: pa.array([3.4e38] * len(c), pa.float32())),
    "truths for numbers": first(lambda c: pa.array([True] * len(c))),
    "constant": first(lambda c: pa.array([c[0].as_py()] * len(c), c.type)),
    "dictionaries": first(lambda c: c.dictionary_encode()),
    "dictionaries of text": texts(lambda c: c.dictionary_encode()),
    "another text": texts(lambda c: pa.array(["<b>maybe</b>"] * len(c))),
    "no text": texts(lambda c: pa.nulls(len(c), pa.string())),
    "empty text": texts(lambda c: pa.array([""] * len(c))),
    "long text": texts(lambda c: pa.array(["x" * 10**6] * len(c))),
    "large text": texts(lambda c: c.cast(pa.large_string())),
    "text of one kind": texts(lambda c: pa.array(["yes"] * len(c))),
    "text that is not UTF-8": texts(_not_utf8),
}
# The same table in other bytes: the result must be the same.
SAME: dict[str, dict[str, Any]] = {
    "dictionaries": {"use_dictionary": True, "compression": "none"},
    "short row groups": {"row_group_size": 7, "compression": "gzip"},
    "pages of version 2": {"data_page_version": "2.0", "compression": "brotli"},
    "short pages": {"data_page_size": 64, "compression": "snappy", "write_page_index": True},
    "split streams": {"use_dictionary": False, "use_byte_stream_split": True, "version": "1.0"},
}


def rewrite(path: Path, change: Change, **options: Any) -> None:
    """Change a file's table; its metadata stay."""
    table = pq.read_table(path)
    changed = change(table).replace_schema_metadata(table.schema.metadata)
    if options.get("use_byte_stream_split"):  # of numbers alone
        floats = [field.name for field in changed.schema if pa.types.is_floating(field.type)]
        options["use_byte_stream_split"] = floats
    pq.write_table(changed, path, **options)
