"""What compiled code knows of a network: its sizes, and where in flat vectors its tensors lie."""

from collections.abc import Iterator, Mapping
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tabnet import layout
from tabnet.params import Model

Floats = NDArray[np.float32]
Offsets = NDArray[np.int64]


class Plan(NamedTuple):
    """Sizes and offsets; T = S + 1 feature transformers of L layers.

    In training the norms' statistics are those of a ghost batch, in evaluation the running ones.

    Offsets are into one seed's parameters or, where so named, its running statistics. A norm's
    weights are followed by its biases, its means by its variances.
    """

    training: bool
    n_features: int
    n_d: int
    n_a: int
    n_classes: int
    gamma: np.float32
    entmax: bool
    n_statistics: int
    output: int
    input_norm: int
    input_statistics: int
    glu: Offsets  # T x L
    glu_norm: Offsets  # T x L
    glu_statistics: Offsets  # T x L
    attention: Offsets  # S
    attention_norm: Offsets  # S
    attention_statistics: Offsets  # S


def plan(model: Model, *, n_features: int, n_classes: int, training: bool) -> Plan:
    """The plan of a model's networks."""
    at = offsets(layout.parameters(model, n_features=n_features, n_classes=n_classes))
    running = offsets(shapes := layout.statistics(model, n_features=n_features))
    layers = [
        [(t, layer) for layer in range(model.n_shared + model.n_independent)]
        for t in range(model.n_steps + 1)
    ]
    norms = [[layout.glu_norm_name(*place) for place in row] for row in layers]
    attention_norms = [layout.attention_norm_name(s) for s in range(model.n_steps)]
    return Plan(
        training=training,
        n_features=n_features,
        n_d=model.n_d,
        n_a=model.n_a,
        n_classes=n_classes,
        gamma=np.float32(model.gamma),
        entmax=model.mask_type == "entmax15",
        n_statistics=size(shapes),
        output=at["output"],
        input_norm=at["input_norm.weight"],
        input_statistics=running["input_norm.running_mean"],
        glu=np.array([[at[layout.glu_name(model, *place)] for place in row] for row in layers]),
        glu_norm=np.array([[at[f"{norm}.weight"] for norm in row] for row in norms]),
        glu_statistics=np.array(
            [[running[f"{norm}.running_mean"] for norm in row] for row in norms]
        ),
        attention=np.array([at[layout.attention_name(s)] for s in range(model.n_steps)]),
        attention_norm=np.array([at[f"{norm}.weight"] for norm in attention_norms]),
        attention_statistics=np.array([running[f"{n}.running_mean"] for n in attention_norms]),
    )


def size(shapes: layout.Shapes) -> int:
    """How many numbers tensors of these shapes have."""
    return sum(map(prod, shapes.values()))


def offsets(shapes: layout.Shapes) -> dict[str, int]:
    """Where each tensor starts when they lie one after the other."""
    stops = np.cumsum([prod(shape) for shape in shapes.values()])
    return {name: int(stop) - prod(shapes[name]) for name, stop in zip(shapes, stops, strict=True)}


def views(flat: Floats, shapes: layout.Shapes) -> Iterator[tuple[str, Floats]]:
    """The tensors within `flat` (K x P), by name, each with a leading K."""
    for name, start in offsets(shapes).items():
        part = flat[:, start : start + prod(shapes[name])]
        yield name, part.reshape(len(flat), *shapes[name])


def pack(weights: Mapping[str, Floats], shapes: layout.Shapes) -> Floats:
    """Tensors with a leading K side by side, K x P."""
    parts = [np.reshape(weights[name], (len(weights[name]), -1)) for name in shapes]
    return np.ascontiguousarray(np.concatenate(parts, 1), dtype=np.float32)
