"""Parquet in and out, in batches, with the same bytes each time, whole or not at all."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tabnet import files
from tabnet.errors import InputError, squeeze
from tabnet.files import PathLike

# Fixed: the default depends on the version, and the bytes of a file on the size of its groups.
GROUP_ROWS = 2**16


def schema(columns: Sequence[str], *, dtype: pa.DataType | None = None) -> pa.Schema:
    """A schema of columns of one type, float32 unless told."""
    return pa.schema([(name, dtype or pa.float32()) for name in columns])


def settings(schema: pa.Schema) -> dict[str, Any]:
    """How pyarrow writes our files."""
    return {
        # Of masks zstd saves a sixth more, and takes half as long again to write and twice as
        # long to read.
        "compression": "lz4",
        # Numbers hardly repeat: a dictionary of them takes twice the time and more bytes.
        "use_dictionary": [f.name for f in schema if not pa.types.is_primitive(f.type)],
        # Every group has nearly every value: by its extremes no reader could skip one.
        "write_statistics": False,
        "store_schema": False,
        "write_page_checksum": True,
    }


class Writer:
    """Writes batches as row groups of a fixed size, however the batches are cut."""

    def __init__(self, path: PathLike, schema: pa.Schema) -> None:
        # pandas' block repeats the schema, with pandas' version.
        metadata = {k: v for k, v in (schema.metadata or {}).items() if k != b"pandas"}
        self._schema = schema.with_metadata(metadata or None)
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._file = pq.ParquetWriter(path, self._schema, **settings(schema))
        # Without the stored schema, pyarrow leaves its metadata out too.
        self._file.add_key_value_metadata(metadata)

    def write(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Appends rows of the schema's columns, in any order.

        Raises:
            ValueError: other columns than the schema's, or values that cannot be cast to its types.
                Numbers beyond float32 become infinite.
        """
        names = self._schema.names
        if sorted(batch.schema.names) != sorted(names):
            raise InputError(f"must have {_list(names)}, however: {_list(batch.schema.names)}")
        table = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
        if not table.schema.equals(self._schema):
            table = table.select(names).cast(self._schema)
        self._pending.append(table)
        self._pending_rows += batch.num_rows
        while self._pending_rows >= GROUP_ROWS:
            self._flush(GROUP_ROWS)

    def close(self) -> None:
        """Writes the last rows and the footer, if that is not done yet."""
        if self._pending_rows:
            self._flush(self._pending_rows)
        self._file.close()

    def abandon(self) -> None:
        """Lets the file go, whatever it holds."""
        with suppress(OSError, pa.ArrowException):  # what went wrong first is what matters
            self._file.close()

    def _flush(self, rows: int) -> None:
        table = pa.concat_tables(self._pending)
        # In one piece: the pages end where the pieces end.
        group = table.slice(0, rows).combine_chunks()
        self._file.write_table(group, row_group_size=GROUP_ROWS)
        self._pending = [table.slice(rows)]
        self._pending_rows -= rows


@contextmanager
def writer(path: PathLike, schema: pa.Schema) -> Iterator[Writer]:
    """A `Writer` whose rows appear under `path` if the block ends without an exception."""
    with files.replaced(path) as temporary:
        stream = Writer(temporary, schema)
        try:
            yield stream
            stream.close()
        except BaseException:
            stream.abandon()
            raise


def write(path: PathLike, table: pa.Table) -> None:
    """Writes a table, atomically; the same rows, columns and metadata give the same bytes."""
    with writer(path, table.schema) as stream:
        stream.write(table)


def rows(path: PathLike) -> int:
    """The number of rows of a Parquet file; raises as `read` does."""
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def group_rows(path: PathLike) -> tuple[int, ...]:
    """The number of rows of each row group of a Parquet file; raises as `read` does."""
    with _opened(path) as file:
        return _group_rows(file)


def columns(path: PathLike) -> pa.Schema:
    """The names and types of a Parquet file's columns; raises as `read` does."""
    with _opened(path) as file:
        return file.schema_arrow


def beside_index(found: pa.Schema) -> list[str]:
    """The names of a schema's columns, but for those in which pandas keeps a table's index.

    >>> import pandas as pd
    >>> beside_index(pa.Schema.from_pandas(pd.DataFrame({"a": [1.5, 2.5]}).iloc[1:]))
    ['a']
    """
    with suppress(ValueError, LookupError, TypeError):  # what is no block of pandas' says nothing
        index = found.pandas_metadata["index_columns"]
        return [name for name in found.names if name not in index]
    return list(found.names)


def read(path: PathLike, *, columns: Sequence[str] | pa.Schema | None = None) -> pa.Table:
    """A Parquet file's columns: all, those named, or those of a schema and of its types.

    Raises:
        OSError: the file is missing, or a folder.
        ValueError: it cannot be read, is no Parquet file, is damaged, does not fit into memory, or
            lacks a column or its type, or has it twice; one line that names the file.
    """
    with _opened(path) as file:
        names = _checked(path, file, columns)
        _check_memory(path, file.metadata.num_rows, names)
        with _named(path):
            return _valid(file.read(columns=names).select(names))


