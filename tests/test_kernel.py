"""The compiled kernel against torch: the same function, and gradients as accurate as its own."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import numba
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

import tabnet.model
from tabnet import fused, layout
from tabnet.engine import TorchEngine, by_seed
from tabnet.kernel import attention, bits, functions, layers, masks
from tabnet.kernel.consensus import consensus, consensus_rows
from tabnet.kernel.engine import INPUT_MOMENTUM, KernelEngine, iterate, validate_rows
from tabnet.kernel.explainer import KernelExplainer, explain_rows
from tabnet.kernel.memory import append_nonzero, load, load_block, load_rows, store, store_rows
from tabnet.kernel.plan import pack, plan, size
from tabnet.kernel.support import find_support
from tabnet.kernel.tape import aligned_zeros, stride, tape
from tabnet.kernel.threads import Threads, shares
from tabnet.kernel.vectors import (
    BLOCK,
    LANES,
    Vector,
    element,
    keep_first,
    total,
    totals,
    transposed,
)
from tabnet.params import Model, Train
from tabnet.schedule import batch_slices, streams
from tabnet.weights import initial
from tests.kernel_cases import FEW, Arrays, Case, Found, cases, check, close, computed


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


CASE = Case(Model(virtual_batch_size=32), Train(seeds=(7, 8, 9), batch_size=100), 10, 2, 100)
# Of a hundred, the median alone moves by half.
MANY = settings(FEW, max_examples=400, suppress_health_check=[HealthCheck.too_slow])


def oracle_gradient(
    case: Case, dtype: torch.dtype, *, moved: float = 0.0, noise_seed: int = 0
) -> Tensor:
    """K x P, by automatic differentiation; with parameters `moved` by so much of their size."""
    net = case.network(dtype).train()
    generator = torch.Generator().manual_seed(noise_seed)
    with torch.no_grad():
        for parameter in net.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.mul_((1 + moved * noise).to(dtype))
    x, y = case.data()
    rows = torch.from_numpy(case.order())
    logits, entropy = net(torch.from_numpy(x).to(dtype)[rows])
    labels = torch.from_numpy(y)[rows]
    # The mean over rows for each seed, and the sum over seeds.
    loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum") / case.rows
    loss = loss + case.train.lambda_sparse * entropy.sum()
    return by_seed(torch.autograd.grad(loss, list(net.parameters()))).double()


def kernel_gradient(case: Case) -> Tensor:
    """The gradient of each seed, which the engine leaves in its sums: K x P."""
    gradients = []
    for k in range(len(case.train.seeds)):
        weights = {name: array[k : k + 1] for name, array in case.weights().items()}
        train = case.train.model_copy(update={"seeds": (case.train.seeds[k],)})
        engine = KernelEngine(case.model, weights, train=train, rows=case.rows)
        engine.load(*case.data())
        engine.iterate(case.order()[:, k : k + 1], case.whole, [0.0])
        gradients.append(torch.from_numpy(engine.sums[0].gradient[0].copy()))
    return torch.stack(gradients).double()


def distance(case: Case, gradient: Tensor, exact: Tensor) -> float:
    """The largest error of a tensor, relative to its largest entry or 1e-3 of all tensors'."""
    shapes = layout.parameters(case.model, **case.sizes)
    widths = [size({name: shape}) for name, shape in shapes.items()]
    floor = 1e-3 * exact.abs().max()
    errors = [
        ((g - e).abs().max() / e.abs().max().clamp_min(floor)).item()
        for g, e in zip(gradient.split(widths, 1), exact.split(widths, 1), strict=True)
    ]
    worst: float = max(errors)
    return worst


