"""Results are the same bytes on most processors; how far those of others, and torch's, may be."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
import pandas as pd
import pytest
import torch
from numba.core.codegen import get_host_cpu_features
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tabnet import device
from tabnet.datasets import DATASETS
from tabnet.explain import explain
from tabnet.kernel import compiled
from tabnet.kernel.consensus import consensus
from tabnet.kernel.explainer import KernelExplainer
from tabnet.kernel.threads import Threads
from tabnet.params import Device, Model, Train
from tabnet.train import fit
from tests.imports import ROOT
from tests.kernel_cases import Case, computed

pytestmark = pytest.mark.slow

FUSED = "+avx,+avx2,+fma"  # what a processor must have for the same bytes
AVX512 = f"{FUSED},+avx512f,+avx512vl,+avx512bw,+avx512dq"
ROWS = 1000
STEP, RUN = (1, ROWS), (100, ROWS // 5)  # epochs, and the rows of a batch
CASES = 40
Found = dict[str, NDArray[np.floating]]

# What the README states.
MASKS = 0.001  # of any cell, after the first step
AUC = 0.01
IMPORTANCE = 0.15  # total variation

HAS = get_host_cpu_features().split(",")
FUSES_PRODUCTS = "+fma" in HAS
# vmulps and vfmadd213ps with their registers, or vmulss and so on.
INSTRUCTION = re.compile(
    r"\tv(?:(fn?m(?:add|sub)\d+)|mul)(?:p|(s))[sd]\t.*%([xyz])mm\d+(?: \{.*)?$", re.MULTILINE
)
SCRIPT = """
import sys
import numpy
from tests import test_other_processor
{before}
numpy.savez(sys.argv[1], **test_other_processor.{what}())
"""


def trained(where: Device = "cpu") -> Found:
    """Losses, masks and AUC on fresh rows, after a step of the optimiser and after a whole run."""
    rule = DATASETS["syn2"]
    seen, fresh = (rule.sample(ROWS, seed=1, split=split) for split in ("train", "test"))
    rows, others = (pd.DataFrame(part.x, columns=list(rule.features)) for part in (seen, fresh))
    label = np.where(seen.y, "yes", "no")
    found = {}
    for name, (epochs, batch_size) in {"step": STEP, "run": RUN}.items():
        seeds = (1, 2, 3, 4, 5)
        train = Train(seeds=seeds, epochs=epochs, batch_size=batch_size, device=where)
        fitted, history = fit(rows, label, train=train)
        explained = explain(fitted, others, device_name=where)
        found[f"loss_{name}"] = history["loss"].to_numpy()
        found[f"masks_{name}"] = explained.consensus
        found[f"auc_{name}"] = np.array(roc_auc_score(fresh.y, explained.probability[:, 1]))
    return found


def networks(seed: int) -> Case:
    """Any, narrow or wide."""
    rng = np.random.default_rng(seed)
    n_shared = int(rng.integers(0, 3))
    model = Model(
        n_d=int(rng.integers(1, 20)),
        n_a=int(rng.integers(1, 20)),
        n_steps=int(rng.integers(1, 5)),
        gamma=float(rng.uniform(1, 2)),
        n_shared=n_shared,
        n_independent=int(rng.integers(0 if n_shared else 1, 3)),
        virtual_batch_size=int(rng.integers(8, 64)),
        mask_type=("sparsemax", "entmax15")[seed % 2],
    )
    train = Train(seeds=(seed, seed + 1), lambda_sparse=0.05, batch_size=128)
    n_features = int(rng.integers(1, 40) if seed % 4 < 2 else rng.integers(64, 150))
    return Case(model, train, n_features, int(rng.integers(2, 6)), int(rng.integers(8, 129)))


def everything() -> Found:
    """What is `trained`, and what any networks compute in a few steps."""
    found = trained()
    for seed in range(CASES):
        case = networks(seed)
        engine = case.kernel()
        for rate in (0.02, 0.01):
            engine.iterate(case.order(), case.whole, [rate])
        weights = engine.weights()
        explainer = KernelExplainer(case.model, weights, n_features=case.n_features, threads=1)
        arrays = computed(case, engine, explainer) | weights
        aggregate = explainer(case.data()[0], steps=False).aggregate
        arrays["consensus"], *_ = consensus(aggregate, Threads(1))
        arrays["validation"] = engine.validate(case.order())
        found |= {f"{name} of case {seed}": array for name, array in arrays.items()}
    return found


@pytest.fixture(scope="module")
def here() -> Found:
    return everything()


def environment(folder: Path, features: str) -> dict[str, str]:
    """Of a process whose code is compiled for a processor with these features."""
    of_numba = {"CPU_NAME": "generic", "CPU_FEATURES": features, "CACHE_DIR": str(folder)}
    return {"PYTHONPATH": str(ROOT)} | {f"NUMBA_{name}": of_numba[name] for name in of_numba}


def elsewhere(what: str, folder: Path, features: str, before: str = "") -> Found:
    """What such a process computes."""
    subprocess.run(
        [sys.executable, "-c", SCRIPT.format(what=what, before=before), folder / "other.npz"],
        env={**os.environ, **environment(folder, features)},
        check=True,
        timeout=600,
    )
    with np.load(folder / "other.npz") as file:
        return dict(file)


def make_code_for_this_processor() -> None:
    """From what LLVM has optimised for another one, which fuses the same products."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    here = target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=get_host_cpu_features(),
        opt=3,
        reloc="default",
        codemodel="jitdefault",
        jit=True,
    )

    def machine_code(function: Any, arguments: tuple[object, ...]) -> tuple[bytes, bytes]:
        types = tuple(numba.typeof(argument) for argument in arguments)
        function.compile(types)
        result = function.overloads[types]
        optimised = llvm.parse_assembly(str(result.library._final_module))
        other, own = result.library.get_asm_str(), here.emit_assembly(optimised)
        assert products(own) == products(other)
        return here.emit_object(optimised), compiled._caller(result.fndesc)

    compiled.machine_code = machine_code


