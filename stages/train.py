"""Trains one TabNet a seed, all together, on a data set's rows to train on."""

import os
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from tqdm import tqdm

import tabnet
from stages import run
from tabnet import files, tables, weights
from tabnet.checkpoint import Checkpoint
from tabnet.params import Params
from tabnet.survivors import Losses
from tabnet.train import Progress, fit

LABEL = "y"


def main(params: Params, dataset: str) -> None:
    source = Path("data", dataset, "train.parquet")
    table = tables.read(source)
    features = [name for name in table.column_names if name != LABEL]
    labels = tables.read(source, columns=pa.schema([(LABEL, pa.string())]))[LABEL]
    x = tables.matrix(table, features, source=source)
    # How often a checkpoint is written changes no result: it may change from run to run.
    settings = params.train.model_dump_json(exclude={"checkpoint_every"})
    checkpoint = Checkpoint(
        Path(os.environ.get("DVC_ROOT", "."), ".dvc", "tmp", "checkpoints"),
        [source.read_bytes(), settings.encode(), params.model.model_dump_json().encode(), *_code()],
    )
    fitted, history = fit(
        pd.DataFrame(x, columns=features),
        labels.to_pandas(),
        model=params.model,
        train=params.train,
        progress=_progress(params.train.epochs),
        checkpoint=checkpoint,
    )
    text = history.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    files.write_text(Path("reports", dataset, "history.csv"), text)
    weights.save(fitted, Path("data", dataset, "model.safetensors"))
    checkpoint.remove()


def _code() -> list[bytes]:
    """What else decides the result of a training: our own modules, and what they compute with."""
    modules = sorted(Path(tabnet.__path__[0]).rglob("*.py"))
    versions = [version(name).encode() for name in ("llvmlite", "numba", "torch")]
    return [*(module.read_bytes() for module in modules), *versions]


def _progress(epochs: int) -> Progress:
    """A bar on a terminal, a line an epoch elsewhere."""
    if not sys.stderr.isatty():
        return lambda epoch, losses: print(f"[Epoch {epoch:03d}] {_loss(losses)}", flush=True)
    bar = tqdm(total=epochs, unit="epoch")

    def show(epoch: int, losses: Losses) -> None:
        bar.update(epoch - bar.n)
        bar.set_postfix_str(_loss(losses))
        if epoch == epochs:
            bar.close()

    return show


def _loss(losses: Losses) -> str:
    """The cross entropy, mean over rows and over the seeds that have not diverged."""
    return f"Loss: {np.nanmean(losses[:, 0]):.6f}"


if __name__ == "__main__":
    run(main)
