"""Files written whole or not at all: under a temporary name, which then takes the place of the old.

Files and folders alike. A temporary name is locked while it is written, so that what a killed
writer left is found and removed by the next one.
"""

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tabnet.errors import InputError

PathLike = str | os.PathLike[str]
DEVICES = Path("/dev")  # where links to files are the system's, too
MOST = 2**28  # bytes to read at once: more than a stage writes into a file that is so read

_TAKEN = (errno.EEXIST, errno.ENOTDIR, errno.ENOTEMPTY)  # what is there now is another writer's
_REMEDIES = {
    errno.EACCES: "allow writing in its folder",
    errno.EDQUOT: "free disk space",
    errno.EISDIR: "choose another name, or remove the folder that has it",
    errno.EFBIG: "allow larger files (ulimit -f)",
    errno.EIO: "look after the disk",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "close other programs' files",
    errno.ENOSPC: "free disk space",
    errno.ENOTDIR: "remove the file that is in the place of its folder",
    errno.EPERM: "allow writing in its folder",
    errno.EROFS: "use a folder that is not read-only",
}


def read_bytes(path: PathLike, *, most: int = MOST) -> bytes:
    """All bytes of a file.

    Raises OSError if it cannot be read, ValueError if it is none (a folder, a pipe, which would
    never end) or has more than `most` bytes.
    """
    if not Path(path).is_file() and Path(path).exists():
        raise InputError(f"{path}: must be a file, however: it is a folder or a device")
    with Path(path).open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise InputError(f"{path}: must have at most {most} bytes, however: it has more")
    return data


def write_text(path: PathLike, text: str) -> None:
    """Writes UTF-8 without changing line ends, atomically."""
    write_bytes(path, text.encode())


def write_bytes(path: PathLike, data: bytes) -> None:
    """Writes bytes, atomically."""
    with replaced(path) as temporary:
        temporary.write_bytes(data)


def remove_others(folder: Path, kept: Collection[Path]) -> None:
    """Removes the JSON files of a folder that are not `kept`: what a list named that has shrunk."""
    for path in sorted(set(folder.glob("*.json")) - set(kept)):
        path.unlink()


def shown(name: PathLike) -> str:
    """A name as text that can be written: bytes of it that are none are each a question mark."""
    return os.fspath(name).encode(errors="replace").decode()


def digest(path: PathLike) -> bytes:
    """The SHA-256 of a file's bytes, of which few are held at once."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def copy(source: PathLike, target: PathLike) -> None:
    """Copies a file's bytes, atomically."""
    with replaced(target) as temporary:
        shutil.copyfile(source, temporary)


@contextmanager
def replaced(path: PathLike) -> Iterator[Path]:
    """A new file's name in the same folder, that replaces `path` if the block succeeds."""
    target = Path(path)
    with _temporary(target, Path.touch) as temporary:
        yield temporary
        _sync(temporary)
        os.replace(temporary, target)
        _sync(target.parent)


@contextmanager
def replace_folder(path: PathLike) -> Iterator[Path]:
    """An empty folder that takes the place of `path` if the block ends without an exception."""
    target = Path(path)
    with _temporary(target, Path.mkdir) as temporary:
        yield temporary
        _sync(temporary)
        while not _took_the_place(temporary, target):
            pass
        _sync(target.parent)


def _took_the_place(temporary: Path, target: Path) -> bool:
    """Whether a folder has taken the place of what was there, and no other writer's was sooner."""
    old = _beside(target)
    with suppress(FileNotFoundError):
        target.rename(old)
    try:
        temporary.rename(target)
        sooner = False
    except BaseException as error:
        sooner = isinstance(error, OSError) and error.errno in _TAKEN
        if not sooner:
            with suppress(OSError):
                old.rename(target)
            raise
    _remove(old)
    return not sooner


@contextmanager
def _temporary(target: Path, create: Callable[[Path], None]) -> Iterator[Path]:
    """A new file or folder beside `target`, gone when the block ends.

    It is locked until then, so that what a killed writer left is told from what another writes:
    nobody locks that any more, and the next writer of the same target removes it.
    """
    temporary = _beside(target)
    with ExitStack() as stack:
        stack.enter_context(_written(target))
        _check_place(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target.parent, target.name)
        stack.callback(_remove, temporary)
        while not temporary.exists():  # cleared up by another writer before it was locked: again
            create(temporary)
            with suppress(FileNotFoundError):
                stack.enter_context(_locked(temporary, fcntl.LOCK_EX))
        yield temporary


def _check_place(target: Path) -> None:
    """ValueError where a device or a pipe is, or a link to one: `/dev/null` would be a file."""
    special = False
    with suppress(OSError):  # nothing is there, or what is cannot be seen: writing will tell
        mode = target.stat().st_mode  # once: other writers may take it away meanwhile
        special = not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
    if special or target.parent.resolve() == DEVICES:
        raise InputError(f"{target}: must be a file, however: it is a device or a pipe")


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


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Removes what killed writers left half-written in a folder, of one name or of any."""
    of = ".+" if name is None else re.escape(name)
    pattern = re.compile(rf"\.{of}\.[0-9a-f]{{16}}\.tmp")
    for path in folder.iterdir():
        if pattern.fullmatch(path.name):
            # Written by another, or gone meanwhile: what is there now may be another file.
            with (
                suppress(BlockingIOError, FileNotFoundError),
                _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB) as found,
            ):
                if os.path.samestat(os.fstat(found), path.stat()):
                    _remove(path)


@contextmanager
def _locked(path: Path, how: int) -> Iterator[int]:
    """Holds an advisory lock on a file or folder, which ends with the process at the latest.

    Yields its descriptor.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
        yield descriptor
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
