"""Checkpoints of a training run: one file for one combination of data, parameters and code."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import numpy as safetensors_numpy

from tabnet import files

logger = logging.getLogger(__name__)
HISTORY = "history"
SUFFIX = ".checkpoint"
# In a folder, of a kind: what runs left behind that were never finished goes, the oldest first.
KEPT = 16
KEPT_BYTES = 2**30
_DIGEST_BYTES = hashlib.sha256().digest_size

State = dict[str, NDArray[np.float32]]
Losses = NDArray[np.float64]


def key(inputs: Sequence[bytes]) -> str:
    """A hash of all that a run's result depends on (data, parameters, code, versions)."""
    found = hashlib.sha256()
    for part in inputs:
        found.update(len(part).to_bytes(8, "little") + part)
    return found.hexdigest()[:32]


def save(path: Path, state: Mapping[str, NDArray[np.float32]], history: Sequence[Losses]) -> None:
    """Replace a file by this state, in one piece, and remove the oldest of too many of its kind.

    The file starts with a digest of its own name and the rest: neither a damaged one nor one that
    belongs to another run is ever taken up.
    """
    arrays = {name: np.asarray(array, order="C") for name, array in state.items()}
    body = safetensors_numpy.save(arrays | {HISTORY: np.stack(history)})
    files.write_bytes(path, _digest(path, body) + body)
    files.remove_leftovers(path.parent)  # of other runs too, which nobody may write again
    _remove_oldest(path, _DIGEST_BYTES + len(body))


def load(path: Path) -> tuple[State, list[Losses]] | None:
    """A file's state and history; None, with a warning, if it is damaged or another run's.

    Raises FileNotFoundError if there is none.
    """
    content = path.read_bytes()
    digest, body = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if _digest(path, body) != digest:
        logger.warning("%s is another run's, or is damaged: not used", path)
        return None
    arrays = safetensors_numpy.load(body)
    history = arrays.pop(HISTORY)
    return arrays, list(history)


def _digest(path: Path, body: bytes) -> bytes:
    return hashlib.sha256(path.name.encode() + b"\0" + body).digest()


def _remove_oldest(newest: Path, size: int) -> None:
    """Of the files of a kind, keep the newest one and as many more as the limits allow."""
    found = []
    for path in newest.parent.glob(f"*{newest.suffix}"):
        with suppress(FileNotFoundError):  # another run has just removed its own
            found.append((path.stat(), path))
    others = [(status, path) for status, path in found if path != newest]
    others.sort(key=lambda one: -one[0].st_mtime_ns)
    for number, (status, path) in enumerate(others, start=2):
        size += status.st_size
        if number > KEPT or size > KEPT_BYTES:
            path.unlink(missing_ok=True)


class Checkpoint:
    """The file of one training run, named by `name` and a hash of all that its result depends on.

    `inputs` are those things as bytes: a run with others looks for another file, so a checkpoint of
    theirs is never taken up.
    """

    def __init__(self, folder: Path, inputs: Sequence[bytes], *, name: str = "run") -> None:
        self._name = name
        self.path = folder / f"{name}-{key(inputs)}{SUFFIX}"

    def save(self, state: Mapping[str, NDArray[np.float32]], history: Sequence[Losses]) -> None:
        """Replace the file by this state, in one piece."""
        save(self.path, state, history)

    def load(self) -> tuple[State, list[Losses]] | None:
        """The saved state and history; None if there is no such file or it is damaged.

        Says what it does: goes on, or does not use the file, or those of other runs of that name.
        """
        try:
            saved = load(self.path)
        except FileNotFoundError:
            if others := sorted(self.path.parent.glob(f"{escape(self._name)}-*{SUFFIX}")):
                logger.warning(
                    "not used, of other data, parameters or code: %d checkpoint(s) in %s",
                    len(others),
                    self.path.parent,
                )
            return None
        if saved:
            logger.warning("going on from epoch %d, saved in %s", len(saved[1]), self.path)
        return saved

    def remove(self) -> None:
        """Delete the file, once the run's result is written."""
        self.path.unlink(missing_ok=True)
