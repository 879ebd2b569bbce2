"""Laws of the network: simplex, permutation of features, independence of seeds and of rows."""

import math

import pytest
import torch
from torch import Tensor

from tabnet.model import TabNet
from tabnet.params import Model
from tests.networks import initialise

K, D, C = 3, 6, 2


def network(model: Model | None = None, *, seeds: tuple[int, ...] = (1, 2, 3)) -> TabNet:
    net = TabNet(model or Model(), n_features=D, n_classes=C, n_seeds=len(seeds))
    initialise(net, seeds)
    return net.double()


def rows(count: int = 64, *, n_seeds: int = K) -> Tensor:
    x = torch.randn(count, D, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return x[:, None].expand(-1, n_seeds, -1)


@pytest.mark.parametrize("mask_type", ["sparsemax", "entmax15"])
@pytest.mark.parametrize("training", [True, False])
def test_masks_lie_on_the_simplex(mask_type: str, training: bool) -> None:
    net = network(Model.model_validate({"mask_type": mask_type})).train(training)
    steps = list(net.steps(rows()))
    assert len(steps) == net.n_steps
    for step in steps:
        assert (step.mask >= 0).all()
        torch.testing.assert_close(step.mask.sum(-1), torch.ones(64, K, dtype=torch.float64))
        assert (step.decision >= 0).all()


def test_permuting_features_permutes_masks_and_nothing_else() -> None:
    net, permuted = network(), network()
    order = torch.randperm(D, generator=torch.Generator().manual_seed(1))
    state = net.state_dict()
    for name, tensor in state.items():
        if name == "shared.0":  # K x D x O
            state[name] = tensor[:, order]
        elif name.startswith(("attention", "input_norm")):  # ... x D
            state[name] = tensor[..., order]
    permuted.load_state_dict(state)
    for ours, theirs in zip(net.steps(rows()), permuted.steps(rows()[..., order]), strict=True):
        torch.testing.assert_close(ours.mask[..., order], theirs.mask)
        torch.testing.assert_close(ours.decision, theirs.decision)


@pytest.mark.parametrize("training", [True, False])
def test_a_seed_among_many_is_that_seed_alone(training: bool) -> None:
    together = network(seeds=(1, 2, 3)).train(training)
    logits, entropy = together(rows())
    for k, seed in enumerate((1, 2, 3)):
        alone = network(seeds=(seed,)).train(training)
        logits_alone, entropy_alone = alone(rows(n_seeds=1))
        torch.testing.assert_close(logits[:, k], logits_alone[:, 0])
        torch.testing.assert_close(entropy[k], entropy_alone[0])


def test_a_seeds_gradient_does_not_see_the_others() -> None:
    net = network()
    logits, _ = net(rows())
    logits[:, 1].square().sum().backward()
    for parameter in net.parameters():
        assert parameter.grad is not None
        assert (parameter.grad[[0, 2]] == 0).all()
        assert (parameter.grad[1] != 0).any()


def test_a_row_in_evaluation_does_not_see_the_others() -> None:
    net = network().eval()
    logits, _ = net(rows())
    torch.testing.assert_close(net(rows()[5:6])[0], logits[5:6])


def test_entropy_is_zero_for_one_feature_and_at_most_log_d() -> None:
    _, entropy = network()(rows())
    assert ((entropy > 0) & (entropy < math.log(D))).all()
    single = TabNet(Model(), n_features=1, n_classes=C, n_seeds=1)
    initialise(single, [1])
    assert abs(single(torch.randn(8, 1, 1))[1].item()) < 1e-6


@pytest.mark.parametrize(("n_steps", "thousands"), [(4, 26), (5, 31)])
def test_parameter_count_is_the_papers(n_steps: int, thousands: int) -> None:
    model = Model(n_d=16, n_a=16, n_steps=n_steps, n_shared=2, n_independent=2)
    net = TabNet(model, n_features=11, n_classes=2, n_seeds=1)
    assert sum(p.numel() for p in net.parameters()) // 1000 == thousands


def test_initial_weights_have_the_peers_spread() -> None:
    net = TabNet(Model(n_d=64, n_a=64), n_features=100, n_classes=2, n_seeds=1)
    initialise(net, [1])
    glu = (100 + 256) / math.sqrt(100)  # Xavier with pytorch-tabnet's gain, squared
    assert net.shared[0].std().item() == pytest.approx(math.sqrt(glu * 2 / (100 + 256)), rel=0.02)
    plain = (64 + 2) / math.sqrt(4 * 64)
    assert net.output.std().item() == pytest.approx(math.sqrt(plain * 2 / (64 + 2)), rel=0.2)