@pytest.mark.slow
def test_gradients_are_as_accurate_as_torchs() -> None:
    errors: list[tuple[float, float]] = []

    @MANY
    @given(cases())
    def compare(case: Case) -> None:
        exact = oracle_gradient(case, torch.float64)
        ours = distance(case, kernel_gradient(case), exact)
        theirs = distance(case, oracle_gradient(case, torch.float32), exact)
        # Where a mask's support is about to change, the exact gradient jumps under such noise.
        noise_seeds = range(16) if ours > 1e-4 + 100 * theirs else ()
        moved = (
            oracle_gradient(case, torch.float64, moved=1e-7, noise_seed=seed)
            for seed in noise_seeds
        )
        assert ours <= 1e-4 + 100 * max([theirs, *(distance(case, g, exact) for g in moved)])
        errors.append((ours, theirs))

    compare()
    assert len(errors) >= 400
    for quantile in (0.5, 0.9):
        ours, theirs = np.quantile(np.array(errors), quantile, axis=0)
        assert ours <= 1.5 * theirs, f"quantile {quantile}: {ours:.2g}, torch's {theirs:.2g}"


class SameFeatures(Case):
    """All steps attend to the same few features, which come back through the priors."""

    def weights(self) -> Arrays:
        weights = super().weights()
        for s in range(self.model.n_steps):
            weights[f"{layout.attention_norm_name(s)}.bias"][:, :6] += 4
        return weights


@pytest.mark.parametrize("mask_type", ["sparsemax", "entmax15"])
@pytest.mark.parametrize("n_features", [20, 90])
def test_gradients_come_back_through_what_masks_keep(
    n_features: int, mask_type: Literal["sparsemax", "entmax15"]
) -> None:
    model = Model(n_d=9, n_a=10, n_steps=4, gamma=1.2, mask_type=mask_type, virtual_batch_size=40)
    train = CASE.train.model_copy(update={"threads": 1})
    case = SameFeatures(model, train, n_features, 3, 100)
    exact = oracle_gradient(case, torch.float64)
    engine = case.kernel()
    engine.iterate(case.order(), case.whole, [0.0])
    assert (engine.tapes[0].n_kept > 0).all() == (n_features == 90)
    theirs = distance(case, oracle_gradient(case, torch.float32), exact)
    assert distance(case, kernel_gradient(case), exact) <= 1e-4 + 4 * theirs


@pytest.mark.parametrize("n_features", [10, 100])
def test_a_mask_that_is_no_number_is_seen(n_features: int) -> None:
    case = Case(Model(n_steps=3), Train(seeds=(1, 2)), n_features, 2, 50)
    weights = case.weights()
    weights[f"{layout.attention_norm_name(1)}.weight"][0, 3] = np.nan
    engine = KernelEngine(case.model, weights, train=case.train, rows=case.rows)
    engine.load(*case.data())
    losses = engine.iterate(case.order(), case.whole, [0.0])[0]
    assert np.isnan(losses[0]).all()
    assert np.isfinite(losses[1]).all()


def by_kernel(case: Case) -> Found:
    explainer = KernelExplainer(case.model, case.weights(), n_features=case.n_features, threads=1)
    return computed(case, case.kernel(), explainer)


@FEW
@given(cases())
def test_losses_statistics_masks_and_predictions_are_torchs(case: Case) -> None:
    check(case, by_kernel(case))


def test_steps_are_torchs() -> None:
    kernel, oracle = CASE.kernel(), CASE.torch()
    batches, rates = [slice(0, 60), slice(60, 93), slice(93, 100)], [0.01, 0.02, 0.005]
    losses, expected = (e.iterate(CASE.order(), batches, rates) for e in (kernel, oracle))
    assert losses.shape == (3, 3, 2)
    np.testing.assert_allclose(losses, expected, rtol=1e-3)
    close(kernel.state(), oracle.state())


def run(case: Case, *, threads: int = 1, steps: int = 4) -> KernelEngine:
    engine = case.kernel(case.train.model_copy(update={"threads": threads}))
    for _ in range(steps):
        engine.iterate(case.order(), case.whole, [0.02])
    return engine


