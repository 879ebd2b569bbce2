"""Draws a data set: rows to train on, rows to test, and the truth about each.

The truth is which features matter, and the probability of `yes`: no model can predict better.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stages import run
from tabnet import labelled, tables, truth
from tabnet.ahead import ahead
from tabnet.datasets import DATASETS, SPLITS
from tabnet.params import Params

WORDS = pa.array([labelled.NEGATIVE, labelled.POSITIVE])


def main(params: Params, dataset: str) -> None:
    folder = Path("data", dataset)
    rule = DATASETS[dataset]
    seed = params.generate.seed
    rows = {"train": params.generate.train_rows, "test": params.generate.test_rows}
    features, known = labelled.schema(rule.features), truth.schema(rule.features)
    with tables.writer(folder / "relevance.parquet", known) as relevance:
        for split in SPLITS:
            with tables.writer(folder / f"{split}.parquet", features) as out:
                for sample in ahead(rule.samples(rows[split], seed=seed, split=split)):
                    # Two words, taken by number: pyarrow reads numpy's strings one by one.
                    answers = WORDS.take(pa.array(sample.y.view(np.int8)))
                    out.write(_batch([*sample.x.T, answers], features))
                    splits = pa.repeat(split, len(sample.y))
                    truths = [splits, sample.probability, *sample.relevance.T]
                    relevance.write(_batch(truths, known))


def _batch(columns: list[NDArray[np.generic] | pa.Array], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.record_batch(arrays, schema=schema)


if __name__ == "__main__":
    run(main)
