"""What an explainer computes, whatever it computes with."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Masks(NamedTuple):
    """The masks and predictions of B rows by K seeds.

    `aggregate` is divided by its rows' sums, `total`. `steps` has no rows unless asked for.
    """

    aggregate: Floats  # K x B x D
    total: Floats  # K x B
    probability: Floats  # K x B x C
    steps: Floats  # K x S x B x D


def normalise(mask: Floats) -> tuple[Floats, Floats]:
    """Divide each row of a mask (... x D) by its sum; also the sums (...). A row of 0 stays 0."""
    total = mask.sum(-1, keepdims=True)
    normalised = np.divide(mask, total, out=np.zeros_like(mask), where=total > 0)
    return normalised, total[..., 0]
