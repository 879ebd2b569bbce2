"""Measures how many seeds are enough, and which way to combine their masks is best.

Wall times are among its results: its outputs differ from run to run.
"""

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages import run
from tabnet import files, labelled, plain_csv, plain_json, seed_counts, truth, weights
from tabnet.combinations import averaged
from tabnet.explain import Explainer
from tabnet.kernel.threads import chosen
from tabnet.params import Params
from tabnet.report import provenance
from tabnet.report import seed_counts as page
from tabnet.seed_counts import Rows
from tabnet.train import fit
from tabnet.weights import Fitted

ROWS = 2000  # of the rows explained, the first ones: they settle a score's second digit
COUNTS = (1, 3, 5, 7, 11, 15, 21, 25, 31, 51)
PART = 10  # times are taken of a tenth of the epochs


def main(params: Params, dataset: str) -> None:
    """Writes reports/<dataset>/seed_counts.html, .csv (the curve) and .json (all else)."""
    data, reports = Path("data", dataset), Path("reports", dataset)
    fitted = weights.load(data / "model.safetensors")
    x, label = labelled.read(data / f"{params.explain.split}.parquet", fitted.features)
    relevance = truth.relevance(
        data / "relevance.parquet", fitted.features, split=params.explain.split
    )
    rows = _answers(fitted, x[:ROWS], label[:ROWS], relevance[:ROWS])
    total = len(fitted.seeds)
    counts = [n for n in COUNTS if n < total] + [total]
    threshold, seed = params.evaluate.threshold, params.generate.seed
    curve = pd.DataFrame(seed_counts.curve(rows, threshold=threshold, seed=seed))
    several = [n for n in counts if n > 1] or counts
    combined = seed_counts.combined(rows, several, threshold=threshold, seed=seed)
    combined["averaged_parameters"] = {
        total: seed_counts.spread([_of_average(fitted, x, rows, threshold=threshold)])
    }
    _seconds(data, fitted, params, 1)  # loads the compiled code, which is no training
    found: dict[str, Any] = {
        "rows": len(rows.label),
        "combinations": {
            name: {str(n): one for n, one in of.items()} for name, of in combined.items()
        },
        "seconds": {str(n): _seconds(data, fitted, params, n) for n in counts},
        "threads": chosen(params.train.threads, work=math.inf),
    }
    files.write_text(reports / "seed_counts.csv", plain_csv.text(curve))
    files.write_text(reports / "seed_counts.json", plain_json.text({dataset: found}))
    blocks: provenance.Blocks = [
        {
            "title": "Parameters",
            "rows": provenance.parameters(
                {"model": params.model.model_dump(), "train": params.train.model_dump()}
            ),
        },
        {"title": "Libraries", "rows": provenance.libraries()},
    ]
    html = page.html(dataset, curve, found, split=params.explain.split, provenance=blocks)
    files.write_text(reports / "seed_counts.html", html)


def _answers(
    fitted: Fitted,
    x: NDArray[np.float32],
    label: NDArray[np.bool_],
    relevance: NDArray[np.bool_],
) -> Rows:
    masks = Explainer(fitted).seed_masks(x)
    positive = fitted.classes.index(labelled.POSITIVE)
    return Rows(
        aggregate=masks.aggregate,
        probability=masks.probability[..., positive],
        relevance=relevance,
        label=label,
    )


def _of_average(
    fitted: Fitted, x: NDArray[np.float32], rows: Rows, *, threshold: float
) -> dict[str, float]:
    """The scores of the one model whose parameters are the seeds' averaged."""
    one = _answers(averaged(fitted), x[: len(rows.label)], rows.label, rows.relevance)
    return seed_counts.score(one, [0], lambda aggregate: aggregate[0], threshold=threshold)


def _seconds(data: Path, fitted: Fitted, params: Params, n: int) -> float:
    """How long n seeds take to train: a tenth of the epochs, scaled up to all of them."""
    x, label = labelled.read(data / "train.parquet", fitted.features)
    epochs = max(1, params.train.epochs // PART)
    some = params.train.afresh(fitted.seeds[:n]).model_copy(update={"epochs": epochs})
    start = time.perf_counter()
    fit(x, labelled.words(label), model=params.model, train=some)
    return round((time.perf_counter() - start) * params.train.epochs / epochs, 2)


if __name__ == "__main__":
    run(main)
