"""The CPU's explainer: trained networks over rows in compiled code, spread over threads."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tabnet import layout
from tabnet.kernel.entry_points import entry_point
from tabnet.kernel.plan import pack, plan
from tabnet.kernel.tape import TILE_ROWS, tape
from tabnet.kernel.threads import Threads, shares
from tabnet.masks import Masks
from tabnet.params import Model

Floats = NDArray[np.float32]


@entry_point
def explain_rows() -> Callable[..., None]:
    """Compiled code: `tabnet.kernel.explanation.explain_rows`."""
    from tabnet.kernel.explanation import explain_rows

    return explain_rows


class KernelExplainer:
    """Computes what `tabnet.torch_explainer.TorchExplainer` computes.

    `weights` are parameters and running statistics by name, each with a leading K.
    """

    def __init__(
        self, model: Model, weights: Mapping[str, Floats], *, n_features: int, threads: int
    ) -> None:
        n_classes = weights["output"].shape[-1]
        self.plan = plan(model, n_features=n_features, n_classes=n_classes, training=False)
        parameters = layout.parameters(model, n_features=n_features, n_classes=n_classes)
        statistics = layout.statistics(model, n_features=n_features)
        self.parameters = pack(weights, parameters)
        given = (self.plan, self.parameters, pack(weights, statistics))
        self.threads = Threads(threads)
        self._calls = [
            explain_rows.bound(*given, tape(self.plan, TILE_ROWS)) for _ in range(threads)
        ]

    def __call__(self, x: Floats, *, steps: bool) -> Masks:
        """Explain the rows `x` (B x D float32).

        The masks lie in memory feature by feature, as columns of tables do.
        """
        x = np.array(x, order="C", copy=None if x.flags.writeable else True)
        n_seeds, (rows, n_features) = len(self.parameters), x.shape
        n_steps = len(self.plan.attention)
        swapped = Masks(
            aggregate=np.empty((n_seeds, n_features, rows), np.float32),
            total=np.empty((n_seeds, rows), np.float32),
            probability=np.empty((n_seeds, self.plan.n_classes, rows), np.float32),
            steps=np.empty((n_seeds, n_steps, n_features, rows if steps else 0), np.float32),
        )
        spans = shares(rows, self.threads.count)
        self.threads.run(
            [
                partial(call, x, swapped, span)
                for call, span in zip(self._calls, spans, strict=False)
            ]
        )
        return Masks(
            aggregate=swapped.aggregate.swapaxes(1, 2),
            total=swapped.total,
            probability=swapped.probability.swapaxes(1, 2),
            steps=swapped.steps.swapaxes(2, 3),
        )
