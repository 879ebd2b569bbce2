"""Other methods on data whose truth is known, and the laws that their masks obey."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from ruamel.yaml import YAML

from tabnet import peers
from tabnet.labelled import Rows
from tabnet.model import network
from tabnet.params import Model, Train
from tabnet.peers import post_hoc
from tabnet.peers.measured import Measured, as_mask, held_out, timed
from tabnet.peers.methods import measure
from tabnet.scores import area_under_roc
from tabnet.train import fit
from tabnet.weights import Fitted
from tests.imports import ROOT

RELEVANT = (0, 3)
SETTINGS = Train(seeds=(1, 2, 3), epochs=20, batch_size=512, learning_rate=0.06)
NAMES = (
    "consensus",
    "single_seed",
    "integrated_gradients_seeds",
    "integrated_gradients",
    "permutation",
    "pytorch_tabnet",
    "boosted_trees",
)


def rows(count: int, seed: int) -> Rows:
    """Six features of which two matter, to every row."""
    x = np.random.default_rng(seed).standard_normal((count, 6)).astype(np.float32)
    return Rows(x, x[:, RELEVANT].sum(axis=1) > 0)


@cache
def fitted() -> Fitted:
    train = rows(1500, 0)
    return fit(train.x, np.where(train.y, "yes", "no"), train=SETTINGS)[0]


@cache
def measured() -> dict[str, Measured]:
    found = measure(fitted(), rows(1500, 0), rows(400, 1), model=Model(), settings=SETTINGS)
    return {one.name: one for one in found}


@given(
    arrays(np.float64, (4, 3), elements=st.floats(-100, 100, width=32)),
    st.floats(0.5, 100, width=32),
)
def test_a_mask_is_a_share_of_an_attributions_size(
    attribution: NDArray[np.float64], scale: float
) -> None:
    mask = as_mask(attribution)
    assert (mask >= 0).all()
    total = mask.sum(axis=1)
    some = np.abs(attribution).astype(np.float32).sum(axis=1) > 1e-30
    np.testing.assert_allclose(total[some], 1, rtol=1e-5)
    np.testing.assert_allclose(as_mask(-scale * attribution)[some], mask[some], atol=1e-5)


def test_rows_that_are_held_out_are_not_trained_on() -> None:
    whole = rows(103, 0)
    first, last = held_out(whole)
    np.testing.assert_array_equal(np.concatenate([first.x, last.x]), whole.x)
    np.testing.assert_array_equal(np.concatenate([first.y, last.y]), whole.y)
    assert len(last.y) == 21


def test_a_call_is_timed() -> None:
    result, seconds = timed(lambda: sum(range(10**6)))
    assert result == 499999500000
    assert 0 < seconds < 60


@pytest.mark.slow
def test_every_method_is_measured() -> None:
    assert tuple(measured()) == NAMES


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_method_finds_what_matters(name: str) -> None:
    one, test = measured()[name], rows(400, 1)
    assert one.mask.shape == test.x.shape
    assert (one.mask >= 0).all()
    np.testing.assert_allclose(one.mask.sum(axis=1), 1, rtol=1e-4)
    assert set(np.argsort(-one.mask.mean(axis=0))[:2]) == set(RELEVANT)
    assert area_under_roc(one.probability, test.y) > 0.95
    assert ((one.probability >= 0) & (one.probability <= 1)).all()
    assert one.train_seconds > 0
    assert one.explain_seconds > 0


@pytest.mark.slow
def test_one_seed_predicts_what_explains_it() -> None:
    found = measured()
    one = found["single_seed"].probability
    for name in ("integrated_gradients", "permutation"):
        np.testing.assert_array_equal(found[name].probability, one)
    assert not np.array_equal(found["consensus"].probability, one)


@pytest.mark.slow
def test_gradients_are_integrated_as_by_a_fine_sum() -> None:
    x, baseline = rows(100, 2).x, np.full(6, 0.1, np.float32)
    found = post_hoc.integrated_gradients(fitted(), x, baseline=baseline)
    for k, seed in enumerate(fitted().seeds):
        expected = as_mask(by_hand(fitted().only(seed), x, baseline))
        missed = np.abs(found[k] - expected).sum(axis=1)
        # Sparsemax bends the path: so many points miss a little of it, and much of few rows'.
        assert np.median(missed) < 0.03
        assert missed.mean() < 0.1


def by_hand(
    model: Fitted, x: NDArray[np.float32], baseline: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The integral by the midpoints of 400 intervals."""
    net, yes = network(model), model.classes.index("yes")
    start, total = torch.from_numpy(baseline), torch.zeros(x.shape)
    for t in (np.arange(400) + 0.5) / 400:
        point = (start + float(t) * (torch.from_numpy(x) - start)).requires_grad_()
        logits = net(point[:, None])[0][:, 0]
        (gradient,) = torch.autograd.grad((logits[:, yes] - logits[:, 1 - yes]).sum(), point)
        total += gradient / 400
    return np.asarray((total * (torch.from_numpy(x) - start)).double())


def test_a_seeds_gradients_do_not_depend_on_the_others() -> None:
    x, baseline = rows(600, 2).x, np.zeros(6, np.float32)
    together = post_hoc.integrated_gradients(fitted(), x, baseline=baseline)
    alone = post_hoc.integrated_gradients(fitted().only(2), x[:5], baseline=baseline)
    np.testing.assert_allclose(together[1, :5], alone[0], atol=1e-5)


def test_permutations_give_every_row_the_same_mask() -> None:
    constant = rows(300, 3)
    constant.x[:, 5] = 1  # whatever it is permuted with, it stays
    mask = post_hoc.permutation_mask(fitted().only(1), constant, size=7, seed=1)
    assert mask.shape == (7, 6)
    assert (mask == mask[0]).all()
    assert mask[0, 5] == 0


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PACKAGES", ("numpy", "no_such_package"))


@pytest.mark.usefixtures("missing")
def test_a_missing_package_is_one_line_that_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"package no_such_package, .*`make peers`") as caught:
        peers.check_installed()
    assert "\n" not in str(caught.value)


def run(folder: Path, stage: str, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"stages.{stage}", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_stage_scores_every_method(tmp_path: Path) -> None:
    params = YAML(typ="safe").load(ROOT / "params.yaml")
    params["generate"] |= {"train_rows": 300, "test_rows": 80}
    params["train"] |= {"seeds": [1, 2], "epochs": 2}
    params["peers"] = ["syn4"]
    YAML().dump(params, tmp_path / "params.yaml")
    for stage in ("generate", "train", "peers"):
        run(tmp_path, stage, "syn4")
    text = (tmp_path / "reports/syn4/peers.json").read_text()
    assert (tmp_path / "reports/paper/syn4.peers.json").read_text() == text
    found = json.loads(text)["syn4"]
    assert found["rows"] == {"train": 300, "test": 80}
    assert sorted(found["methods"]) == sorted(NAMES)
    for one in found["methods"].values():
        assert 0 <= one["scores"]["rma"] <= 1
        assert 0 < one["scores"]["selected"] <= 1
        assert one["settings"]
