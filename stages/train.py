"""Trains one TabNet a seed, all together, on a data set's rows to train on."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stages import run
from tabnet import device, files, plain_csv, stage_code, weights
from tabnet.checkpoint import Checkpoint
from tabnet.errors import InputError
from tabnet.finished import Finished
from tabnet.labelled import LABEL, POSITIVE
from tabnet.params import Params, Train
from tabnet.plain_yaml import join
from tabnet.row_groups import RowGroups
from tabnet.survivors import Losses
from tabnet.train import Progress, fit


def main(params: Params, dataset: str) -> None:
    source = Path("data", dataset, "train.parquet")
    rows = RowGroups(source, label=LABEL)
    if POSITIVE not in rows.classes:
        raise InputError(
            f"{source}: column {LABEL!r} must have the label {POSITIVE}, however: "
            f"{join(rows.classes)}"
        )
    folder = Path(os.environ.get("DVC_ROOT", "."), ".dvc", "tmp", "checkpoints")
    where = device.resolve(params.train.device)
    inputs = [files.digest(source), params.model.model_dump_json().encode(), where.encode()]
    inputs += _code()
    checkpoint = Checkpoint(folder, [*inputs, _settings(params.train)], name=dataset)
    alike = [*inputs, _settings(params.train, "epochs", "warm_start")]
    with _progress(params.train.epochs) as progress:
        fitted, history = fit(
            rows,
            model=params.model,
            train=params.train,
            progress=progress,
            checkpoint=checkpoint,
            finished=Finished(folder, alike, name=dataset),
        )
    if fitted.warm_starts:
        print(
            f"Went on from a finished run of {fitted.warm_starts[-1]} epochs: the result depends on"
            f" it, and a run of {params.train.epochs} epochs from the start has another",
            flush=True,
        )
    files.write_text(Path("reports", dataset, "history.csv"), plain_csv.text(history))
    weights.save(fitted, Path("data", dataset, "model.safetensors"))
    checkpoint.remove()


def _settings(train: Train, *without: str) -> bytes:
    """The section as bytes, but for some keys and for those that change no result on a device."""
    return train.model_dump_json(
        exclude={"checkpoint_every", "device", "threads", *without}
    ).encode()


def _code() -> list[bytes]:
    """What else decides the result of a training: our own modules, and what they compute with."""
    versions = [version(name) for name in ("llvmlite", "numba", "numpy", "torch")]
    return [text.encode() for text in (stage_code.digests("stages.train"), *versions)]


@contextmanager
def _progress(epochs: int) -> Iterator[Progress]:
    """A bar on a terminal, a line an epoch elsewhere."""
    if sys.stderr is None or not sys.stderr.isatty():  # None where it is closed
        yield lambda epoch, losses: print(f"[Epoch {epoch:03d}] {_means(losses)}", flush=True)
        return
    with tqdm(total=epochs, unit="epoch") as bar:

        def show(epoch: int, losses: Losses) -> None:
            bar.update(epoch - bar.n)
            bar.set_postfix_str(_means(losses))

        yield show


def _means(losses: Losses) -> str:
    """The cross entropies, means over rows and over the seeds that have trained."""
    means = losses[np.isfinite(losses).all(1)]
    if not len(means):
        return "Loss: none, the last seed has diverged"
    loss, _, *validation = means.mean(0)
    return f"Loss: {loss:.6f}" + "".join(f", validation: {mean:.6f}" for mean in validation)


if __name__ == "__main__":
    run(main)