def row_groups(
    path: PathLike, groups: Sequence[int], *, columns: Sequence[str] | pa.Schema
) -> Iterator[pa.Table]:
    """Some row groups of a Parquet file, in this order, one at a time; raises as `read` does."""
    with _opened(path) as file:
        names, sizes = _checked(path, file, columns), _group_rows(file)
        for group in groups:
            _check_memory(path, sizes[group], names)
            with _named(path):
                valid = _valid(file.read_row_group(group, columns=names).select(names))
            yield valid


def batches(
    path: PathLike, *, columns: Sequence[str] | pa.Schema | None = None, batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """A Parquet file in batches of `batch_rows` rows, the last one smaller; raises as `read`."""
    with _opened(path) as file:
        names = _checked(path, file, columns)
        parts = file.iter_batches(batch_size=batch_rows, columns=names)
        while True:
            with _named(path):
                batch = next(parts, None)
                if batch is None:
                    return
                valid = _valid(batch.select(names))
            yield valid


def matrix(
    table: pa.Table | pa.RecordBatch,
    columns: Sequence[str],
    *,
    source: PathLike = "the table",
    first_row: int = 1,
) -> NDArray[np.float32]:
    """Numeric columns as B x D, float32, contiguous.

    Args:
        source: what to call the table in an error.
        first_row: the number of the first row in an error.

    Raises:
        ValueError: a missing or non-numeric column, or a cell that is empty or not finite.
    """
    _require(source, table.schema, columns)
    values = np.empty((table.num_rows, len(columns)), np.float32)
    for index, name in enumerate(columns):
        column = table.column(name)
        kind = column.type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            raise InputError(f"{source}: column {name!r} must be numeric, however: {kind}")
        with np.errstate(over="ignore"):  # what overflows is infinite, and named below
            values[:, index] = column.to_numpy(zero_copy_only=False)
    finite = np.isfinite(values)
    if not finite.all():
        row, index = np.argwhere(~finite)[0]
        cell = table.column(columns[index])[int(row)].as_py()
        raise InputError(
            f"{source}: column {columns[index]!r} must hold finite numbers,"
            f" however: {'nothing' if cell is None else cell} in row {row + first_row}"
        )
    return values


def check_shares(
    path: PathLike, what: str, values: NDArray[np.floating], *, rounding: float = 0.0
) -> None:
    """ValueError, naming the file, unless all values are from 0 to 1, but for so much rounding."""
    outside = ~((values >= -rounding) & (values <= 1 + rounding))  # NaN too
    if outside.any():
        raise InputError(f"{path}: {what} must be from 0 to 1, however: {values[outside][0]:g}")


@contextmanager
def _opened(path: PathLike) -> Iterator[Any]:
    with _named(path):
        # Read ahead, a file that is read in batches would be held as a whole in the end.
        file = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False)
    with file:
        _check_counts(path, file)
        yield file


def _check_counts(path: PathLike, file: Any) -> None:
    """The footer has no checksum: what it says of the number of rows must agree."""
    # Not the counts of its columns: pyarrow may crash on asking a damaged file for them.
    if sum(_group_rows(file)) != file.metadata.num_rows:
        raise InputError(
            f"{path}: must be a whole Parquet file, however: it disagrees on its number of rows"
        )


def _group_rows(file: Any) -> tuple[int, ...]:
    found = file.metadata
    return tuple(found.row_group(index).num_rows for index in range(found.num_row_groups))


def _check_memory(path: PathLike, rows: int, names: Sequence[str]) -> None:
    """A few bytes of Parquet can say that a column holds a value billions of times."""
    need = 4 * rows * len(names)
    have = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if need > have:
        raise InputError(
            f"{path}: must fit into the memory of {have} bytes, however: it has {need} or more"
        )


@contextmanager
def _named(path: PathLike) -> Iterator[None]:
    """Turns pyarrow's many errors into one line that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: must be a Parquet file, however: it is missing") from None
    except UnicodeEncodeError:
        raise InputError(f"{path}: must have a name in UTF-8, however: other bytes") from None
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        if Path(path).is_dir():
            raise IsADirectoryError(f"{path}: must be a Parquet file, however: a folder") from None
        reason = squeeze(error) or type(error).__name__
        raise InputError(f"{path}: must be a whole Parquet file, however: {reason}") from None


def _valid(table: Any) -> Any:
    """The table, if its text is UTF-8: pyarrow reads other bytes as text, too, and fails later."""
    table.validate(full=True)
    return table


def _checked(path: PathLike, file: Any, columns: Sequence[str] | pa.Schema | None) -> list[str]:
    """The names of the columns to read, all of them there and of the types asked for."""
    found = file.schema_arrow
    types: dict[str, Any] = (
        dict(zip(columns.names, columns.types, strict=True))
        if isinstance(columns, pa.Schema)
        else {}
    )
    names = list(types or (found.names if columns is None else columns))
    _require(path, found, names)
    for name, expected in types.items():
        kind = found.field(name).type
        if kind != expected:
            raise InputError(f"{path}: column {name!r} must be {expected}, however: {kind}")
    return names


def _require(source: PathLike, found: pa.Schema, names: Sequence[str]) -> None:
    for name in names:
        if found.names.count(name) != 1:
            raise InputError(
                f"{source}: must have one column {name!r}, however: it has {_list(found.names)}"
            )


def _list(names: Sequence[str]) -> str:
    if not names:
        return "no columns"
    shown = ", ".join(repr(name) for name in names[:20])
    return f"the columns {shown}{', ...' if len(names) > 20 else ''}"
