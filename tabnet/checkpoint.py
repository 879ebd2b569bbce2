"""Checkpoints of a training run: one file for one combination of data, parameters and code."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import numpy as safetensors_numpy

from tabnet import files

logger = logging.getLogger(__name__)
HISTORY = "history"
SUFFIX = ".checkpoint"
KEPT = 16  # checkpoints in a folder: those of runs that were never finished go, the oldest first
_DIGEST_BYTES = hashlib.sha256().digest_size

State = dict[str, NDArray[np.float32]]


class Checkpoint:
    """The file of one training run, named by a hash of all that its result depends on.

    `inputs` are those things as bytes (data, parameters, code, versions): a run with others looks
    for another file, so a checkpoint of theirs is never taken up. The file starts with a digest of
    the rest, so that a damaged one is not either.
    """

    def __init__(self, folder: Path, inputs: Sequence[bytes]) -> None:
        key = hashlib.sha256()
        for part in inputs:
            key.update(len(part).to_bytes(8, "little") + part)
        self.path = folder / f"{key.hexdigest()[:32]}{SUFFIX}"

    def save(
        self, state: Mapping[str, NDArray[np.float32]], history: Sequence[NDArray[np.float64]]
    ) -> None:
        """Replace the file by this state, in one piece."""
        arrays = {name: np.asarray(array, order="C") for name, array in state.items()}
        body = safetensors_numpy.save(arrays | {HISTORY: np.stack(history)})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(self.path, hashlib.sha256(body).digest() + body)
        self._remove_oldest()

    def load(self) -> tuple[State, list[NDArray[np.float64]]] | None:
        """The saved state and history; None, with a warning if the file is damaged, otherwise."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        digest, body = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != digest:
            logger.warning("%s is damaged: not used, training starts again", self.path)
            return None
        arrays = safetensors_numpy.load(body)
        history = arrays.pop(HISTORY)
        logger.warning("going on from epoch %d, saved in %s", len(history), self.path)
        return arrays, list(history)

    def _remove_oldest(self) -> None:
        found = self.path.parent.glob(f"*{SUFFIX}")
        for old in sorted(found, key=lambda path: path.stat().st_mtime_ns)[:-KEPT]:
            old.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the file, once the run's result is written."""
        self.path.unlink(missing_ok=True)