def products(assembly: str) -> Counter[str]:
    """How many numbers the instructions multiply, and how many they also add to others."""
    found: Counter[str] = Counter()
    sizes = {"x": 4, "y": 8, "z": 16}
    for fused, single, register in INSTRUCTION.findall(assembly):
        found["fused" if fused else "plain"] += 1 if single else sizes[register]
    assert found["fused"] > 100
    return found


def check(here: Found, other: Found) -> None:
    """In a step rounding changes little; in hundreds it grows, but not in what is concluded."""
    assert any(here[name].tobytes() != other[name].tobytes() for name in other)  # it is another
    np.testing.assert_allclose(other["loss_step"], here["loss_step"], rtol=1e-5)
    np.testing.assert_allclose(other["masks_step"], here["masks_step"], atol=MASKS)
    assert abs(other["auc_run"] - here["auc_run"]) < AUC
    importance = [found["masks_run"].mean(0) for found in (here, other)]
    assert np.abs(importance[0] - importance[1]).sum() / 2 < IMPORTANCE


def check_same(here: Found, other: Found) -> None:
    assert here.keys() == other.keys()
    assert [name for name in here if here[name].tobytes() != other[name].tobytes()] == []


@pytest.mark.skipif(not FUSES_PRODUCTS, reason="this processor fuses no products")
def test_any_processor_that_fuses_products(here: Found, tmp_path: Path) -> None:
    """The oldest that does, with registers of 8 numbers."""
    check_same(here, elsewhere("everything", tmp_path, FUSED))


@pytest.mark.skipif("+avx512f" in HAS, reason="it is this processor's")
@pytest.mark.skipif(not FUSES_PRODUCTS, reason="this processor fuses no products")
def test_code_for_wide_registers(here: Found, tmp_path: Path) -> None:
    before = "test_other_processor.make_code_for_this_processor()"
    check_same(here, elsewhere("everything", tmp_path, AVX512, before))


@pytest.mark.skipif(not FUSES_PRODUCTS, reason="nor does this processor")
def test_a_processor_that_fuses_no_products(here: Found, tmp_path: Path) -> None:
    check(here, elsewhere("trained", tmp_path, ""))
    of_vectors = "come_back or appended or noted or transposed or past_the_last or beside_it"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/test_kernel.py", "-k", of_vectors],
        cwd=ROOT,
        env={**os.environ, **environment(tmp_path, "")},
        check=True,
        timeout=600,
    )


def test_registers_are_as_wide_as_what_numba_compiles_for(tmp_path: Path) -> None:
    script = "from tabnet.kernel.vectors import REGISTER; print(REGISTER)"
    for features, register in (("", 8), (FUSED, 8), (AVX512, 16)):
        told = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, **environment(tmp_path, features)},
            check=True,
            capture_output=True,
            text=True,
        )
        assert int(told.stdout) == register


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
