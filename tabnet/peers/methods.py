"""All methods, one after the other on the same rows."""

import math
from collections.abc import Iterator

import torch

from tabnet.kernel.threads import chosen
from tabnet.labelled import Rows
from tabnet.params import Model, Train
from tabnet.peers import boosted_trees, ours, pytorch_tabnet
from tabnet.peers.measured import Measured
from tabnet.weights import Fitted


def measure(
    fitted: Fitted, train: Rows, test: Rows, *, model: Model, settings: Train
) -> Iterator[Measured]:
    """Ours, pytorch-tabnet, and boosted trees.

    On `settings.threads` threads, but for our masks, which take as many as there are cores, and for
    permutations, which take one.

    `train` and `test` are the rows that `fitted` was trained on and is tested with, by `model` and
    `settings`. The peers take the first of its seeds.
    """
    threads = chosen(settings.threads, work=math.inf)
    torch.set_num_threads(threads)
    seed = settings.seeds[0]
    yield from ours.measure(fitted, train, test, model=model, settings=settings)
    yield pytorch_tabnet.measure(train, test, seed=seed)
    yield boosted_trees.measure(train, test, seed=seed, threads=threads)
