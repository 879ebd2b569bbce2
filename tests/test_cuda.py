"""Training and explaining on a GPU, as graphs: what the CPU computes, and the same every time."""

import gc
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given

from tabnet import engine
from tabnet.engine import TorchEngine
from tabnet.explain import explain
from tabnet.params import Model, Train
from tabnet.schedule import batch_slices
from tabnet.survivors import Survivors
from tabnet.torch_explainer import TorchExplainer
from tabnet.train import fit
from tabnet.weights import Fitted, initial
from tests.kernel_cases import FEW, Case, cases, check, close, computed

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
    pytest.mark.slow,
]
CASE = Case(Model(virtual_batch_size=32), Train(seeds=(7, 8, 9), batch_size=100), 10, 2, 500)
# Of each size the first batch is computed one operation at a time, the others as a graph.
BATCHES = batch_slices(500, 70)
RATES = [0.02, 0.01] * 4


@FEW
@given(cases())
def test_losses_statistics_masks_and_predictions_are_the_cpus(case: Case) -> None:
    names = tuple(f"x{d}" for d in range(case.n_features))
    classes = tuple(map(str, range(case.n_classes)))
    fitted = Fitted(case.model, names, classes, case.train.seeds, case.weights())
    explainer = TorchExplainer(fitted, device="cuda")
    on_gpu = case.torch("cuda")
    for _ in range(3):  # one operation at a time, recorded, replayed
        on_gpu.restore(case.torch().state())
        found = computed(case, on_gpu, explainer)
        check(case, found)


def run(seeds: tuple[int, ...] = (7, 8, 9), epochs: int = 3) -> TorchEngine:
    case = Case(CASE.model, CASE.train.model_copy(update={"seeds": seeds}), 10, 2, 500)
    on_gpu = case.torch("cuda")
    for _ in range(epochs):
        on_gpu.iterate(case.order(), BATCHES, RATES)
    return on_gpu


def test_steps_are_the_cpus() -> None:
    on_gpu, oracle = CASE.torch("cuda"), CASE.torch()
    losses, expected = (e.iterate(CASE.order(), BATCHES[:3], RATES[:3]) for e in (on_gpu, oracle))
    np.testing.assert_allclose(losses, expected, rtol=1e-3)
    close(on_gpu.state(), oracle.state())


def test_a_graph_computes_what_its_operations_do(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run().state()
    monkeypatch.setattr(engine, "Captured", lambda function: function)
    close(found, run().state())


def test_a_run_has_the_same_bits_every_time() -> None:
    first, second = run().state(), run().state()
    for name, array in first.items():
        assert array.tobytes() == second[name].tobytes(), name


def test_an_interrupted_run_goes_on_from_its_state() -> None:
    first, second = run(epochs=2), run(epochs=0)
    second.restore(first.state())
    losses, expected = (e.iterate(CASE.order(), BATCHES, RATES) for e in (second, first))
    np.testing.assert_allclose(losses, expected, rtol=1e-3)
    close(second.state(), first.state())


@pytest.mark.parametrize("count", [300, 900])
def test_other_rows_are_seen(count: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((count, 10)).astype(np.float32)
    y = rng.integers(0, 2, count)
    order = np.stack([rng.permutation(count)[:280] for _ in CASE.train.seeds], 1)
    on_gpu, oracle = CASE.torch("cuda"), CASE.torch()
    for each in (on_gpu, oracle):
        each.iterate(CASE.order(), BATCHES, [1e-5] * 8)
        each.load(x, y)
    batches = batch_slices(280, 70)
    losses, expected = (e.iterate(order, batches, [1e-5] * 4) for e in (on_gpu, oracle))
    np.testing.assert_allclose(losses, expected, rtol=1e-3)
    for each in (on_gpu, oracle):
        each.load(*CASE.data())
    losses, expected = (e.iterate(CASE.order(), BATCHES, RATES) for e in (on_gpu, oracle))
    np.testing.assert_allclose(losses[:2], expected[:2], rtol=1e-2)


def test_more_ghost_batches_than_a_grid_has_blocks() -> None:
    model = Model(n_d=64, n_a=64, n_steps=1, virtual_batch_size=8)
    case = Case(model, Train(seeds=tuple(range(10)), batch_size=256), 10, 2, 256)
    assert 10 * 2 * 128 * (256 // 8) > 65535
    on_gpu, oracle = case.torch("cuda"), case.torch()
    losses, expected = (e.iterate(case.order(), case.whole, [1e-4]) for e in (on_gpu, oracle))
    np.testing.assert_allclose(losses, expected, rtol=1e-3)
    close(on_gpu.state(), oracle.state())


def test_engines_that_are_gone_disturb_no_recording() -> None:
    before = gc.get_threshold()
    gc.set_threshold(20)  # what is in a cycle is freed all the time
    try:
        for _ in range(5):
            run(epochs=1)
    finally:
        gc.set_threshold(*before)


def test_validation_is_the_cpus_and_changes_nothing() -> None:
    on_gpu, oracle = CASE.torch("cuda"), CASE.torch()
    for each in (on_gpu, oracle):
        each.iterate(CASE.order(), BATCHES, [1e-5] * 8)
    before = on_gpu.state()
    for rows in (CASE.order(), CASE.order(), CASE.order()[:1], CASE.order()):
        np.testing.assert_allclose(on_gpu.validate(rows), oracle.validate(rows), rtol=1e-4)
    for name, array in on_gpu.state().items():
        assert array.tobytes() == before[name].tobytes(), name


def test_a_seed_that_diverges_disturbs_no_other() -> None:
    def make(seeds: Sequence[int]) -> TorchEngine:
        start = initial(CASE.model, seeds, n_features=10, n_classes=2)
        return TorchEngine(CASE.model, start, train=CASE.train, device="cuda")

    def trained(*, disturbed: bool) -> Survivors:
        survivors = Survivors(make, (1, 2, 3))
        survivors.load(*CASE.data())
        for epoch in range(4):
            survivors.iterate(CASE.order(), BATCHES, [0.001] * 8, epoch=epoch)
            if disturbed and epoch == 1:
                state = survivors.engine.state()
                state["output"][1] = np.nan
                survivors.engine.restore(state)
        return survivors

    undisturbed, others = trained(disturbed=False).engine.state(), trained(disturbed=True)
    assert others.seeds == (1, 3)
    expected = {n: a[[0, 2]] if a.ndim else a for n, a in undisturbed.items()}
    close(others.engine.state(), expected)


def test_seeds_end_at_the_cpus_losses_and_masks() -> None:
    """Rounding drives two runs apart, but not their distribution: 30 seeds, on both."""
    x, _ = CASE.data()
    y = x[:, :3].sum(1) > 0
    ends, importance = [], []
    for device in ("cpu", "cuda"):
        train = {"seeds": range(30), "epochs": 20, "batch_size": 100, "device": device}
        fitted, history = fit(x, y, model=CASE.model, train=Train.model_validate(train))
        last = history[history["epoch"] == 20]
        ends.append(last[["loss", "sparsity"]].to_numpy())
        found = explain(fitted, x, device_name=device)
        importance.append(found.by_seed.aggregate.mean(1))
    for ours, theirs in (ends, importance):
        error = np.sqrt((ours.var(0, ddof=1) + theirs.var(0, ddof=1)) / 30)
        assert (np.abs(ours.mean(0) - theirs.mean(0)) < 4 * error + 1e-6).all()
