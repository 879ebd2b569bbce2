"""Training: K seeds in one loop, each with its own start, order of rows and clipping."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tabnet import device
from tabnet.arrays import class_labels, feature_names, finite_rows
from tabnet.checkpoint import Checkpoint
from tabnet.kernel.engine import KernelEngine
from tabnet.params import Model, Train
from tabnet.survivors import Engine, Losses, Survivors
from tabnet.weights import Fitted, initial

Schedule = Literal["one_cycle", "cosine", "constant"]
Progress = Callable[[int, Losses], None]


def batch_slices(rows: int, batch_size: int) -> list[slice]:
    """The batches of an epoch, the last smaller one included, none of a single row.

    One row has no variance to normalise by: one left over joins the batch before it.

    >>> batch_slices(5, 2)
    [slice(0, 2, None), slice(2, 5, None)]
    """
    stops = [*range(batch_size, rows, batch_size), rows]
    if len(stops) > 1 and stops[-1] - stops[-2] == 1:
        del stops[-2]
    return [slice(start, stop) for start, stop in zip([0, *stops], stops, strict=False)]


def row_order(seeds: Sequence[int], epoch: int, rows: int) -> NDArray[np.int64]:
    """The order in which each seed sees the rows in an epoch: N x K, a permutation a column.

    A stream of its own for every seed and epoch: a run that is resumed needs no generator's state.
    """
    streams = [np.random.SeedSequence(seed, spawn_key=(1, epoch)) for seed in seeds]
    return np.stack([np.random.default_rng(s).permutation(rows) for s in streams], 1)


def learning_rate(schedule: Schedule, fraction: float) -> float:
    """The learning rate at `fraction` of the run (0 to 1), in units of the highest.

    `one_cycle` rises by half a cosine from 1/25 to 1 in the first 30 %, then falls to 4e-6 (Smith
    and Topin 2017, "Super-convergence", with torch's defaults); `cosine` falls from 1 to 0.

    >>> [round(learning_rate("one_cycle", f), 4) for f in (0, 0.3, 1)]
    [0.04, 1.0, 0.0]
    """
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return _cosine(1.0, 0.0, fraction)
    start, end, warm_up = 1 / 25, 1 / 25 / 1e4, 0.3
    if fraction < warm_up:
        return _cosine(start, 1.0, fraction / warm_up)
    return _cosine(1.0, end, (fraction - warm_up) / (1 - warm_up))


def _cosine(start: float, end: float, fraction: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * fraction)) / 2


def fit(
    x: pd.DataFrame | ArrayLike,
    y: pd.Series | ArrayLike,
    *,
    model: Model | None = None,
    train: Train | None = None,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[Fitted, pd.DataFrame]:
    """Train one TabNet for each of `train.seeds`, all together.

    `x`: B x D numbers, finite; a DataFrame's column names become the features' names. `y`: B
    labels of two or more classes, sorted into the order of the logits. `progress` is called after
    every epoch with its number, from 1, and its losses (K x 2). With a `checkpoint`, training goes
    on from it if it holds one, and writes it every `train.checkpoint_every` epochs.

    Returns the model, and the history: a row for each epoch and seed with `epoch`, `seed`, `loss`
    (cross entropy) and `sparsity` (mask entropy), each the mean over the epoch's rows. A seed that
    diverges, whose loss or weights are no longer finite, is left out from there on, with a warning:
    the model names it in `diverged`, and its last row in the history has no loss.

    Raises ValueError for data that cannot be trained on, a device that the machine lacks, or when
    every seed has diverged.

    >>> rows = np.random.default_rng(0).standard_normal((64, 3))
    >>> fitted, history = fit(rows, rows[:, 0] > 0, train=Train(seeds=(1, 2), epochs=3))
    >>> fitted.classes, fitted.seeds, len(history)
    (('False', 'True'), (1, 2), 6)
    """
    model, train = model or Model(), train or Train()
    features = feature_names(x)
    rows = finite_rows(x)
    classes, labels = class_labels(y, len(rows))
    make = partial(_engine, model, len(classes), rows, labels, train)
    survivors = Survivors(make, train.seeds)
    history = _loop(survivors, len(rows), train=train, progress=progress, checkpoint=checkpoint)
    fitted = Fitted(
        model,
        features,
        classes,
        survivors.seeds,
        survivors.engine.weights(),
        diverged=_diverged(train.seeds, history),
    )
    return fitted, _history(train.seeds, history)


def _engine(
    model: Model,
    n_classes: int,
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    train: Train,
    seeds: Sequence[int],
) -> Engine:
    """The engine of `train.device` for `seeds`: compiled code on the CPU, torch elsewhere."""
    where = device.resolve(train.device)
    start = initial(model, seeds, n_features=x.shape[1], n_classes=n_classes)
    if where == "cpu":
        return KernelEngine(model, start, x, y, train=train)
    # Imported only where it computes: importing torch takes longer than many a training.
    from tabnet.engine import TorchEngine

    return TorchEngine(model, start, x, y, train=train, device=where)


def _loop(
    survivors: Survivors,
    rows: int,
    *,
    train: Train,
    progress: Progress | None,
    checkpoint: Checkpoint | None,
) -> list[Losses]:
    """All epochs; each epoch's losses (K x 2), NaN from the epoch on in which a seed diverged."""
    batches = batch_slices(rows, train.batch_size)
    last = max(1, train.epochs * len(batches) - 1)
    history: list[Losses] = []
    if checkpoint and (saved := checkpoint.load()):
        state, history = saved
        survivors.restore(state, history[-1])
    for epoch in range(len(history), train.epochs):
        order = row_order(train.seeds, epoch, rows)
        total = np.zeros((len(train.seeds), 2))
        for i, batch in enumerate(batches):
            step = epoch * len(batches) + i
            rate = train.learning_rate * learning_rate(train.schedule, step / last)
            losses = survivors.iterate(order[batch], rate, epoch=epoch + 1, batch=i + 1)
            total += losses * (batch.stop - batch.start)
        survivors.check_weights(total, epoch=epoch + 1)
        history.append(total / rows)
        if progress:
            progress(epoch + 1, history[-1])
        if checkpoint and (epoch + 1) % train.checkpoint_every == 0 and epoch + 1 < train.epochs:
            checkpoint.save(survivors.engine.state(), history)
    return history


def _diverged(seeds: Sequence[int], history: Sequence[Losses]) -> dict[int, int]:
    """The seeds that diverged, and in which epoch, from 1."""
    finite = np.isfinite(np.stack(history)).all(2)  # epochs x K
    epochs = finite.sum(0).tolist()
    return {
        seed: epoch + 1 for seed, epoch in zip(seeds, epochs, strict=True) if epoch < len(history)
    }


def _history(seeds: Sequence[int], history: Sequence[Losses]) -> pd.DataFrame:
    losses = np.stack(history)  # epochs x K x 2
    table = pd.DataFrame(
        {
            "epoch": np.repeat(np.arange(1, len(losses) + 1), len(seeds)),
            "seed": np.tile(np.array(seeds), len(losses)),
            "loss": losses[..., 0].ravel(),
            "sparsity": losses[..., 1].ravel(),
        }
    )
    # A seed's last row is that of the epoch in which it diverged, without a loss.
    last = table["seed"].map(_diverged(seeds, history)).fillna(len(losses))
    return table[table["epoch"] <= last].reset_index(drop=True)
