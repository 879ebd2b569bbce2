"""Networks in torch as a training starts with them."""

from collections.abc import Sequence

import torch

from tabnet.model import TabNet
from tabnet.weights import initial


def initialise(network: TabNet, seeds: Sequence[int]) -> None:
    """Give each seed the weights that it starts from (`tabnet.weights.initial`)."""
    n_features, (_, _, n_classes) = network.input_norm.weight.shape[1], network.output.shape
    start = initial(network.model, seeds, n_features=n_features, n_classes=n_classes)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in start.items()})
