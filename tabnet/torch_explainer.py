"""Explanation in torch: for the devices that the compiled kernel does not compute on."""

import numpy as np
import torch
from numpy.typing import NDArray

from tabnet.masks import Masks, normalise
from tabnet.model import network
from tabnet.weights import Fitted

Floats = NDArray[np.float32]


class TorchExplainer:
    """Trained networks on a device, ready to explain batches of rows without an autograd graph."""

    def __init__(self, fitted: Fitted, *, device: torch.device | str) -> None:
        self.n_seeds = len(fitted.seeds)
        self.device = torch.device(device)
        self.network = network(fitted).to(self.device)

    @torch.inference_mode()
    def __call__(self, x: Floats, *, steps: bool) -> Masks:
        """Explain the rows `x` (B x D float32).

        aggregate[b] = sum over steps of eta[b, s] * M[b, s], eta[b, s] = sum over channels of
        ReLU(d[b, s]); divided by its row's sum. Source: TabNet, section 3.5, "Interpretability".
        """
        given = torch.from_numpy(np.require(x, requirements="W"))  # of others torch warns
        rows = given.to(self.device)[:, None].expand(-1, self.n_seeds, -1)
        decision = aggregate = torch.zeros((), device=self.device)
        kept = []
        for step in self.network.steps(rows):
            decision = decision + step.decision
            aggregate = aggregate + step.decision.sum(-1, keepdim=True) * step.mask
            kept.append(_seeds_first(step.mask if steps else step.mask[:0]))
        probability = self.network.logits(decision).softmax(-1)
        mask, total = normalise(_seeds_first(aggregate))
        return Masks(mask, total, _seeds_first(probability), np.stack(kept, 1))


def _seeds_first(values: torch.Tensor) -> Floats:
    return values.transpose(0, 1).contiguous().cpu().numpy()
