"""The history of a training: every epoch's losses, and what they say became of each seed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabnet.survivors import Losses

COLUMNS = ("loss", "sparsity", "validation_loss")


class Fates(NamedTuple):
    """What became of each seed, K each: the epochs that it trained, how it ended, and its best.

    A seed neither stopped nor diverged trains on. `best` (from 1) is 0 without validation.
    """

    epochs: NDArray[np.int64]
    stopped: NDArray[np.bool_]
    diverged: NDArray[np.bool_]
    best: NDArray[np.int64]


def fates(history: Sequence[Losses], patience: int) -> Fates:
    """Read off the epochs' losses (K x 2, or K x 3 with validation), NaN for a seed that is gone.

    A seed that stopped has gone `patience` epochs without a better validation loss; one that is
    gone without that has diverged.

    >>> losses = [np.array([[0.5, 0.1, loss]]) for loss in (0.6, 0.5, 0.7, np.nan)]
    >>> [fate.item() for fate in fates(losses, patience=1)]
    [3, True, False, 2]
    """
    losses = np.stack(history)  # epochs x K x columns
    epochs = np.isfinite(losses).all(2).sum(0)
    best = np.zeros_like(epochs)
    if losses.shape[2] > 2:
        validation = np.where(np.isnan(losses[..., 2]), np.inf, losses[..., 2])
        best = np.where(epochs > 0, validation.argmin(0) + 1, 0)
    stopped = (best > 0) & (epochs - best >= patience)
    return Fates(epochs, stopped, ~stopped & (epochs < len(losses)), best)


def table(seeds: Sequence[int], history: Sequence[Losses], patience: int) -> pd.DataFrame:
    """A row for each epoch and seed, with `epoch`, `seed` and the losses.

    The last row of a seed that diverged is that of the epoch in which it did, without losses.
    """
    losses = np.stack(history)  # epochs x K x columns
    found = fates(history, patience)
    rows = pd.DataFrame(
        {
            "epoch": np.repeat(np.arange(1, len(losses) + 1), len(seeds)),
            "seed": np.tile(np.array(seeds), len(losses)),
        }
        | {name: losses[..., i].ravel() for i, name in enumerate(COLUMNS[: losses.shape[2]])}
    )
    last = np.tile(found.epochs + found.diverged, len(losses))
    return rows[rows["epoch"] <= last].reset_index(drop=True)
