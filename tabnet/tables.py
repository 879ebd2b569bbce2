"""Files: Parquet in and out, in batches, with the same bytes each time, whole or not at all."""

import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

PathLike = str | os.PathLike[str]
# Fixed: the default depends on the version, and the bytes of a file on the size of its groups.
GROUP_ROWS = 2**16

_REMEDIES = {
    errno.EACCES: "allow writing in its folder",
    errno.EDQUOT: "free disk space",
    errno.EFBIG: "allow larger files (ulimit -f)",
    errno.EIO: "look after the disk",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "close other programs' files",
    errno.ENOSPC: "free disk space",
    errno.ENOTDIR: "remove the file that is in the place of its folder",
    errno.EPERM: "allow writing in its folder",
    errno.EROFS: "use a folder that is not read-only",
}


def schema(columns: Sequence[str], *, dtype: pa.DataType | None = None) -> pa.Schema:
    """A schema of columns of one type, float32 unless told."""
    return pa.schema([(name, dtype or pa.float32()) for name in columns])


class Writer:
    """Writes batches as row groups of a fixed size, however the batches are cut."""

    def __init__(self, path: PathLike, schema: pa.Schema) -> None:
        # pandas' block repeats the schema, with pandas' version.
        metadata = {k: v for k, v in (schema.metadata or {}).items() if k != b"pandas"}
        self._schema = schema.with_metadata(metadata or None)
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._file = pq.ParquetWriter(
            path,
            self._schema,
            compression="zstd",
            # Numbers hardly repeat: a dictionary of them takes twice the time and more bytes.
            use_dictionary=[f.name for f in schema if not pa.types.is_primitive(f.type)],
            store_schema=False,
            write_page_checksum=True,
        )
        # Without the stored schema, pyarrow leaves its metadata out too.
        self._file.add_key_value_metadata(metadata)

    def write(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Appends rows of the schema's columns, in any order.

        Raises:
            ValueError: other columns than the schema's, or values that do not fit its types.
        """
        names = self._schema.names
        if sorted(batch.schema.names) != sorted(names):
            raise ValueError(f"must have {_list(names)}, however: {_list(batch.schema.names)}")
        table = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
        self._pending.append(table.select(names).cast(self._schema))
        self._pending_rows += batch.num_rows
        while self._pending_rows >= GROUP_ROWS:
            self._flush(GROUP_ROWS)

    def close(self) -> None:
        """Writes the last rows and the footer."""
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
    with _replaced(path) as temporary:
        stream = Writer(temporary, schema)
        try:
            yield stream
        except BaseException:
            stream.abandon()
            raise
        stream.close()


def write(path: PathLike, table: pa.Table) -> None:
    """Writes a table, atomically; the same rows, columns and metadata give the same bytes."""
    with writer(path, table.schema) as stream:
        stream.write(table)


def write_text(path: PathLike, text: str) -> None:
    """Writes UTF-8 without changing line ends, atomically."""
    write_bytes(path, text.encode())


def write_bytes(path: PathLike, data: bytes) -> None:
    """Writes bytes, atomically."""
    with _replaced(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def replace_folder(path: PathLike) -> Iterator[Path]:
    """An empty folder that takes the place of `path` if the block ends without an exception."""
    target = Path(path)
    with _temporary(target, Path.mkdir) as temporary:
        old = _beside(target)
        yield temporary
        _sync(temporary)
        if os.path.lexists(target):
            target.rename(old)
        try:
            temporary.rename(target)
        except BaseException:
            if os.path.lexists(old):
                old.rename(target)
            raise
        _sync(target.parent)
        _remove(old)


def rows(path: PathLike) -> int:
    """The number of rows of a Parquet file; raises as `read` does."""
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def read(path: PathLike, *, columns: Sequence[str] | pa.Schema | None = None) -> pa.Table:
    """A Parquet file's columns: all, those named, or those of a schema and of its types.

    Raises:
        OSError: the file is missing or cannot be read.
        ValueError: it is no Parquet file, is damaged, or lacks a column or its type; one line
            that names the file.
    """
    with _opened(path) as file:
        names = _checked(path, file, columns)
        _check_memory(path, file, names)
        with _named(path):
            return _valid(file.read(columns=names).select(names))


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
            raise ValueError(f"{source}: column {name!r} must be numeric, however: {kind}")
        with np.errstate(over="ignore"):  # what overflows is infinite, and named below
            values[:, index] = column.to_numpy(zero_copy_only=False)
    finite = np.isfinite(values)
    if not finite.all():
        row, index = np.argwhere(~finite)[0]
        cell = table.column(columns[index])[int(row)].as_py()
        raise ValueError(
            f"{source}: column {columns[index]!r} must hold finite numbers,"
            f" however: {'nothing' if cell is None else cell} in row {row + first_row}"
        )
    return values


@contextmanager
def _replaced(path: PathLike) -> Iterator[Path]:
    """A new file's name in the same folder, that replaces `path` if the block succeeds."""
    target = Path(path)
    with _temporary(target, Path.touch) as temporary:
        yield temporary
        _sync(temporary)
        os.replace(temporary, target)
        _sync(target.parent)


@contextmanager
def _temporary(target: Path, create: Callable[[Path], None]) -> Iterator[Path]:
    """A new file or folder beside `target`, gone when the block ends.

    It is locked until then, so that what a killed writer left is told from what another writes:
    nobody locks that any more, and the next writer of the same target removes it.
    """
    temporary = _beside(target)
    with ExitStack() as stack:
        stack.enter_context(_written(target))
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target)
        stack.callback(_remove, temporary)
        while not temporary.exists():  # cleared up by another writer before it was locked: again
            create(temporary)
            stack.enter_context(_locked(temporary, fcntl.LOCK_EX))
        yield temporary