@pytest.mark.parametrize("virtual", [2, 3, 5])
@pytest.mark.parametrize("rows", [2, 3, 7, 22])
def test_tiny_and_uneven_ghost_batches_are_torchs(virtual: int, rows: int) -> None:
    model = Model(n_steps=1, n_shared=0, n_independent=1, virtual_batch_size=virtual)
    case = Case(model, Train(seeds=(1, 2), batch_size=21), 4, 3, rows)
    check(case, by_kernel(case))


def same(a: Arrays, b: Arrays) -> None:
    assert a.keys() == b.keys()
    for name, array in a.items():
        assert array.tobytes() == b[name].tobytes(), name


@pytest.mark.parametrize("n_features", [10, 100])
@pytest.mark.parametrize("virtual", [12, 32])
@pytest.mark.parametrize("threads", [2, 3, 4])
def test_threads_change_no_bit(threads: int, virtual: int, n_features: int) -> None:
    # Of three seeds, some are shared by the threads where there are parts enough, all by four.
    case = replace(CASE, model=Model(virtual_batch_size=virtual), n_features=n_features)
    same(run(case).state(), run(case, threads=threads).state())


@pytest.mark.parametrize("norms", [1.0, 0.4, 0.2, 0.1])
@pytest.mark.parametrize("n_features", [10, 100])
@pytest.mark.parametrize("model", [Model(), Model(n_d=16, n_a=1, mask_type="entmax15")])
def test_a_row_is_explained_alike_whatever_the_rows_beside_it(
    model: Model, n_features: int, norms: float
) -> None:
    """So neither threads nor the size of batches change a bit."""
    case = replace(CASE, model=model, n_features=n_features, rows=300)
    weights = case.weights()
    for s in range(case.model.n_steps):
        weights[f"{layout.attention_norm_name(s)}.weight"] *= norms  # the less, the more is kept
    x, _ = case.data()
    one, three = (
        KernelExplainer(case.model, weights, n_features=n_features, threads=n) for n in (1, 3)
    )
    whole = one(x, steps=True)
    for found, expected in zip(three(x, steps=True), whole, strict=True):
        assert found.tobytes() == expected.tobytes()
    for row in range(0, 300, 7):
        alone = one(x[row : row + 1], steps=True)
        assert alone.aggregate[:, 0].tobytes() == whole.aggregate[:, row].tobytes()
        assert alone.total[:, 0].tobytes() == whole.total[:, row].tobytes()
        assert alone.probability[:, 0].tobytes() == whole.probability[:, row].tobytes()
        assert alone.steps[:, :, 0].tobytes() == whole.steps[:, :, row].tobytes()


def test_a_constant_feature_has_its_value_as_mean_to_the_last_bit() -> None:
    """The norm divides by almost nothing there: what the mean is off by would be all it sees."""
    constants = np.array([0, 1, 2024, 98_101, 123_456.789, 20_240_101], np.float32)
    x = np.tile(constants, (64, 1))
    x[:, 0] = np.arange(64)
    given, train = Model(virtual_batch_size=16), Train(seeds=(1, 2), batch_size=16, threads=1)
    start = initial(given, train.seeds, n_features=6, n_classes=2)
    order = np.random.default_rng(0).integers(0, 64, (300 * 16, 2), np.int32)
    for engine in (
        KernelEngine(given, start, train=train, rows=64),
        TorchEngine(given, start, train=train, device="cpu"),
    ):
        engine.load(x, np.arange(64) % 2)
        engine.iterate(order, [slice(16 * i, 16 * i + 16) for i in range(300)], [0.01] * 300)
        mean = engine.weights()["input_norm.running_mean"]
        assert (mean[:, 1:] == constants[1:]).all()


