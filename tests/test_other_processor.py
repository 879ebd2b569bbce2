"""Another processor, or torch, rounds otherwise: how far its results may be from this one's."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tabnet import device
from tabnet.datasets import DATASETS
from tabnet.device import Device
from tabnet.explain import explain
from tabnet.kernel.vectors import LANES
from tabnet.params import Train
from tabnet.train import fit
from tests.imports import ROOT

pytestmark = pytest.mark.slow

SCRIPT = "import numpy, sys; from tests import {0}; numpy.savez(sys.argv[1], **{0}.trained())"
FIRST, LAST = 1, 40  # epochs
Found = dict[str, NDArray[np.float64]]

# What the README states.
MASKS = 0.001  # of any cell, after the first epoch
AUC = 0.01
IMPORTANCE = 0.15  # total variation


def trained(where: Device = "cpu") -> Found:
    """Losses, masks and AUC on fresh rows, after the first epoch of a training and after all."""
    rule = DATASETS["syn2"]
    seen, fresh = (rule.sample(1000, seed=1, split=split) for split in ("train", "test"))
    rows, others = (pd.DataFrame(part.x, columns=list(rule.features)) for part in (seen, fresh))
    label = np.where(seen.y, "yes", "no")
    found = {}
    for epochs in (FIRST, LAST):
        train = Train(seeds=(1, 2, 3, 4, 5), epochs=epochs, device=where)
        fitted, history = fit(rows, label, train=train)
        explained = explain(fitted, others, device_name=where)
        found[f"loss_{epochs}"] = history["loss"].to_numpy()
        found[f"masks_{epochs}"] = explained.consensus
        found[f"auc_{epochs}"] = np.array(roc_auc_score(fresh.y, explained.probability[:, 1]))
    return found


@pytest.fixture(scope="module")
def here() -> Found:
    return trained()


def check(here: Found, other: Found) -> None:
    """Two iterations differ by rounding; in eighty it grows, but not in what is concluded."""
    assert any(here[name].tobytes() != other[name].tobytes() for name in here)  # it is another
    np.testing.assert_allclose(other[f"loss_{FIRST}"], here[f"loss_{FIRST}"], rtol=1e-5)
    np.testing.assert_allclose(other[f"masks_{FIRST}"], here[f"masks_{FIRST}"], atol=MASKS)
    assert abs(other[f"auc_{LAST}"] - here[f"auc_{LAST}"]) < AUC
    importance = [run[f"masks_{LAST}"].mean(0) for run in (here, other)]
    assert np.abs(importance[0] - importance[1]).sum() / 2 < IMPORTANCE


@pytest.mark.parametrize(
    ("lanes", "features"),
    [(4, ""), (8, "+avx,+avx2,+fma")],
)
def test_a_processor_with_narrower_vectors(
    here: Found, tmp_path: Path, lanes: int, features: str
) -> None:
    if lanes >= LANES:
        pytest.skip("this processor's are no wider")
    environment = {
        "PYTHONPATH": str(ROOT),
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": features,
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
    of_vectors = "come_back or appended or noted or transposed or past_the_last or beside_it"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/test_kernel.py", "-k", of_vectors],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=True,
        timeout=600,
    )


def test_vectors_are_as_wide_as_what_numba_compiles_for() -> None:
    script = "from tabnet.kernel.vectors import LANES; print(LANES)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_ENABLE_AVX": "0"}
    told = subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True
    )
    assert int(told.stdout) == 4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_cuda(here: Found) -> None:
    check(here, trained("cuda"))


def test_torch(here: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU: torch trains and explains, here by the CPU under a name that is not `cpu`."""
    monkeypatch.setattr(device, "resolve", lambda name, **_: "cpu:0")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # where cores are busy, threads that wait for each other take minutes
    check(here, trained())
    torch.set_num_threads(threads)
