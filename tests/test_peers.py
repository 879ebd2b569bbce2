"""Our weights in pytorch-tabnet's network: two implementations, one function."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_tabnet.tab_network import TabNetNoEmbeddings
from torch import Tensor, nn

from tabnet.model import TabNet
from tabnet.params import Model
from tests.networks import initialise

CONFIGURATIONS = 20
TOLERANCE = 1e-9


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    # The peer adds its raw aggregate up in torch's default type, whatever the network's.
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@dataclass(frozen=True)
class Case:
    model: Model
    n_features: int
    n_classes: int
    seed: int


def random_case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    n_shared, n_independent = [(2, 2), (1, 3), (0, 2), (3, 0), (1, 1)][seed % 5]
    model = Model(
        n_d=int(rng.integers(1, 13)),
        n_a=int(rng.integers(1, 13)),
        n_steps=int(rng.integers(1, 6)),
        gamma=float(rng.uniform(1, 2)),
        n_independent=n_independent,
        n_shared=n_shared,
        virtual_batch_size=16,
        mask_type="entmax15" if seed % 4 == 3 else "sparsemax",
    )
    return Case(model, int(rng.integers(2, 25)), int(rng.integers(2, 5)), seed)


def ours(case: Case) -> TabNet:
    """Random weights, affine parameters and running statistics included."""
    net = TabNet(case.model, n_features=case.n_features, n_classes=case.n_classes, n_seeds=1)
    initialise(net, [case.seed])
    rng = np.random.default_rng(1000 + case.seed)
    for name, tensor in net.state_dict().items():
        if "norm" in name:
            low, high = (-1.0, 1.0) if name.endswith(("bias", "mean")) else (0.5, 2.0)
            tensor.copy_(torch.from_numpy(rng.uniform(low, high, tensor.shape)))
    return net


Pair = tuple[Tensor, Tensor]


def children(modules: nn.ModuleList) -> list[Any]:
    return list(modules)


def norm_pairs(norm: nn.Module, other: nn.Module, kind: str) -> Iterator[Pair]:
    names = ("weight", "bias") if kind == "parameters" else ("running_mean", "running_var")
    for name in names:
        yield getattr(norm, name), getattr(other, name)


def pairs(net: TabNet, peer: TabNetNoEmbeddings, kind: str) -> Iterator[Pair]:
    """Our tensor and the peer's for every parameter or buffer; shared weights more than once."""
    encoder = peer.encoder
    weights: list[Pair] = [(net.output, peer.final_mapping.weight)]
    yield from norm_pairs(net.input_norm, encoder.initial_bn, kind)
    transformers = [encoder.initial_splitter, *encoder.feat_transformers]
    for transformer, other in zip(children(net.transformers), transformers, strict=True):
        blocks = (other.shared, other.specifics)
        layers = [layer for block in blocks for layer in getattr(block, "glu_layers", [])]
        ours = [*net.shared, *transformer.independent]
        weights += [(w, layer.fc.weight) for w, layer in zip(ours, layers, strict=True)]
        for norm, layer in zip(transformer.norms, layers, strict=True):
            yield from norm_pairs(norm, layer.bn.bn, kind)
    for attention, other in zip(children(net.attention), encoder.att_transformers, strict=True):
        weights.append((attention.weight, other.fc.weight))
        yield from norm_pairs(attention.norm, other.bn.bn, kind)
    if kind == "parameters":
        yield from weights


def as_peer(tensor: Tensor) -> Tensor:
    """Without the seed dimension; weights as output x input."""
    return tensor[0].T if tensor.dim() == 3 else tensor[0]


def theirs(case: Case, net: TabNet) -> TabNetNoEmbeddings:
    model = case.model
    peer = TabNetNoEmbeddings(
        case.n_features,
        case.n_classes,
        n_d=model.n_d,
        n_a=model.n_a,
        n_steps=model.n_steps,
        gamma=model.gamma,
        n_independent=model.n_independent,
        n_shared=model.n_shared,
        virtual_batch_size=model.virtual_batch_size,
        mask_type="entmax" if model.mask_type == "entmax15" else "sparsemax",
    )
    with torch.no_grad():
        for kind in ("parameters", "buffers"):
            for tensor, other in pairs(net, peer, kind):
                other.copy_(as_peer(tensor))
    return peer


def rows(case: Case, count: int) -> Tensor:
    rng = np.random.default_rng(2000 + case.seed)
    return torch.from_numpy(rng.standard_normal((count, case.n_features)) * 2)


def close(a: Tensor, b: Tensor) -> None:
    assert a.shape == b.shape
    assert (a - b).abs().max().item() <= TOLERANCE * max(1.0, b.abs().max().item())


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_evaluation_agrees_with_pytorch_tabnet(seed: int) -> None:
    case = random_case(seed)
    net = ours(case).eval()
    peer = theirs(case, net).eval()
    x = rows(case, 50)
    with torch.no_grad():
        logits, entropy = net(x[:, None])
        steps = list(net.steps(x[:, None]))
        peer_logits, peer_loss = peer(x)
        peer_aggregate, peer_masks = peer.forward_masks(x)
    close(logits[:, 0], peer_logits)
    close(entropy[0], -peer_loss)
    for s, step in enumerate(steps):
        close(step.mask[:, 0], peer_masks[s])
    parts = [step.decision.sum(-1, keepdim=True) * step.mask for step in steps]
    aggregate = torch.stack(parts).sum(0)
    close(aggregate[:, 0], peer_aggregate)


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_training_gradients_agree_with_pytorch_tabnet(seed: int) -> None:
    case = random_case(seed)
    net = ours(case).train()
    peer = theirs(case, net).train()
    x = rows(case, 48)  # three ghost batches of 16
    labels = torch.arange(48) % case.n_classes
    logits, entropy = net(x[:, None])
    peer_logits, peer_loss = peer(x)
    close(logits[:, 0], peer_logits)
    close(entropy[0], -peer_loss)
    (nn.functional.cross_entropy(logits[:, 0], labels) + 0.01 * entropy[0]).backward()
    (nn.functional.cross_entropy(peer_logits, labels) - 0.01 * peer_loss).backward()
    for parameter, other in pairs(net, peer, "parameters"):
        assert parameter.grad is not None
        assert other.grad is not None
        close(as_peer(parameter.grad), other.grad)