def test_the_inputs_norm_is_exact_for_many_large_numbers() -> None:
    rows = 30_000
    rng = np.random.default_rng(0)
    means, deviations = np.array([[0, 1e4, 1e6, 1.7e9], [1, 1, 10, 1e5]])
    x = rng.normal(means, deviations, (rows, 4)).astype(np.float32)
    train = Train(seeds=(1,), batch_size=rows, threads=1)
    given = Model()
    weights = initial(given, (1,), n_features=4, n_classes=2)
    trained = KernelEngine(given, weights, train=train, rows=rows)
    trained.load(x, rng.integers(0, 2, rows))
    trained.iterate(np.arange(rows)[:, None], [slice(0, rows)], [0.0])
    exact = x.astype(np.float64)
    mean, variance = exact.mean(0), exact.var(0, ddof=1)
    size = given.virtual_batch_size
    found = trained.sums[0].x[: rows // size, :, :size].transpose(0, 2, 1).reshape(-1, 4)
    expected = (exact - mean) / np.sqrt(exact.var(0) + fused.EPS)
    np.testing.assert_allclose(found, expected[: len(found)], atol=5e-6)
    weights = trained.weights()
    np.testing.assert_allclose(weights["input_norm.running_mean"][0], mean, rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(weights["input_norm.running_var"][0], variance, rtol=2e-6)


def test_constants_are_the_networks() -> None:
    assert INPUT_MOMENTUM == tabnet.model.INPUT_MOMENTUM
    assert np.float32(tabnet.model.MASK_EPS) == attention.MASK_EPS
    assert np.float32(fused.EPS) == layers.EPS


@pytest.mark.parametrize("work", [1, 10**6])
def test_how_many_batches_a_call_takes_changes_no_bit(
    work: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches, rates = batch_slices(100, 9), [0.02] * 12
    expected, engine = CASE.kernel(), CASE.kernel()
    losses = expected.iterate(CASE.order(), batches, rates)
    one_by_one = CASE.kernel()
    for i, batch in enumerate(batches):
        rows = CASE.order()[batch]
        alone = one_by_one.iterate(rows, [slice(0, len(rows))], rates[i : i + 1])
        assert alone[0].tobytes() == losses[i].tobytes()
    same(one_by_one.state(), expected.state())
    monkeypatch.setattr("tabnet.kernel.engine.MOST_WORK", work)
    assert engine.iterate(CASE.order(), batches, rates).tobytes() == losses.tobytes()
    same(engine.state(), expected.state())


def test_an_interrupted_run_ends_with_the_same_bits() -> None:
    engine = run(CASE, steps=2)
    other = CASE.kernel()
    other.restore(engine.state())
    for each in (engine, other):
        each.iterate(CASE.order(), CASE.whole, [0.02])
    same(engine.state(), other.state())


@pytest.mark.parametrize("mask_type", ["sparsemax", "entmax15"])
@pytest.mark.parametrize(("n_d", "n_features"), [(8, 10), (3, 7), (8, 100)])
def test_what_lies_past_the_last_row_does_not_matter(
    mask_type: Literal["sparsemax", "entmax15"], n_d: int, n_features: int
) -> None:
    """Not even where a seed that diverged has left what is no number."""
    model = Model(n_d=n_d, mask_type=mask_type, virtual_batch_size=32)
    case = Case(model, CASE.train, n_features, 3, 100)
    clean, dirty = case.kernel(), case.kernel()
    for array in (*dirty.tapes[0], *dirty._tiles[0], dirty.sums[0].x):
        array[...] = np.nan if array.dtype == np.float32 else 2**31 - 1
    for each in (dirty.tapes[0], dirty._tiles[0]):
        each.prior[0] = 1  # the only part of a tape that is read before it is written
    for engine in (clean, dirty):
        engine.iterate(case.order(), [slice(0, 69), slice(69, 100)], [0.02, 0.02])
    same(clean.state(), dirty.state())
    losses = clean.validate(case.order())
    assert np.isfinite(losses).all()
    np.testing.assert_array_equal(dirty.validate(case.order()), losses)


def test_one_compiled_code_is_for_all_models_and_rows() -> None:
    for model in (Model(n_steps=1), Model(mask_type="entmax15", n_shared=0)):
        case = Case(model, Train(seeds=(1,)), 3, 4, 20)
        engine = case.kernel()
        engine.iterate(case.order(), case.whole, [0.1])
        engine.validate(case.order().astype(np.int64))
        x = case.data()[0]
        x.flags.writeable = False
        explainer = KernelExplainer(model, case.weights(), n_features=3, threads=1)
        for rows in (x, x[:0], np.asfortranarray(x)):
            masks = explainer(rows, steps=False).aggregate
            assert consensus(masks, Threads(1))[0].shape == rows.shape
    for call in (iterate, validate_rows, explain_rows, consensus_rows):
        assert len(call.function.loaded) == 1


@FEW
@given(cases())
def test_the_layout_is_that_of_the_network(case: Case) -> None:
    net = case.network()
    parameters = layout.parameters(case.model, **case.sizes)
    expected = {name: tuple(p.shape[1:]) for name, p in net.named_parameters()}
    assert list(parameters.items()) == list(expected.items())
    statistics = layout.statistics(case.model, n_features=case.n_features)
    assert statistics == {name: tuple(b.shape[1:]) for name, b in net.named_buffers() if b.ndim}
    flat = by_seed(p.data for p in net.parameters())
    np.testing.assert_array_equal(pack(case.weights(), parameters), flat.numpy())


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 10, 144)])
def test_no_vector_of_an_array_lies_in_two_lines_of_the_cache(shape: tuple[int, ...]) -> None:
    arrays = [aligned_zeros(shape) for _ in range(20)]
    assert all(array.ctypes.data % 64 == 0 and not array.any() for array in arrays)
    assert all(array.shape == shape and array.flags.c_contiguous for array in arrays)
    assert {array.ctypes.data % 64 for array in CASE.kernel().tapes[0]} == {0}
    assert all(stride(rows) % LANES == 0 <= stride(rows) - rows for rows in range(300))


