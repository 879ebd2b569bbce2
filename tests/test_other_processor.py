"""Another processor rounds otherwise: how far its results may be from this one's."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.imports import ROOT

pytestmark = pytest.mark.slow

SCRIPT = """
import sys
import numpy as np
from tabnet.datasets import DATASETS
from tabnet.explain import explain
from tabnet.params import Train
from tabnet.train import fit
import pandas as pd

rule = DATASETS["syn2"]
sample = rule.sample(1000, seed=1, split="train")
rows = pd.DataFrame(sample.x, columns=list(rule.features))
label = np.where(sample.y, "yes", "no")
found = {}
for epochs in (1, 12):
    fitted, history = fit(rows, label, train=Train(seeds=(1, 2, 3), epochs=epochs, device="cpu"))
    found[f"loss_{epochs}"] = history["loss"].to_numpy()
    found[f"consensus_{epochs}"] = explain(fitted, rows).consensus
np.savez(sys.argv[1], **found)
"""


def trained(path: Path, **environment: str) -> dict[str, NDArray[np.float64]]:
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=True,
        timeout=300,
    )
    with np.load(path) as file:
        return dict(file)


def test_a_processor_without_wide_vectors(tmp_path: Path) -> None:
    """Four iterations differ by rounding; in fifty it grows, but not in what is concluded."""
    here = trained(tmp_path / "here.npz")
    other = trained(
        tmp_path / "other.npz",
        NUMBA_CPU_NAME="generic",
        NUMBA_CPU_FEATURES="",
        NUMBA_CACHE_DIR=str(tmp_path),
    )
    assert any(here[name].tobytes() != other[name].tobytes() for name in here)  # it is another
    np.testing.assert_allclose(other["loss_1"], here["loss_1"], rtol=1e-5)
    np.testing.assert_allclose(other["consensus_1"], here["consensus_1"], atol=1e-3)
    np.testing.assert_allclose(other["loss_12"][-3:], here["loss_12"][-3:], rtol=0.1)
    importance = [run["consensus_12"].mean(0) for run in (here, other)]
    assert np.abs(importance[0] - importance[1]).sum() / 2 < 0.1
