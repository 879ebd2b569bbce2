"""Entry points of compiled code: what they are given arrives, and the code is kept between them."""

import inspect
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tabnet.kernel import entry_points
from tabnet.kernel.compiled import compiled
from tabnet.kernel.entry_points import Call, entry_point, source_digest
from tests.imports import ROOT

USES = """
import sys
import numpy as np
from tabnet.explain import explain
from tabnet.params import Model, Train
from tabnet.train import fit
x = np.eye(20, 3, dtype=np.float32)
fitted, _ = fit(x, np.arange(20) % 2, model=Model(), train=Train(seeds=(1, 2), epochs=1))
explain(fitted, x)
print(*sorted({"numba", "torch"} & set(sys.modules)))
"""


class Pair(NamedTuple):
    """Arguments may be nested."""

    whole: NDArray[np.int32]
    real: NDArray[np.float64]


class Given(NamedTuple):
    """One of each kind."""

    yes: bool
    number: int
    share: np.float32
    pair: Pair
    matrix: NDArray[np.float32]
    stack: NDArray[np.float32]
    span: tuple[int, int]


@compiled
def _tell(given: Given, last: bool, told: NDArray[np.float64]) -> None:
    """What arrived: numbers, shapes, and sums in which each element has a weight of its own."""
    told[:] = 0
    told[0], told[1], told[2], told[3] = given.yes, given.number, given.share, last
    told[4], told[5] = given.span
    for i in range(len(given.pair.whole)):
        told[6] += (i + 1) * given.pair.whole[i]
    for i in range(len(given.pair.real)):
        told[7] += (i + 1) * given.pair.real[i]
    for i in range(given.matrix.shape[0]):
        for j in range(given.matrix.shape[1]):
            told[8] += (i + 1) * (j + 2) * given.matrix[i, j]
    for i in range(given.stack.shape[0]):
        for j in range(given.stack.shape[1]):
            for k in range(given.stack.shape[2]):
                told[9] += (i + 1) * (j + 2) * (k + 3) * given.stack[i, j, k]


def _expected(given: Given, last: bool) -> list[float]:
    def weighted(values: NDArray[Any]) -> float:
        weights = [np.arange(n) + axis + 1 for axis, n in enumerate(values.shape)]
        return float((values.astype(float) * reduce(np.multiply.outer, weights)).sum())

    arrays: list[NDArray[Any]] = [*given.pair, given.matrix, given.stack]
    numbers: list[Any] = [given.yes, given.number, given.share, last, *given.span]
    return [*(float(number) for number in numbers), *(weighted(array) for array in arrays)]