@contextmanager
def _written(target: Path) -> Iterator[None]:
    """Turns what the system says into one line that names the file and what to do."""
    try:
        yield
    except OSError as error:
        # Of what is read meanwhile the error says so itself.
        if error.errno not in _REMEDIES:
            raise
        line = f"{os.strerror(error.errno)}; {_REMEDIES[error.errno]}, then run again"
        raise type(error)(f"{target}: must be writable, however: {line}") from None


def _remove_leftovers(target: Path) -> None:
    pattern = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{16}}\.tmp")
    for path in target.parent.iterdir():
        if pattern.fullmatch(path.name):
            with suppress(BlockingIOError), _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
                _remove(path)


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    """Holds an advisory lock on a file or folder, which ends with the process at the latest."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def _beside(target: Path) -> Path:
    # Not `tempfile`: its files are private to their owner, ours have what the umask allows.
    return target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")


def _sync(path: Path) -> None:
    """Asks that a file or folder be on the disk before what follows."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _opened(path: PathLike) -> Iterator[Any]:
    with _named(path):
        file = pq.ParquetFile(path, page_checksum_verification=True)
    with file:
        _check_counts(path, file)
        yield file


def _check_counts(path: PathLike, file: Any) -> None:
    """The footer has no checksum: what it says of the number of rows must agree."""
    # Not the counts of its columns: pyarrow may crash on asking a damaged file for them.
    found = file.metadata
    rows = sum(found.row_group(index).num_rows for index in range(found.num_row_groups))
    if rows != found.num_rows:
        raise ValueError(
            f"{path}: must be a whole Parquet file, however: it disagrees on its number of rows"
        )


def _check_memory(path: PathLike, file: Any, names: Sequence[str]) -> None:
    """A few bytes of Parquet can say that a column holds a value billions of times."""
    need = 4 * file.metadata.num_rows * len(names)
    have = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if need > have:
        raise ValueError(
            f"{path}: must fit into the memory of {have} bytes, however: it has {need} or more"
        )


@contextmanager
def _named(path: PathLike) -> Iterator[None]:
    """Turns pyarrow's many errors into one line that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: must be a Parquet file, however: it is missing") from None
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        if Path(path).is_dir():
            raise IsADirectoryError(f"{path}: must be a Parquet file, however: a folder") from None
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path}: must be a whole Parquet file, however: {reason}") from None


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
            raise ValueError(f"{path}: column {name!r} must be {expected}, however: {kind}")
    return names


def _require(source: PathLike, found: pa.Schema, names: Sequence[str]) -> None:
    for name in names:
        if found.names.count(name) != 1:
            raise ValueError(
                f"{source}: must have one column {name!r}, however: it has {_list(found.names)}"
            )


def _list(names: Sequence[str]) -> str:
    if not names:
        return "no columns"
    shown = ", ".join(repr(name) for name in names[:20])
    return f"the columns {shown}{', ...' if len(names) > 20 else ''}"
