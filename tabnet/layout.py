"""The names and shapes of a TabNet's parameters and running statistics, without the network."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from tabnet.params import Model

Shapes = dict[str, tuple[int, ...]]


def parameters(model: Model, *, n_features: int, n_classes: int) -> Shapes:
    """One seed's parameters, in the order of `TabNet.parameters()`."""
    width = model.n_d + model.n_a
    n_layers = model.n_shared + model.n_independent

    def glu(layer: int) -> tuple[int, int]:
        return width if layer else n_features, 2 * width

    shapes: Shapes = {"output": (model.n_d, n_classes)}
    shapes |= _affine("input_norm", n_features)
    shapes |= {glu_name(model, 0, layer): glu(layer) for layer in range(model.n_shared)}
    for t in range(model.n_steps + 1):
        for layer in range(n_layers):
            shapes |= _affine(glu_norm_name(t, layer), 2 * width)
        for layer in range(model.n_shared, n_layers):
            shapes[glu_name(model, t, layer)] = glu(layer)
    for s in range(model.n_steps):
        shapes[attention_name(s)] = (model.n_a, n_features)
        shapes |= _affine(attention_norm_name(s), n_features)
    return shapes


def statistics(model: Model, *, n_features: int) -> Shapes:
    """One seed's running means and variances, the two of a norm next to each other."""
    width = model.n_d + model.n_a
    names = {"input_norm": n_features}
    for t in range(model.n_steps + 1):
        for layer in range(model.n_shared + model.n_independent):
            names[glu_norm_name(t, layer)] = 2 * width
    for s in range(model.n_steps):
        names[attention_norm_name(s)] = n_features
    return dict(_running(names))


def sizes(weights: Mapping[str, NDArray[np.float32]]) -> tuple[int, int]:
    """The numbers of features and of classes of weights by name, each with a leading K."""
    return weights["input_norm.weight"].shape[-1], weights["output"].shape[-1]


def glu_name(model: Model, transformer: int, layer: int) -> str:
    """The weights of a GLU layer; the first `n_shared` layers have theirs in common."""
    if layer < model.n_shared:
        return f"shared.{layer}"
    return f"transformers.{transformer}.independent.{layer - model.n_shared}"


def glu_norm_name(transformer: int, layer: int) -> str:
    """The norm of a GLU layer."""
    return f"transformers.{transformer}.norms.{layer}"


def attention_name(step: int) -> str:
    """The weights of a step's attentive transformer."""
    return f"attention.{step}.weight"


def attention_norm_name(step: int) -> str:
    """The norm of a step's attentive transformer."""
    return f"attention.{step}.norm"


def _affine(norm: str, width: int) -> Shapes:
    return {f"{norm}.weight": (width,), f"{norm}.bias": (width,)}


def _running(widths: dict[str, int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for norm, width in widths.items():
        yield f"{norm}.running_mean", (width,)
        yield f"{norm}.running_var", (width,)