def test_no_block_reaches_beyond_its_row_of_an_array() -> None:
    assert all(stride(rows) >= -(-rows // BLOCK) * BLOCK for rows in range(1, 300))


def test_sums_of_vectors_and_the_first_of_their_elements() -> None:
    def run(x: NDArray[np.float32], kept: int, y: NDArray[np.float32]) -> None:
        four = totals((load(x, 0, 0), load(x, 1, 0), load(x, 2, 0), load(x, 3, 0)))
        for i in range(4):
            y[0, i] = element(four, i)
        store(y, 1, 0, keep_first(load(x, 0, 0), kept))
        store(y, 2, 0, keep_first(load_block(x, 0, 0), kept))
        y[3, 0] = total(load_block(x, 0, 0))

    compiled: Any = numba.njit(run)
    x = np.random.default_rng(0).integers(-99, 99, (4, BLOCK)).astype(np.float32)
    for kept in range(BLOCK + 2):
        y = np.zeros((4, BLOCK), np.float32)
        compiled(x, kept, y)
        first = np.where(np.arange(BLOCK) < kept, x[0], 0)
        np.testing.assert_array_equal(y[0, :4], x[:, :LANES].sum(1))
        np.testing.assert_array_equal(y[1, :LANES], first[:LANES])
        np.testing.assert_array_equal(y[2], first)
        assert y[3, 0] == x[0].sum()


def test_a_square_of_vectors_transposed() -> None:
    def run(x: NDArray[np.float32], y: NDArray[np.float32]) -> None:
        store_rows(y, 2, 3, transposed(load_rows(x, 1, 2)))

    compiled: Any = numba.njit(run)
    x = np.random.default_rng(0).standard_normal((LANES + 3, LANES + 5)).astype(np.float32)
    y, expected = np.zeros_like(x), np.zeros_like(x)
    compiled(x, y)
    expected[2 : 2 + LANES, 3 : 3 + LANES] = x[1 : 1 + LANES, 2 : 2 + LANES].T
    np.testing.assert_array_equal(y, expected)


def test_what_is_not_0_is_appended_in_its_order() -> None:
    def run(x: NDArray[np.float32], places: NDArray[np.int32], values: NDArray[np.float32]) -> int:
        size = 0
        for i in range(x.shape[0]):
            for j in range(0, x.shape[1], LANES):
                size += append_nonzero(places[0], places[1], values, size, load(x, i, j), i, j)
        return size

    compiled: Any = numba.njit(run)
    rng = np.random.default_rng(0)
    for share in (0, 0.05, 0.5, 1):
        x = rng.standard_normal((7, 3 * LANES)).astype(np.float32)
        x[rng.random(x.shape) >= share] = 0
        x[x > 1], x[x < -2] = np.nan, -0.0  # no number is kept, and minus 0 is 0
        places, values = np.zeros((2, x.size + LANES), np.int32), np.zeros(x.size + LANES, "f4")
        size = compiled(x, places, values)
        np.testing.assert_array_equal(places[:, :size], np.nonzero(x))
        np.testing.assert_array_equal(values[:size], x[np.nonzero(x)])


@pytest.mark.parametrize(("n_full", "noted"), [(0, 0), (8, 8 * 128), (9, 0), (64, 0)])
def test_what_is_noted_of_a_mask_has_room(n_full: int, noted: int) -> None:
    """A mask that keeps just few enough, and those that keep more, write past no end."""
    wide = plan(Model(n_steps=1), n_features=64, n_classes=2, training=True)
    made, past = tape(wide, 128), {}
    for name in ("features", "rows", "kept"):
        array = getattr(made, name)
        memory = np.full(array.size + 4 * LANES, -7, array.dtype)
        past[name] = memory[array.size :]
        made = made._replace(**{name: memory[: array.size].reshape(array.shape)})
    mask = np.zeros_like(made.mask[0])
    mask[:n_full] = 1
    compiled: Any = numba.njit(lambda mask, tape: find_support(mask, tape, 0, 128))
    assert compiled(mask, made) == (made.n_kept[0] > 0)
    assert made.n_kept[0] == noted
    assert all((memory == -7).all() for memory in past.values())
    assert (made.kept[0, 1, noted:] == -7).all()


@pytest.mark.parametrize("mask_function", [masks.sparsemax, masks.entmax15])
def test_a_rows_mask_does_not_depend_on_the_rows_beside_it(
    mask_function: Callable[[NDArray[np.float32], int], None],
) -> None:
    def run(z: NDArray[np.float32]) -> None:
        for v in range(0, z.shape[1], BLOCK):
            mask_function(z, v)

    compiled: Any = numba.njit(run)
    rng, rows = np.random.default_rng(0), 1000 * BLOCK
    z = rng.normal(0, 1, (10, rows)).astype(np.float32)
    # The last one is at the threshold of the others' largest: in the support by a rounding, or not.
    largest, count = np.cumsum(-np.sort(-z[:9], 0), 0), rng.integers(1, 5, rows)
    z[9] = (largest[count - 1, np.arange(rows)] - 1) / count
    order = rng.permutation(rows)
    moved = np.ascontiguousarray(z[:, order])
    compiled(z)
    compiled(moved)
    np.testing.assert_array_equal(moved, z[:, order])


def everywhere(function: Callable[[Vector], Vector], x: NDArray[np.float32]) -> NDArray[np.float32]:
    """A function of a block of registers, which gives what it gives of one at a time."""

    def run(x: NDArray[np.float32], y: NDArray[np.float32], z: NDArray[np.float32]) -> None:
        for i in range(0, x.shape[1], LANES):
            store(y, 0, i, function(load(x, 0, i)))
        for i in range(0, x.shape[1], BLOCK):
            store(z, 0, i, function(load_block(x, 0, i)))

    compiled: Any = numba.njit(run)
    y, z = np.empty_like(x), np.empty_like(x)
    compiled(x, y, z)
    np.testing.assert_array_equal(y, z)
    return y


def ulps(
    function: Callable[[Vector], Vector],
    exact: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    x: NDArray[np.float64],
) -> float:
    """The largest error in units in the last place."""

    single = x[None, : len(x) - len(x) % BLOCK].astype(np.float32)
    y = everywhere(function, single)
    expected = exact(single.astype(np.float64))
    return float(np.max(np.abs(y - expected) / np.spacing(np.abs(expected).astype(np.float32))))


def test_functions_are_as_accurate_as_they_say() -> None:
    rng = np.random.default_rng(0)
    anywhere = np.concatenate([rng.uniform(-87, 86, 1_000_000), rng.normal(0, 3, 1_000_000)])
    assert ulps(functions.exp, np.exp, anywhere) <= 1.01
    logits = np.maximum(anywhere, -86)
    assert ulps(functions.sigmoid, lambda x: 1 / (1 + np.exp(-x)), logits) <= 2.5
    either = 2 ** rng.uniform(-125, 125, 200_000)
    assert ulps(bits.reciprocal, lambda x: 1 / x, either) <= 1
    beyond = np.repeat(np.array([-np.inf, -1e30, -87, 87, 1e30, np.inf]), BLOCK)
    far = everywhere(functions.sigmoid, beyond[None].astype(np.float32))[0, ::BLOCK]
    assert ((far >= 0) & (far <= 1e-37)).tolist() == 3 * [True] + 3 * [False]
    np.testing.assert_array_equal(far[3:], 1)
    positive = np.concatenate([10 ** rng.uniform(-30, 30, 200_000), rng.uniform(0.9, 1.1, 200_000)])
    assert ulps(functions.log, np.log, positive) <= 1
    nothing = np.full((1, BLOCK), np.nan, np.float32)
    for function in (functions.exp, functions.sigmoid, functions.log):
        assert np.isnan(everywhere(function, nothing)).all()


@given(st.integers(0, 50), st.integers(1, 9))
def test_shares_are_even_and_cover_everything(count: int, n_shares: int) -> None:
    spans = shares(count, n_shares)
    assert [i for start, stop in spans for i in range(start, stop)] == list(range(count))
    lengths = [stop - start for start, stop in spans]
    assert max(lengths, default=0) - min(lengths, default=0) <= 1
    assert len(spans) == min(count, n_shares)


@pytest.mark.slow
def test_runs_end_at_torchs_losses() -> None:
    """Rounding drives two runs apart, but not their distribution: 30 seeds, by both engines."""
    seeds, rows, epochs = tuple(range(30)), 1000, 12
    train = Train(seeds=seeds, batch_size=250)
    case = Case(Model(virtual_batch_size=125), train, 6, 2, rows)
    x, _ = case.data()
    y = (np.exp((x[:, :3] ** 2).sum(1) - 3) > 1).astype(np.int64)
    start = initial(case.model, seeds, **case.sizes)
    ends = []
    for engine in (
        KernelEngine(case.model, start, train=train, rows=rows),
        TorchEngine(case.model, start, train=train, device="cpu"),
    ):
        engine.load(x, y)
        for epoch in range(epochs):
            order = np.stack([s.permutation(rows) for s in streams(seeds, epoch)], 1)
            losses = engine.iterate(order, batch_slices(rows, 250), [0.02] * 4)
        ends.append(np.mean(losses, axis=0))  # K x 2, of the last epoch
    ours, theirs = ends
    error = np.sqrt((ours.var(0, ddof=1) + theirs.var(0, ddof=1)) / len(seeds))
    assert (theirs[:, 0] < 0.65).all()
    assert (np.abs(ours.mean(0) - theirs.mean(0)) < 3 * error).all()
