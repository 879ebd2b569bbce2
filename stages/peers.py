"""Measures other methods on a data set's rows, beside ours: scores, and how long they take.

Wall times differ from run to run, and so do the bytes that this stage writes.
"""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages import run
from tabnet import files, labelled, peers, plain_json, scores, truth, weights
from tabnet.kernel.threads import chosen
from tabnet.labelled import Rows
from tabnet.params import Params
from tabnet.peers.measured import Measured

REPORTS = Path("reports")
MOST = 2_000  # rows to explain: gradients of all seeds take minutes for them


def main(params: Params, dataset: str) -> None:
    """Writes reports/<dataset>/peers.json, and the same where the page that compares finds it."""
    peers.check_installed()
    # OpenMP's threads spin while they wait for each other, unless told: where another process has a
    # core, pytorch-tabnet's training takes five times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # Imported only once the packages that it needs are known to be there.
    from tabnet.peers.methods import measure

    data = Path("data", dataset)
    fitted = weights.load(data / "model.safetensors")
    train, test = (
        labelled.read(data / f"{split}.parquet", fitted.features) for split in ("train", "test")
    )
    test = Rows(test.x[:MOST], test.y[:MOST])
    relevant = truth.relevance(data / "relevance.parquet", fitted.features, split="test")[:MOST]
    threshold = params.evaluate.threshold
    methods = {}
    for found in measure(fitted, train, test, model=params.model, settings=params.train):
        methods[found.name] = _scored(found, test, relevant, threshold=threshold)
        print(f"{found.name}: {found.train_seconds + found.explain_seconds:.1f} s", flush=True)
    result = {
        "methods": methods,
        "rows": {"train": len(train.y), "test": len(test.y)},
        "threads": chosen(params.train.threads, work=math.inf),
    }
    text = plain_json.text({dataset: result})
    for path in (REPORTS / dataset / "peers.json", REPORTS / "paper" / f"{dataset}.peers.json"):
        files.write_text(path, text)


def _scored(
    found: Measured, test: Rows, relevant: NDArray[np.bool_], *, threshold: float
) -> dict[str, Any]:
    scored = {
        **scores.prediction_scores(found.probability, test.y),
        **scores.mask_scores(found.mask, relevant, threshold=threshold),
        # Of a dense mask every cell is selected: TPR is 1 and FDR says nothing of the method.
        "selected": float((found.mask > threshold).mean()),
    }
    return {
        "scores": scored,
        "train_seconds": round(found.train_seconds, 2),
        "explain_seconds": round(found.explain_seconds, 3),
        "settings": found.settings,
    }


if __name__ == "__main__":
    run(main)
