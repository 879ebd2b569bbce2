"""Syn2 and Syn4 as the R package tabnet's vignette "Interpretation tools" draws them.

NOTE[DIFF] As in the vignette, and unlike the paper: 10 features, a linear logit, and a label
without noise, `yes` where the logit is above 0.
"""

import numpy as np

from tabnet.rules.dataset import Bools, Dataset, Floats, relevant

FEATURES = tuple(f"V{number:02d}" for number in range(1, 11))


def _columns(*names: str) -> list[int]:
    return [FEATURES.index(name) for name in names]


SUM = _columns("V03", "V04", "V05", "V06")
(SWITCH,) = _columns("V10")
ABOVE, BELOW = _columns("V01", "V02"), _columns("V05", "V06")


def _sum(x: Floats, columns: list[int]) -> Floats:
    total = np.zeros(len(x))
    for column in columns:
        total += x[:, column]
    return total


def _syn2(x: Floats) -> Floats:
    """V03 + V04 + V05 + V06 > 0."""
    return (_sum(x, SUM) > 0).astype(np.float64)


def _syn2_relevance(x: Floats) -> Bools:
    return relevant(x, dict.fromkeys(SUM, True))


def _syn4(x: Floats) -> Floats:
    """V01 + V02 > 0 where V10 > 0, else V05 + V06 > 0."""
    logit = np.where(x[:, SWITCH] > 0, _sum(x, ABOVE), _sum(x, BELOW))
    return (logit > 0).astype(np.float64)


def _syn4_relevance(x: Floats) -> Bools:
    above = x[:, SWITCH] > 0
    # A change of V10 can change the branch, on either side.
    return relevant(x, {SWITCH: True} | dict.fromkeys(ABOVE, above) | dict.fromkeys(BELOW, ~above))


RULES = (
    Dataset(name="syn2", features=FEATURES, probability=_syn2, relevance=_syn2_relevance),
    Dataset(name="syn4", features=FEATURES, probability=_syn4, relevance=_syn4_relevance),
)
