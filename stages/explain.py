"""Computes the masks of every row: in consensus, seed by seed, and step by step for one seed."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stages import run
from tabnet import device, files, tables, weights
from tabnet.explain import Explainer, consensus, distance, representative
from tabnet.params import Params
from tabnet.weights import Fitted

LABEL, POSITIVE = "y", "yes"
Floats = NDArray[np.float32]


def main(params: Params, dataset: str) -> None:
    data = Path("data", dataset)
    fitted = weights.load(data / "model.safetensors")
    if POSITIVE not in fitted.classes:
        raise ValueError(f"the model must know the label {POSITIVE}, however: {fitted.classes}")
    if params.explain.seed != "auto":
        _check_seed(fitted, params.explain.seed)
    rows = Rows(data / f"{params.explain.split}.parquet", fitted, params.explain.batch_rows)
    where = device.resolve(params.train.device)
    threads = params.train.threads
    with files.replace_folder(data / "explanation") as out:
        shown = _write_seeds(out, rows, Explainer(fitted, device=where, threads=threads))
        if params.explain.seed != "auto":
            shown = params.explain.seed
        _write_shown(out, rows, Explainer(fitted.only(shown), device=where, threads=threads))


def _check_seed(fitted: Fitted, seed: int) -> None:
    try:
        fitted.only(seed)
    except ValueError as error:
        raise ValueError(f"explain.{error}") from None


@dataclass(frozen=True)
class Rows:
    """The rows to explain, read from their file batch by batch, as often as needed."""

    source: Path
    fitted: Fitted
    batch_rows: int

    def __iter__(self) -> Iterator[tuple[Floats, pa.Array]]:
        """The features, b x D, and labels of each batch."""
        features = self.fitted.features
        schema = pa.schema([*tables.schema(features), (LABEL, pa.string())])
        first = 1
        for batch in tables.batches(self.source, columns=schema, batch_rows=self.batch_rows):
            yield (
                tables.matrix(batch, features, source=self.source, first_row=first),
                batch[LABEL],
            )
            first += batch.num_rows


def _write_seeds(out: Path, rows: Rows, explainer: Explainer) -> int:
    """Write each seed's aggregate masks, the consensus and the predictions.

    Returns the representative seed.
    """
    fitted = rows.fitted
    seeds = [str(seed) for seed in fitted.seeds]
    positive = fitted.classes.index(POSITIVE)
    masks = tables.schema(fitted.features)
    schemas = {"consensus": masks, "predictions": _prediction_schema(seeds, fitted.diverged)}
    schemas |= {f"aggregate_seed_{seed}": masks for seed in seeds}
    total_distance = np.zeros(len(seeds))
    with _writers(out, schemas) as write:
        for x, labels in rows:
            of_seeds = explainer.seed_masks(x)
            middle = consensus(of_seeds.aggregate)
            distances = distance(of_seeds.aggregate, middle)  # K x b
            total_distance += distances.sum(1, dtype=np.float64)
            probability = of_seeds.probability[..., positive]  # K x b
            write("consensus", list(middle.T))
            for seed, mask in zip(seeds, of_seeds.aggregate, strict=True):
                write(f"aggregate_seed_{seed}", list(mask.T))
            means = [probability.mean(0), 1 - distances.mean(0)]
            write("predictions", [labels, *means, *probability, *of_seeds.total])
    return representative(fitted.seeds, total_distance)


def _prediction_schema(seeds: list[str], diverged: Mapping[int, int]) -> pa.Schema:
    """Columns of the predictions; the metadata name the seeds left out, and their epochs."""
    numbers = ["probability", "agreement"]
    numbers += [f"{name}_seed_{seed}" for name in ("probability", "total") for seed in seeds]
    metadata = {"diverged": json.dumps(dict(diverged))} if diverged else None
    return pa.schema([("label", pa.string()), *tables.schema(numbers)], metadata)


def _write_shown(out: Path, rows: Rows, explainer: Explainer) -> None:
    """Write the shown seed's aggregate and step masks; the files' metadata name the seed."""
    fitted = rows.fitted
    (seed,) = explainer.seeds
    masks = tables.schema(fitted.features).with_metadata({"seed": str(seed)})
    steps = [f"step_{s}" for s in range(1, fitted.model.n_steps + 1)]
    with _writers(out, dict.fromkeys(["aggregate", *steps], masks)) as write:
        for batch in tables.batches(
            out / f"aggregate_seed_{seed}.parquet", batch_rows=rows.batch_rows
        ):
            write("aggregate", batch.columns)
        for x, _ in rows:
            for step, mask in zip(steps, explainer.step_masks(x), strict=True):
                write(step, list(mask.T))


Write = Callable[[str, Sequence[Floats | pa.Array]], None]


@contextmanager
def _writers(folder: Path, schemas: Mapping[str, pa.Schema]) -> Iterator[Write]:
    """Tables that are written together, batch by batch: `write(name, columns)`."""
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(tables.writer(folder / f"{name}.parquet", schema))
            for name, schema in schemas.items()
        }

        def write(name: str, columns: Sequence[Floats | pa.Array]) -> None:
            arrays = [pa.array(column) for column in columns]
            files[name].write(pa.record_batch(arrays, names=schemas[name].names))

        yield write


if __name__ == "__main__":
    run(main)
