"""Draws a data set: rows to train on, rows to test, and which features truly matter in each."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stages import run
from tabnet import tables
from tabnet.datasets import DATASETS, SPLITS
from tabnet.params import Params


def main(params: Params, dataset: str) -> None:
    folder = Path("data", dataset)
    rule = DATASETS[dataset]
    seed = params.generate.seed
    rows = {"train": params.generate.train_rows, "test": params.generate.test_rows}
    features = pa.schema([*((name, pa.float32()) for name in rule.features), ("y", pa.string())])
    truth = pa.schema([("split", pa.string()), *((name, pa.bool_()) for name in rule.features)])
    with tables.writer(folder / "relevance.parquet", truth) as relevance:
        for split in SPLITS:
            with tables.writer(folder / f"{split}.parquet", features) as out:
                for sample in rule.samples(rows[split], seed=seed, split=split):
                    answers = np.where(sample.y, "yes", "no")
                    out.write(_batch([*sample.x.T, answers], features))
                    splits = np.full(len(sample.y), split)
                    relevance.write(_batch([splits, *sample.relevance.T], truth))


def _batch(columns: list[NDArray[np.generic]], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [
        pa.array(np.ascontiguousarray(column), field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pa.record_batch(arrays, schema=schema)


if __name__ == "__main__":
    run(main)
