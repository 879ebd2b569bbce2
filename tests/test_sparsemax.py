"""The mask functions against the entmax package, and their laws."""

from collections.abc import Callable

import entmax
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tabnet.sparsemax import MASKS, entmax15, sparsemax

Mask = Callable[..., Tensor]
ORACLES: dict[str, Mask] = {"sparsemax": entmax.sparsemax, "entmax15": entmax.entmax15}
names = pytest.mark.parametrize("name", MASKS)
seeds = st.integers(0, 2**32 - 1)


def logits(seed: int, *, rows: int = 64, width: int = 12, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(rows, width, generator=generator, dtype=torch.float64)


@names
@pytest.mark.parametrize("scale", [1e-12, 1e-3, 0.3, 1.0, 5.0, 100.0, 1e6])
@pytest.mark.parametrize("width", [1, 2, 3, 10, 200])
def test_agrees_with_the_entmax_package(name: str, scale: float, width: int) -> None:
    z = logits(3, width=width, scale=scale)
    torch.testing.assert_close(MASKS[name](z), ORACLES[name](z), atol=1e-9, rtol=0)


@names
def test_gradient_is_that_of_the_entmax_package(name: str) -> None:
    weights = logits(5)
    ours, theirs = (logits(4).requires_grad_() for _ in range(2))
    (MASKS[name](ours) * weights).sum().backward()
    (ORACLES[name](theirs) * weights).sum().backward()
    assert ours.grad is not None
    torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-9, rtol=0)


@names
def test_gradcheck(name: str) -> None:
    assert torch.autograd.gradcheck(MASKS[name], logits(6, rows=8, width=6).requires_grad_())


@names
def test_along_any_dimension(name: str) -> None:
    z = logits(10).view(4, 16, 12)
    for dim in (0, 1):
        along = MASKS[name](z.transpose(dim, 2)).transpose(dim, 2)
        torch.testing.assert_close(MASKS[name](z, dim), along)


@names
@given(seed=seeds, exponent=st.integers(-30, 30), width=st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_rows_lie_on_the_simplex_at_any_scale(
    name: str, seed: int, exponent: int, width: int
) -> None:
    z = logits(seed, width=width, scale=10.0**exponent).float()
    p = MASKS[name](z)
    assert (p >= 0).all()
    torch.testing.assert_close(p.sum(-1), torch.ones(len(z)), atol=1e-5, rtol=0)


@names
@given(seed=seeds, shift=st.floats(-100, 100))
@settings(max_examples=30, deadline=None)
def test_a_shift_of_all_logits_changes_nothing(name: str, seed: int, shift: float) -> None:
    z = logits(seed)
    torch.testing.assert_close(MASKS[name](z + shift), MASKS[name](z), atol=1e-9, rtol=0)


@names
@given(seed=seeds)
@settings(max_examples=30, deadline=None)
def test_permuting_the_logits_permutes_the_mask(name: str, seed: int) -> None:
    z = logits(seed)
    order = torch.randperm(z.shape[-1], generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(MASKS[name](z[:, order]), MASKS[name](z)[:, order])


@names
def test_equal_logits_share_equally_and_a_far_larger_one_takes_all(name: str) -> None:
    torch.testing.assert_close(MASKS[name](torch.zeros(5)), torch.full((5,), 0.2))
    assert MASKS[name](torch.tensor([0.0, 1e30, -1e30])).tolist() == [0, 1, 0]


@names
def test_the_input_is_left_as_it_is(name: str) -> None:
    z = logits(7)
    before = z.clone()
    MASKS[name](z)
    assert torch.equal(z, before)


def test_sparsemax_is_the_euclidean_projection() -> None:
    # The projection's condition: <z - p, q - p> <= 0 for every q on the simplex, so at its corners.
    z = logits(8)
    p = sparsemax(z)
    residual = z - p
    at_corners = residual - (residual * p).sum(-1, keepdim=True)
    assert at_corners.max() <= 1e-9


def test_entmax15_is_denser_than_sparsemax() -> None:
    z = logits(9)
    assert (entmax15(z) > 0).sum() > (sparsemax(z) > 0).sum()
