"""Measures how far masks can be trusted, without the truth: are they faithful, are they stable."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from stages import run
from tabnet import files, labelled, plain_csv, plain_json, tables, weights
from tabnet.bootstrap import Rows
from tabnet.errors import InputError
from tabnet.labelled import LABEL, POSITIVE
from tabnet.orders import Sample
from tabnet.params import Params
from tabnet.trust import ROWS, TRAINED_ON, Settings, measure, stream
from tabnet.weights import Fitted


def main(params: Params, dataset: str) -> None:
    data, reports = Path("data", dataset), Path("reports", dataset)
    fitted = weights.load(data / "model.safetensors")
    sample = _sample(data / f"{params.explain.split}.parquet", fitted, params)
    trained_on = _trained_on(data / "train.parquet", fitted, params)
    settings = Settings(params.model, params.train, params.trust, params.explain.batch_rows)
    found = measure(fitted, sample, trained_on, settings, positive=POSITIVE)
    # No key as in metrics.json: DVC would show both with their files' paths before them.
    summary = {"rows": len(sample.x), **found.summary()}
    files.write_text(reports / "trust.json", plain_json.text({dataset: summary}))
    # Each seed's own, for the page that compares over data sets.
    members = {f"seed_{seed}": scores for seed, scores in found.by_seed.items()}
    members["consensus"] = found.consensus
    files.write_text(Path("reports", "paper", f"{dataset}.trust.json"), plain_json.text(members))
    files.write_text(reports / "faithfulness.csv", plain_csv.text(found.curves))
    by_seed = pd.DataFrame([{"seed": seed, **scores} for seed, scores in found.by_seed.items()])
    files.write_text(reports / "trust_by_seed.csv", plain_csv.text(by_seed))


def _sample(path: Path, fitted: Fitted, params: Params) -> Sample:
    """Some of the explained rows, drawn without replacement, in the order of the file."""
    drawn = stream(params.trust.seed, ROWS)
    rows = _some(path, fitted, params.trust.rows, drawn, batch_rows=params.explain.batch_rows)
    return Sample(rows.x, rows.y == POSITIVE, ~pd.isna(rows.y))


def _trained_on(path: Path, fitted: Fitted, params: Params) -> Rows:
    """The rows trained on; of more than are in memory in training, so many, drawn likewise."""
    drawn = stream(params.trust.seed, TRAINED_ON)
    return _some(
        path, fitted, params.train.buffer_rows, drawn, batch_rows=params.explain.batch_rows
    )


def _some(
    path: Path, fitted: Fitted, most: int, drawn: np.random.Generator, *, batch_rows: int
) -> Rows:
    """A file's rows and labels, or `most` of them, read batch by batch."""
    rows = tables.rows(path)
    if not rows:
        raise InputError(f"{path}: must have rows, however: it has none")
    chosen = np.zeros(rows, bool)
    chosen[drawn.choice(rows, min(rows, most), replace=False)] = True
    schema = labelled.schema(fitted.features)
    x, labels, first = [], [], 0
    for batch in tables.batches(path, columns=schema, batch_rows=batch_rows):
        here = chosen[first : first + batch.num_rows]
        values = tables.matrix(batch, fitted.features, source=path, first_row=first + 1)
        x.append(values[here])
        labels.append(batch[LABEL].filter(pa.array(here)).to_numpy(zero_copy_only=False))
        first += batch.num_rows
    return Rows(np.concatenate(x), np.concatenate(labels))


if __name__ == "__main__":
    run(main)
