"""Training's fused operations against their formulas written out and finite differences."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck
from torch.nn import functional as F

from tabnet.fused import EPS, SQRT_HALF, Affine, attend, entropy, transform
from tabnet.sparsemax import FORMULAS, MASKS

K, D, WIDTH, B, COUNT = 2, 3, 4, 12, 2
GAMMA = 1.3
masks = pytest.mark.parametrize("mask_type", MASKS)


def drawn(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()


def affine_of(width: int, seed: int) -> Affine:
    return drawn(K * width * COUNT, seed=seed), drawn(K * width * COUNT, seed=seed + 50)


def norm(x: Tensor, affine: Affine) -> Tensor:
    """Each run of rows by itself, written out."""
    runs = x.reshape(-1, x.shape[-1] // COUNT)  # K F G x V
    z = (runs - runs.mean(1, keepdim=True)) / (
        runs.var(1, unbiased=False, keepdim=True) + EPS
    ).sqrt()
    return (affine[0][:, None] * z + affine[1][:, None]).view(x.shape)


def written_out(x: Tensor, weights: Sequence[Tensor], affine: Sequence[Affine]) -> Tensor:
    for layer, (w, norm_of_layer) in enumerate(zip(weights, affine, strict=True)):
        y = F.glu(norm(w.transpose(1, 2) @ x, norm_of_layer), 1)
        x = (x + y) * SQRT_HALF if layer else y
    return x


def attention_written_out(
    a: Tensor, x: Tensor, prior: Tensor | None, w: Tensor, affine: Affine, *, mask_type: str
) -> tuple[Tensor, Tensor, Tensor]:
    z = norm(w.transpose(1, 2) @ a, affine)
    prior = torch.ones_like(z) if prior is None else prior
    mask = MASKS[mask_type](prior * z, 1)
    return mask, mask * x, prior * (GAMMA - mask)


def layers() -> tuple[Tensor, list[Tensor], list[Affine]]:
    widths = [D, WIDTH, WIDTH]
    weights = [drawn(K, width, 2 * WIDTH, seed=10 + i) for i, width in enumerate(widths)]
    return drawn(K, D, B, seed=0), weights, [affine_of(2 * WIDTH, seed=20 + i) for i in range(3)]


def attention(*, first: bool) -> tuple[Tensor, Tensor, Tensor | None, Tensor, Affine]:
    prior = None if first else drawn(K, D, B, seed=3)
    x = drawn(K, D, B, seed=2)
    return drawn(K, WIDTH, B, seed=1), x, prior, drawn(K, WIDTH, D, seed=4), affine_of(D, seed=5)


def leaves(*values: object) -> list[Tensor]:
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += leaves(*value)
    return found


def same(ours: Sequence[Tensor], theirs: Sequence[Tensor], inputs: Sequence[Tensor]) -> None:
    """Values and gradients of a random sum of them."""
    for value, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(value, expected)
    sums = [
        sum((v * drawn(*v.shape, seed=i)).sum() for i, v in enumerate(vs)) for vs in (ours, theirs)
    ]
    grads = [torch.autograd.grad(total, inputs) for total in sums]  # type: ignore[arg-type]
    for grad, expected in zip(*grads, strict=True):
        torch.testing.assert_close(grad, expected)


def test_transform_is_its_formula() -> None:
    x, weights, affine = layers()
    y, seen = transform(x, weights, affine)
    same([y], [written_out(x, weights, affine)], leaves(x, weights, affine))
    h = (weights[0].transpose(1, 2) @ x).reshape(-1, B // COUNT)
    torch.testing.assert_close(seen[0][0].flatten(), h.mean(1))
    torch.testing.assert_close(seen[0][1].flatten(), (h.var(1, unbiased=False) + EPS).rsqrt())
    assert len(seen) == len(weights)


@masks
@pytest.mark.parametrize("first", [True, False])
def test_attention_is_its_formula(mask_type: str, *, first: bool) -> None:
    inputs = attention(first=first)
    *ours, _ = attend(*inputs, gamma=GAMMA, formula=FORMULAS[mask_type])
    theirs = attention_written_out(*inputs, mask_type=mask_type)
    same(ours, theirs, leaves(*inputs))


@pytest.mark.parametrize("used", range(3))
def test_attention_has_a_gradient_when_only_one_result_is_used(used: int) -> None:
    inputs = attention(first=False)
    ours = attend(*inputs, gamma=GAMMA, formula=FORMULAS["entmax15"])
    theirs = attention_written_out(*inputs, mask_type="entmax15")
    a, _, prior, *_ = inputs
    same([ours[used]], [theirs[used]], leaves(a, prior))  # type: ignore[list-item]


def test_entropy_is_its_formula() -> None:
    mask = torch.rand(K, D, B, dtype=torch.float64).requires_grad_()
    expected = -(mask * torch.log(mask + 1e-15)).sum((1, 2))
    same([entropy(mask, 1e-15)], [expected], [mask])


@pytest.mark.parametrize("most_runs", [5, 65535])
def test_gradients_are_finite_differences(most_runs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tabnet.fused.MOST_RUNS", most_runs)
    x, weights, affine = layers()
    assert gradcheck(
        lambda x, *rest: transform(x, rest[:3], list(zip(rest[3::2], rest[4::2], strict=True)))[0],
        leaves(x, weights, affine),
    )
    mask = torch.rand(K, D, B, dtype=torch.float64).requires_grad_()
    assert gradcheck(lambda mask: entropy(mask, 1e-15), [mask])


@masks
@pytest.mark.parametrize("first", [True, False])
def test_gradients_of_attention_are_finite_differences(mask_type: str, *, first: bool) -> None:
    a, x, prior, w, affine = attention(first=first)

    def run(a: Tensor, x: Tensor, w: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        prior = None if first else rest[2]
        found = attend(a, x, prior, w, (rest[0], rest[1]), gamma=GAMMA, formula=FORMULAS[mask_type])
        return found[:3]

    assert gradcheck(run, leaves(a, x, w, affine, prior))


def test_a_second_derivative_is_refused() -> None:
    x, weights, affine = layers()
    y, _ = transform(x, weights, affine)
    (grad,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()