class Counted:
    """Finds what is to be compiled, and counts how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def entry_point(self) -> Call:
        def tell() -> Callable[..., None]:
            self.times += 1
            return _tell

        return entry_point(tell)


def _given(seed: int = 0) -> Given:
    rng = np.random.default_rng(seed)
    whole, real = rng.integers(-9, 9, 3, np.int32), rng.normal(size=2)
    single = np.float32
    matrix, stack = rng.normal(size=(2, 3)).astype(single), rng.normal(size=(2, 1, 4))
    return Given(True, 7, single(0.25), Pair(whole, real), matrix, stack.astype(single), (3, 4))


def _told(function: Call, given: Given, last: bool = True) -> list[float]:
    told = np.empty(10)
    function(given, last, told)
    return told.tolist()


@pytest.fixture(scope="module", autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is compiled here is not kept among the kernel's own."""
    place = tmp_path_factory.mktemp("compiled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entry_points, "folder", lambda: place)
        yield


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for compiled code."""
    monkeypatch.setattr(entry_points, "folder", lambda: tmp_path)
    return tmp_path


TELL = Counted().entry_point()
REAL_FOLDER = entry_points.folder


def numbers(dtype: type, n_axes: int) -> st.SearchStrategy[NDArray[Any]]:
    """Small arrays, some without any element, of numbers whose sums are exact."""
    shapes = hnp.array_shapes(min_dims=n_axes, max_dims=n_axes, min_side=0, max_side=4)
    return hnp.arrays(dtype, shapes, elements=st.integers(-100, 100))


@settings(deadline=None)
@given(
    st.builds(
        Given,
        yes=st.booleans(),
        number=st.integers(-(2**52), 2**52),
        share=st.floats(width=32, allow_nan=False, allow_subnormal=False).map(np.float32),
        pair=st.builds(Pair, whole=numbers(np.int32, 1), real=numbers(np.float64, 1)),
        matrix=numbers(np.float32, 2),
        stack=numbers(np.float32, 3),
        span=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    ),
    st.booleans(),
)
def test_what_is_given_arrives(given: Given, last: bool) -> None:
    assert _told(TELL, given, last) == _expected(given, last)
    told = np.empty(10)
    TELL.bound(given).bound(last)(told)
    assert told.tolist() == _expected(given, last)


def test_code_is_compiled_once_and_kept(kept: Path) -> None:
    first, later = Counted(), Counted()
    once = _told(first.entry_point(), _given())
    (file,) = kept.iterdir()
    assert file.name.startswith(f"{__name__}.tell-")
    again = later.entry_point()
    assert _told(again, _given()) == once
    assert _told(again, _given(1)) == pytest.approx(_expected(_given(1), last=True))
    assert (first.times, later.times) == (1, 0)


def test_threads_that_enter_at_once_compile_once(kept: Path) -> None:
    counted = Counted()
    function = counted.entry_point()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda seed: _told(function, _given(seed)), range(8)))
    assert found == [pytest.approx(_expected(_given(seed), last=True)) for seed in range(8)]
    assert counted.times == 1


def test_code_is_of_one_processor(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "other"):
        monkeypatch.setattr(entry_points, "target", lambda name=name: name)
        _told(Counted().entry_point(), _given())
    assert sorted(file.name.rpartition("-")[2] for file in kept.iterdir()) == ["one", "other"]


@pytest.mark.parametrize("name", ["NUMBA_CPU_NAME", "NUMBA_OPT", "NUMBA_LOOP_VECTORIZE"])
def test_code_is_of_numbas_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = inspect.unwrap(entry_points.target)
    before = digest()
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    assert digest() == before
    monkeypatch.setenv(name, "0")
    assert digest() != before


def test_where_nothing_can_be_kept_code_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = tmp_path / "file"
    nowhere.touch()
    monkeypatch.setattr(entry_points, "folder", lambda: nowhere)
    counted = Counted()
    assert _told(counted.entry_point(), _given()) == pytest.approx(_expected(_given(), last=True))
    assert counted.times == 1


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign"])
def test_damaged_code_is_compiled_anew(kept: Path, damage: str) -> None:
    _told(Counted().entry_point(), _given())
    (file,) = kept.iterdir()
    whole = file.read_bytes()
    middle = len(whole) // 2
    flipped = bytes([whole[middle] ^ 1])
    file.write_bytes(
        {
            "cut": whole[:-1],
            "flipped": whole[:middle] + flipped + whole[middle + 1 :],
            "empty": b"",
            "foreign": b"\xff\n" * 100,
        }[damage]
    )
    counted = Counted()
    assert _told(counted.entry_point(), _given()) == pytest.approx(_expected(_given(), last=True))
    assert counted.times == 1
    later = Counted()
    _told(later.entry_point(), _given())
    assert later.times == 0


@compiled
def _squares(x: NDArray[np.float32], y: NDArray[np.float32]) -> None:
    for i in range(len(x)):
        y[i] = x[i] * x[i]


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="not an x86")
def test_subnormal_numbers_are_zero_in_compiled_code_alone() -> None:
    x, y = np.array([1e-30, 1e-22, 1e-18, np.nan], np.float32), np.empty(4, np.float32)
    entry_point(lambda: _squares)(x, y)
    assert y[:2].tolist() == [0, 0]
    np.testing.assert_array_equal(y[2:], x[2:] * x[2:])
    assert (x * x)[1] > 0


@pytest.mark.parametrize(
    "changed",
    [
        _given()._replace(number=True),
        _given()._replace(matrix=np.ones((2, 3))),  # type: ignore[arg-type]
        _given()._replace(span=(True, 4)),
    ],
)
def test_other_types_have_code_of_their_own(kept: Path, changed: Given) -> None:
    """Those that come first do not decide for the others."""
    counted = Counted()
    function = counted.entry_point()
    for each in (changed, _given(), changed):
        assert _told(function, each) == pytest.approx(_expected(each, last=True))
    assert counted.times == len([*kept.iterdir()]) == 2


@pytest.mark.parametrize(
    "changed",
    [
        _given()._replace(matrix=np.zeros((3, 2), np.float32).T),
        _given()._replace(share=0.25),  # type: ignore[arg-type]
        _given()._replace(share=None),  # type: ignore[arg-type]
    ],
)
def test_what_compiled_code_would_misread_does_not_enter(changed: Given) -> None:
    with pytest.raises(TypeError, match="however"):
        _told(TELL, changed)


def test_numbas_own_functions_cannot_be_called(kept: Path) -> None:
    """They would not be there when LLVM alone loads the code."""

    @compiled
    def reshaped(x: NDArray[np.float32]) -> None:
        x.reshape(len(x) // 2, 2)[0, 0] = 1

    with pytest.raises(TypeError, match="numba_attempt_nocopy_reshape"):
        entry_point(lambda: reshaped)(np.zeros(4, np.float32))


def test_code_is_kept_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert REAL_FOLDER() == tmp_path / f"kernel-{source_digest()}"


def test_what_is_compiled_runs_without_the_compiler() -> None:
    """A process that trains and explains with code that is kept imports neither Numba nor torch."""
    subprocess.run([sys.executable, "-m", "tabnet.kernel"], cwd=ROOT, check=True)
    told = subprocess.run(
        [sys.executable, "-c", USES], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert told.stdout == "\n"
