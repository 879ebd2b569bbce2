"""Training: K seeds in one loop, each with its own start, order of rows and clipping."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tabnet import device
from tabnet.buffers import Buffers
from tabnet.checkpoint import Checkpoint
from tabnet.errors import InputError
from tabnet.finished import Finished
from tabnet.history import fates, table
from tabnet.kernel.engine import KernelEngine
from tabnet.params import Model, Train
from tabnet.source import Source, given, held
from tabnet.survivors import Engine, Losses, Survivors
from tabnet.training import Training
from tabnet.weights import Fitted, initial

Progress = Callable[[int, Losses], None]
Chosen = TypeVar("Chosen", Model, Train)


def fit(
    x: pd.DataFrame | ArrayLike | Source,
    y: pd.Series | ArrayLike | None = None,
    *,
    model: Model | None = None,
    train: Train | None = None,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
    finished: Finished | None = None,
) -> tuple[Fitted, pd.DataFrame]:
    """Train one TabNet for each of `train.seeds`, all together.

    `x`: B x D numbers, finite; a DataFrame's column names become the features' names. `y`: B
    labels of two or more classes, sorted into the order of the logits. Or `x` is a source of
    labelled rows, without `y`: what is more than `train.buffer_rows` is read again in each epoch.

    `progress` is called after every epoch with its number, from 1, and its losses (K x 2, or K x 3
    with validation). With a `checkpoint`, training goes on from it if it holds one, and writes it
    every `train.checkpoint_every` epochs. With `train.warm_start`, which needs `finished`, it goes
    on from the end of a finished run of fewer epochs if that holds one, and leaves its own there.

    Returns the model, and the history: a row for each epoch and seed with `epoch`, `seed`, `loss`
    (cross entropy), `sparsity` (mask entropy), each the mean over the rows that the epoch trained
    on and, with `train.validation_share`, `validation_loss` (cross entropy after the epoch, with
    the running statistics). Then a seed has the weights of the epoch in which that was lowest, and
    trains no further when it has not become lower for `train.patience` epochs.

    A seed that diverges, whose losses or weights are no longer finite, is left out from there on,
    with a warning, whatever its best epoch was: its training cannot be trusted. The model names it
    in `diverged`, and its last row in the history has no loss.

    Raises ValueError for data that cannot be trained on or that has no rows to hold out, labels
    given beside a source or missing beside rows, a `model` or `train` of another type,
    `train.warm_start` without `finished`, a device that the machine lacks, or when every seed has
    diverged; OSError for what cannot be read or written.

    >>> rows = np.random.default_rng(0).standard_normal((64, 3))
    >>> fitted, history = fit(rows, rows[:, 0] > 0, train=Train(seeds=(1, 2), epochs=3))
    >>> fitted.classes, fitted.seeds, len(history)
    (('False', 'True'), (1, 2), 6)
    """
    model = _section(model, Model, of="model")
    train = _section(train, Train, of="train")
    source = _source(x, y, train)
    buffers = Buffers(
        source,
        train.seeds,
        most=train.buffer_rows,
        share=train.validation_share,
        batch_size=train.batch_size,
    )
    make = partial(_engine, model, source, train)
    training = Training(Survivors(make, train.seeds), buffers, train)
    _go_on(training, checkpoint, finished)
    _run(training, progress, checkpoint)
    if finished and train.warm_start:
        finished.save(train.epochs, training.state(), training.history)
    seeds, weights = training.result()
    found = fates(training.history, train.patience)
    fitted = Fitted(
        model,
        source.features,
        source.classes,
        seeds,
        weights,
        diverged=_by_seed(train.seeds, found.diverged, found.epochs + 1),
        best_epochs=_by_seed(train.seeds, ~found.diverged & (found.best > 0), found.best),
        warm_starts=tuple(training.warm_starts),
    )
    return fitted, table(train.seeds, training.history, train.patience)


def _section(given: Chosen | None, kind: type[Chosen], *, of: str) -> Chosen:
    if given is None:
        return kind()
    if not isinstance(given, kind):
        found = type(given).__name__
        raise InputError(f"{of} must be a {kind.__name__}(...), however: a {found}")
    return given


def _source(
    x: pd.DataFrame | ArrayLike | Source, y: pd.Series | ArrayLike | None, train: Train
) -> Source:
    if isinstance(x, Source):
        if y is not None:
            raise InputError(
                "a source of labelled rows must come without y, however: both are given"
            )
        return held(x, train.buffer_rows)
    if y is None:
        raise InputError("x must come with a label for each row, however: y is missing")
    return given(x, y)


def _by_seed(
    seeds: Sequence[int], chosen: NDArray[np.bool_], epochs: NDArray[np.int64]
) -> dict[int, int]:
    """The epochs of the chosen seeds."""
    return {seeds[k]: int(epochs[k]) for k in np.flatnonzero(chosen).tolist()}


def _go_on(training: Training, checkpoint: Checkpoint | None, finished: Finished | None) -> None:
    """From the run's own checkpoint or, if it has none and may, from a finished run's end."""
    train = training.train
    if train.warm_start and not finished:
        raise InputError("train.warm_start must have finished runs to look in, however: none given")
    if checkpoint and (saved := checkpoint.load()):
        training.restore(*saved)
    elif finished and train.warm_start and (saved := finished.before(train.epochs)):
        training.restore(*saved)
        # A constant learning rate leads to where a run from the start leads: nothing to note.
        if train.schedule != "constant":
            training.warm_starts.append(len(training.history))


def _run(training: Training, progress: Progress | None, checkpoint: Checkpoint | None) -> None:
    """The epochs that are left, with their checkpoints."""
    while not training.over:
        losses = training.epoch()
        epoch = len(training.history)
        if progress:
            progress(epoch, losses)
        if checkpoint and epoch % training.train.checkpoint_every == 0 and not training.over:
            checkpoint.save(training.state(), training.history)


def _engine(
    model: Model,
    source: Source,
    train: Train,
    seeds: Sequence[int],
) -> Engine:
    """The engine of `train.device` for `seeds`: compiled code on the CPU, torch elsewhere."""
    where = device.resolve(train.device)
    start = initial(model, seeds, n_features=len(source.features), n_classes=len(source.classes))
    if where == "cpu":
        return KernelEngine(model, start, train=train, rows=source.rows)
    # Imported only where it computes: importing torch takes longer than many a training.
    from tabnet.engine import TorchEngine

    return TorchEngine(model, start, train=train, device=where)
