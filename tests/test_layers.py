"""Ghost batch norm against batch norm written out, and how batches are split."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tabnet.fused import EPS
from tabnet.ghosts import ghost_batches
from tabnet.layers import AttentiveTransformer, GhostBatchNorm, linear


def activations(rows: int, *, n_seeds: int = 3, width: int = 4, seed: int = 0) -> Tensor:
    """K x F x B."""
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(n_seeds, width, rows, generator=generator, dtype=torch.float64) + 1


def norm(*, virtual: int | None, momentum: float = 0.1) -> GhostBatchNorm:
    layer = GhostBatchNorm(3, 4, virtual_batch_size=virtual, momentum=momentum).double()
    generator = torch.Generator().manual_seed(1)
    for parameter in layer.parameters():
        parameter.data = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    return layer.train()


@given(rows=st.integers(1, 5000), virtual=st.integers(2, 600))
def test_ghost_batches_cover_the_rows_evenly(rows: int, virtual: int) -> None:
    groups = ghost_batches(rows, virtual)
    sizes = [size for count, size in groups for _ in range(count)]
    assert sum(sizes) == rows
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= min(rows, 2)
    assert max(sizes) <= max(virtual, 3)


@pytest.mark.parametrize("virtual", [None, 24, 1000])
def test_one_ghost_batch_is_batch_norm(virtual: int | None) -> None:
    x = activations(24)
    ours = norm(virtual=virtual)
    for k in range(3):
        theirs = nn.BatchNorm1d(4, momentum=0.1, eps=EPS).double()
        theirs.weight.data, theirs.bias.data = ours.weight[k].data, ours.bias[k].data
        torch.testing.assert_close(ours(x)[k], theirs(x[k].T).T)
    fresh = norm(virtual=virtual)
    fresh(x)
    torch.testing.assert_close(fresh.running_mean[2], theirs.running_mean)
    torch.testing.assert_close(fresh.running_var[2], theirs.running_var)


@pytest.mark.parametrize(("rows", "virtual"), [(24, 8), (25, 8), (7, 2), (5, 4), (2, 2)])
def test_every_ghost_batch_is_normalised_by_itself(rows: int, virtual: int) -> None:
    x = activations(rows)
    ours = norm(virtual=virtual)
    y = ours(x)
    start = 0
    for count, size in ghost_batches(rows, virtual):
        for _ in range(count):
            part = slice(start, start + size)
            z = x[..., part] - x[..., part].mean(-1, keepdim=True)
            z = z / (x[..., part].var(-1, unbiased=False, keepdim=True) + EPS).sqrt()
            expected = z * ours.weight[..., None] + ours.bias[..., None]
            torch.testing.assert_close(y[..., part], expected)
            start += size


def test_running_statistics_are_the_ghost_batches_average() -> None:
    x = activations(24)
    layer = norm(virtual=8, momentum=0.1)
    layer(x)
    ghosts = x.view(3, 4, 3, 8)  # K x F x G x V
    momentum = 1 - 0.9**3
    torch.testing.assert_close(layer.running_mean, momentum * ghosts.mean(-1).mean(-1))
    var = ghosts.var(-1).mean(-1)
    torch.testing.assert_close(layer.running_var, 1 - momentum + momentum * var)


def test_evaluation_uses_the_running_statistics_row_by_row() -> None:
    layer = norm(virtual=8)
    layer(activations(24))
    layer.eval()
    x = activations(5, seed=2)
    scale = layer.weight / (layer.running_var + EPS).sqrt()
    mean, bias = layer.running_mean[..., None], layer.bias[..., None]
    torch.testing.assert_close(layer(x), (x - mean) * scale[..., None] + bias)
    torch.testing.assert_close(layer(x[..., :1]), layer(x)[..., :1])


def test_linear_multiplies_each_seed_by_its_own_weights() -> None:
    x = activations(5)
    weight = activations(6, seed=3)  # K x I x O
    torch.testing.assert_close(linear(x, weight), torch.einsum("kib,kio->kob", x, weight))


def test_without_relaxation_a_feature_that_is_used_up_seldom_comes_again() -> None:
    """It has a logit of 0, and is chosen only where no other feature's is above its own."""
    transformer = AttentiveTransformer(
        GhostBatchNorm(1, 2, virtual_batch_size=None, momentum=0.1),
        torch.eye(2)[None],
        mask_type="sparsemax",
        gamma=1.0,
    ).eval()
    x = torch.ones(1, 2, 1)

    def looks_at(logits: list[float], prior: Tensor | None) -> tuple[list[float], Tensor]:
        mask, _, left = transformer(torch.tensor(logits)[None, :, None], x, prior)
        return mask[0, :, 0].tolist(), left

    mask, left = looks_at([9.0, 0.0], None)
    assert mask == [1, 0]
    assert left[0, :, 0].tolist() == [0, 1]
    assert looks_at([9.0, 1.01], left)[0] == [0, 1]
    assert looks_at([9.0, -1.01], left)[0] == [1, 0]
