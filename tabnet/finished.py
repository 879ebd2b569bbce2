"""End states of finished runs, from which a run of more epochs can go on: `train.warm_start`."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tabnet import checkpoint
from tabnet.checkpoint import Losses, State

logger = logging.getLogger(__name__)
SUFFIX = ".finished"


class Finished:
    """The end states of runs that differ in nothing but their number of epochs, a file each.

    `inputs` are all that they share (data, parameters, code, versions), as bytes. A folder keeps as
    many of them as of checkpoints: `checkpoint.KEPT`, and `checkpoint.KEPT_BYTES`.
    """

    def __init__(self, folder: Path, inputs: Sequence[bytes], *, name: str = "run") -> None:
        self._folder, self._stem = folder, f"{name}-{checkpoint.key(inputs)}"

    def path(self, epochs: int) -> Path:
        """The file of the run of so many epochs."""
        return self._folder / f"{self._stem}-{epochs}{SUFFIX}"

    def save(
        self, epochs: int, state: Mapping[str, NDArray[np.float32]], history: Sequence[Losses]
    ) -> None:
        """Keep the end state of the run of `epochs` epochs."""
        checkpoint.save(self.path(epochs), state, history)

    def before(self, epochs: int) -> tuple[State, list[Losses]] | None:
        """The end state and history of the longest run of fewer than `epochs` epochs, if any.

        Says what it does. The files of longer runs are left alone, so that the same run, done
        again, goes on from the same one.
        """
        found = [
            path.stem.rpartition("-")[2] for path in self._folder.glob(f"{escape(self._stem)}-*")
        ]
        numbers = {int(text) for text in found if text.isascii() and text.isdecimal()}
        for number in sorted((n for n in numbers if n < epochs), reverse=True):
            path, saved = self.path(number), None
            with suppress(FileNotFoundError):  # of another name, or another run has removed it
                saved = checkpoint.load(path)
            if saved:
                logger.warning(
                    "train.warm_start: going on from epoch %d, where a finished run ended, saved"
                    " in %s",
                    len(saved[1]),
                    path,
                )
                return saved
        logger.warning(
            "train.warm_start: no finished run of fewer epochs and the same data, parameters and "
            "code in %s: training starts at its beginning",
            self._folder,
        )
        return None
