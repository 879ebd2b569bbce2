"""Syn1 to Syn6 of the TabNet paper (arXiv 1908.07442, section 5.1, Table 1), as INVASE draws them.

The generators are those of INVASE (Yoon et al. 2019, section 5.1, and its `data_generation.py`):
11 features, and noisy labels, P(yes | x) = 1 / (1 + exp(logit)). A larger logit makes `yes` less
likely. In Syn4 to Syn6 the sign of x11 chooses between two logits, row by row.

NOTE[DIFF] logit 3 is that of INVASE's code, -10 sin(0.2 x7) + |x8| + ...: its docstring has
-10 sin(2 x7) + 2 |x8|. With sin(2 x7), as also in L2X (times -100), no model can have the AUC that
the papers' tables report.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tabnet.rules.dataset import Bools, Dataset, Floats, relevant

FEATURES = tuple(f"x{number:02d}" for number in range(1, 12))
SWITCH = FEATURES.index("x11")


# Arrow's, which calls the C library's: numpy's own round in another way with AVX-512 than without.
# Imported where rows are drawn: whoever checks parameters needs the data sets' names alone.
def _exp(x: Floats) -> Floats:
    from pyarrow.compute import exp

    return np.asarray(exp(x))


def _sin(x: Floats) -> Floats:
    from pyarrow.compute import sin

    return np.asarray(sin(x))


@dataclass(frozen=True)
class Logit:
    """A function of some columns."""

    columns: range
    of: Callable[..., Floats]  # the columns, B each -> B

    def __call__(self, x: Floats) -> Floats:
        """The logit (B) of features x (B x D); infinite where it exceeds a float's range."""
        return self.of(*(x[:, column] for column in self.columns))


def _product(x1: Floats, x2: Floats) -> Floats:
    return x1 * x2


def _sphere(x3: Floats, x4: Floats, x5: Floats, x6: Floats) -> Floats:
    return x3**2 + x4**2 + x5**2 + x6**2 - 4


def _additive(x7: Floats, x8: Floats, x9: Floats, x10: Floats) -> Floats:
    return np.asarray(-10 * _sin(0.2 * x7) + np.abs(x8) + x9 + _exp(-x10) - 2.4)


LOGIT_1 = Logit(range(2), _product)
LOGIT_2 = Logit(range(2, 6), _sphere)
LOGIT_3 = Logit(range(6, 10), _additive)


def _probability(logit: Floats) -> Floats:
    """1 / (1 + exp(logit)), also where exp(logit) exceeds a float's range."""
    return _exp(-np.logaddexp(0, logit))


def _plain(name: str, logit: Logit) -> Dataset:
    """One logit for all rows."""

    def relevance(x: Floats) -> Bools:
        return relevant(x, dict.fromkeys(logit.columns, True))

    return Dataset(
        name=name,
        features=FEATURES,
        probability=lambda x: _probability(logit(x)),
        relevance=relevance,
    )


def _switched(name: str, below: Logit, above: Logit) -> Dataset:
    """`below` where x11 < 0, else `above`."""

    def probability(x: Floats) -> Floats:
        return _probability(np.where(x[:, SWITCH] < 0, below(x), above(x)))

    def relevance(x: Floats) -> Bools:
        negative = x[:, SWITCH] < 0
        columns = dict.fromkeys(below.columns, negative) | dict.fromkeys(above.columns, ~negative)
        # A change of x11 can change the logit, on either side.
        return relevant(x, {SWITCH: True} | columns)

    return Dataset(name=name, features=FEATURES, probability=probability, relevance=relevance)


RULES = (
    _plain("paper_syn1", LOGIT_1),
    _plain("paper_syn2", LOGIT_2),
    _plain("paper_syn3", LOGIT_3),
    _switched("paper_syn4", LOGIT_1, LOGIT_2),
    _switched("paper_syn5", LOGIT_1, LOGIT_3),
    _switched("paper_syn6", LOGIT_2, LOGIT_3),
)
