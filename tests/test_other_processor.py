"""Another processor, or torch, rounds otherwise: how far its results may be from this one's."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tabnet import device
from tabnet.datasets import DATASETS
from tabnet.explain import explain
from tabnet.params import Train
from tabnet.train import fit
from tests.imports import ROOT

pytestmark = pytest.mark.slow

SCRIPT = "import numpy, sys; from tests import {0}; numpy.savez(sys.argv[1], **{0}.trained())"
EPOCHS = (1, 40)
Found = dict[str, NDArray[np.float64]]


def trained() -> Found:
    """Losses and consensus masks after the first epoch of a training, and at the end of one."""
    rule = DATASETS["syn2"]
    sample = rule.sample(1000, seed=1, split="train")
    rows = pd.DataFrame(sample.x, columns=list(rule.features))
    label = np.where(sample.y, "yes", "no")
    found = {}
    for epochs in EPOCHS:
        fitted, history = fit(rows, label, train=Train(seeds=(1, 2, 3), epochs=epochs))
        found[f"loss_{epochs}"] = history["loss"].to_numpy()
        found[f"consensus_{epochs}"] = explain(fitted, rows).consensus
    return found


@pytest.fixture(scope="module")
def here() -> Found:
    return trained()


def check(here: Found, other: Found) -> None:
    """Two iterations differ by rounding; in eighty it grows, but not in what is concluded."""
    first, last = EPOCHS
    assert any(here[name].tobytes() != other[name].tobytes() for name in here)  # it is another
    np.testing.assert_allclose(other[f"loss_{first}"], here[f"loss_{first}"], rtol=1e-5)
    np.testing.assert_allclose(other[f"consensus_{first}"], here[f"consensus_{first}"], atol=1e-3)
    losses = [run[f"loss_{last}"][-3:] for run in (other, here)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.1)
    importance = [run[f"consensus_{last}"].mean(0) for run in (here, other)]
    assert np.abs(importance[0] - importance[1]).sum() / 2 < 0.1


def test_a_processor_without_wide_vectors(here: Found, tmp_path: Path) -> None:
    environment = {
        "PYTHONPATH": str(ROOT),
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    subprocess.run(
        [sys.executable, "-c", SCRIPT.format(Path(__file__).stem), tmp_path / "other.npz"],
        env={**os.environ, **environment},
        check=True,
        timeout=600,
    )
    with np.load(tmp_path / "other.npz") as file:
        check(here, dict(file))


def test_torch(here: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU: torch trains and explains, here by the CPU under a name that is not `cpu`."""
    monkeypatch.setattr(device, "resolve", lambda name: "cpu:0")
    check(here, trained())
