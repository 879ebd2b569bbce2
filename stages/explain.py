"""Computes the masks of every row: in consensus, seed by seed, and step by step for one seed."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stages import run
from tabnet import device, files, labelled, tables, weights
from tabnet.errors import InputError
from tabnet.explain import Explainer, representative
from tabnet.explanation_files import AGGREGATE_OF_SEED, PROBABILITY_OF_SEED, TOTAL_OF_SEED
from tabnet.kernel.threads import chosen
from tabnet.labelled import LABEL, POSITIVE
from tabnet.params import Params
from tabnet.weights import Fitted

Floats = NDArray[np.float32]
Write = Callable[[str, Sequence[Floats | pa.Array]], None]
Writers = Callable[[Mapping[str, pa.Schema]], AbstractContextManager[Write]]


def main(params: Params, dataset: str) -> None:
    data = Path("data", dataset)
    fitted = weights.load(data / "model.safetensors")
    if POSITIVE not in fitted.classes:
        raise InputError(f"the model must know the label {POSITIVE}, however: {fitted.classes}")
    if params.explain.seed != "auto":
        _check_seed(fitted, params.explain.seed)
    rows = Rows(data / f"{params.explain.split}.parquet", fitted, params.explain.batch_rows)
    threads = chosen(params.train.threads, work=math.inf)
    explainer = partial(Explainer, device=device.resolve(params.train.device), threads=threads)
    with files.replace_folder(data / "explanation") as out:
        write = partial(_writers, out, threads=threads)
        shown = _write_seeds(write, rows, explainer(fitted))
        if params.explain.seed != "auto":
            shown = params.explain.seed
        if len(fitted.seeds) > 1:
            _write_steps(write, rows, explainer(fitted.only(shown)))
        files.copy(out / f"{AGGREGATE_OF_SEED}{shown}.parquet", out / "aggregate.parquet")


def _check_seed(fitted: Fitted, seed: int) -> None:
    try:
        fitted.only(seed)
    except InputError as error:
        raise InputError(f"explain.{error}") from None


@dataclass(frozen=True)
class Rows:
    """The rows to explain, read from their file batch by batch, as often as needed."""

    source: Path
    fitted: Fitted
    batch_rows: int

    def __iter__(self) -> Iterator[tuple[Floats, pa.Array]]:
        """The features, b x D, and labels of each batch."""
        features = self.fitted.features
        schema = labelled.schema(features)
        first = 1
        for batch in tables.batches(self.source, columns=schema, batch_rows=self.batch_rows):
            yield (
                tables.matrix(batch, features, source=self.source, first_row=first),
                batch[LABEL],
            )
            first += batch.num_rows


def _write_seeds(writers: Writers, rows: Rows, explainer: Explainer) -> int:
    """Write each seed's aggregate masks, the consensus and the predictions.

    And the step masks, if there is one seed only. Returns the representative seed.
    """
    fitted = rows.fitted
    alone = len(fitted.seeds) == 1
    positive = fitted.classes.index(POSITIVE)
    total_distance = np.zeros(len(fitted.seeds))
    schemas = _seed_schemas(fitted) | (_step_schemas(fitted) if alone else {})
    with writers(schemas) as write:
        for x, labels in rows:
            masks = explainer.masks(x, steps=alone)
            middle, distances = explainer.consensus(masks.aggregate)
            total_distance += distances.sum(1, dtype=np.float64)
            probability = masks.probability[..., positive]  # K x b
            write("consensus", list(middle.T))
            for seed, mask in zip(fitted.seeds, masks.aggregate, strict=True):
                write(f"{AGGREGATE_OF_SEED}{seed}", list(mask.T))
            means = [probability.mean(0), 1 - distances.mean(0)]
            write("predictions", [labels, *means, *probability, *masks.total])
            if alone:
                _write_batch_of_steps(write, masks.steps[0])
    return representative(fitted.seeds, total_distance)


def _seed_schemas(fitted: Fitted) -> dict[str, pa.Schema]:
    masks = tables.schema(fitted.features)
    aggregates = {
        f"{AGGREGATE_OF_SEED}{s}": masks.with_metadata({"seed": str(s)}) for s in fitted.seeds
    }
    predictions = _prediction_schema(list(map(str, fitted.seeds)), fitted.diverged)
    return {"consensus": masks, "predictions": predictions} | aggregates


def _prediction_schema(seeds: list[str], diverged: Mapping[int, int]) -> pa.Schema:
    """Columns of the predictions; the metadata name the seeds left out, and their epochs."""
    numbers = ["probability", "agreement"]
    numbers += [f"{name}{seed}" for name in (PROBABILITY_OF_SEED, TOTAL_OF_SEED) for seed in seeds]
    metadata = {"diverged": json.dumps(dict(diverged))} if diverged else None
    return pa.schema([("label", pa.string()), *tables.schema(numbers)], metadata)


def _write_steps(writers: Writers, rows: Rows, explainer: Explainer) -> None:
    """Write a seed's step masks."""
    with writers(_step_schemas(explainer.fitted)) as write:
        for x, _ in rows:
            _write_batch_of_steps(write, explainer.step_masks(x))


def _step_schemas(fitted: Fitted) -> dict[str, pa.Schema]:
    """Of a model of one seed, which the files' metadata name."""
    (seed,) = fitted.seeds
    masks = tables.schema(fitted.features).with_metadata({"seed": str(seed)})
    return {f"step_{s}": masks for s in range(1, fitted.model.n_steps + 1)}


def _write_batch_of_steps(write: Write, steps: Floats) -> None:
    for number, mask in enumerate(steps, 1):
        write(f"step_{number}", list(mask.T))


@contextmanager
def _writers(folder: Path, schemas: Mapping[str, pa.Schema], *, threads: int) -> Iterator[Write]:
    """Tables that are written together, batch by batch: `write(name, columns)`.

    With more than one thread, a batch is written while the next one is computed; then only one,
    so that no more than these two are held.
    """
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(tables.writer(folder / f"{name}.parquet", schema))
            for name, schema in schemas.items()
        }
        pool = stack.enter_context(ThreadPoolExecutor(threads)) if threads > 1 else None
        last: dict[str, Future[None]] = {}

        def write(name: str, columns: Sequence[Floats | pa.Array]) -> None:
            arrays = [pa.array(column) for column in columns]
            batch = pa.record_batch(arrays, schema=schemas[name])
            if pool is None:
                writers[name].write(batch)
                return
            if name in last:
                last[name].result()
            last[name] = pool.submit(writers[name].write, batch)

        yield write
        for future in last.values():
            future.result()
        if pool:  # what is left of each, side by side as well
            list(pool.map(tables.Writer.close, writers.values()))


if __name__ == "__main__":
    run(main)
