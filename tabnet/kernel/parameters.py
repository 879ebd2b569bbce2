"""Where a seed's flat parameters have a layer's."""

import numpy as np
from numpy.typing import NDArray

from tabnet.kernel.compiled import inlined
from tabnet.kernel.memory import matrix
from tabnet.kernel.plan import Plan

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]


@inlined
def glu_weights(parameters: Floats, plan: Plan, t: int, layer: int) -> Matrix:
    """The weights of a GLU layer, or their gradient."""
    width = plan.n_d + plan.n_a
    n_in = width if layer else plan.n_features
    weights: Matrix = matrix(parameters, plan.glu[t, layer], n_in, 2 * width)
    return weights


@inlined
def glu_norm(parameters: Floats, plan: Plan, t: int, layer: int) -> Matrix:
    """The weights and biases of a GLU layer's norm, or their gradients."""
    norm: Matrix = matrix(parameters, plan.glu_norm[t, layer], 2, 2 * (plan.n_d + plan.n_a))
    return norm
