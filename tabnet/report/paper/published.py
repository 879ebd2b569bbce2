"""Numbers from the TabNet paper (Arik and Pfister, arXiv 1908.07442), and the limits of its data.

All are of rows that training did not see. The TabNet paper has AUC alone; what the methods that it
compares with select is from INVASE's paper (Yoon et al., ICLR 2019).
"""

from typing import NamedTuple


class Score(NamedTuple):
    """A mean and a standard deviation over runs."""

    mean: float
    std: float


class Selection(NamedTuple):
    """True positive rate and false discovery rate of the selected features, means over rows."""

    tpr: float
    fdr: float


def _row(*pairs: tuple[float, float]) -> dict[str, Score]:
    return {name: Score(*pair) for name, pair in zip(DATASETS, pairs, strict=True)}


DATASETS = {f"paper_syn{number}": f"Syn{number}" for number in range(1, 7)}

# Table 1: test AUC by the method that selects the features. "Global" knows those that matter to
# any row, "No selection" takes all.
AUC = {
    "No selection": _row(
        (0.578, 0.004),
        (0.789, 0.003),
        (0.854, 0.004),
        (0.558, 0.021),
        (0.662, 0.013),
        (0.692, 0.015),
    ),
    "Tree": _row(
        (0.574, 0.101),
        (0.872, 0.003),
        (0.899, 0.001),
        (0.684, 0.017),
        (0.741, 0.004),
        (0.771, 0.031),
    ),
    "Lasso": _row(
        (0.498, 0.006),
        (0.555, 0.061),
        (0.886, 0.003),
        (0.512, 0.031),
        (0.691, 0.024),
        (0.727, 0.025),
    ),
    "L2X": _row(
        (0.498, 0.005),
        (0.823, 0.029),
        (0.862, 0.009),
        (0.678, 0.024),
        (0.709, 0.008),
        (0.827, 0.017),
    ),
    "INVASE": _row(
        (0.690, 0.006),
        (0.877, 0.003),
        (0.902, 0.003),
        (0.787, 0.004),
        (0.784, 0.005),
        (0.877, 0.003),
    ),
    "Global": _row(
        (0.686, 0.005),
        (0.873, 0.003),
        (0.900, 0.003),
        (0.774, 0.006),
        (0.784, 0.005),
        (0.858, 0.004),
    ),
    "TabNet": _row(
        (0.682, 0.005),
        (0.892, 0.004),
        (0.897, 0.003),
        (0.776, 0.017),
        (0.789, 0.009),
        (0.878, 0.004),
    ),
}


def _selections(*percent: tuple[float, float]) -> dict[str, Selection]:
    return {
        name: Selection(round(tpr / 100, 3), round(fdr / 100, 3))
        for name, (tpr, fdr) in zip(DATASETS, percent, strict=True)
    }


# INVASE's table 1, in the words of table 1 of T. Liu's report on INVASE+ (2021,
# github.com/tennisonliu/invase-net-plus), which quotes it.
SELECTION = {
    "INVASE": _selections(
        (100.0, 0.0), (100.0, 0.0), (92.0, 0.0), (99.8, 10.3), (84.8, 1.1), (90.1, 7.4)
    ),
    "L2X": _selections(
        (100.0, 0.0), (100.0, 0.0), (69.4, 30.6), (79.5, 21.8), (74.8, 26.3), (83.3, 16.7)
    ),
    "LIME": _selections(
        (13.8, 86.2), (100.0, 0.0), (98.1, 1.9), (40.7, 49.4), (41.1, 50.6), (50.5, 49.5)
    ),
    "Shapley": _selections(
        (60.4, 39.6), (93.3, 6.7), (90.1, 9.1), (65.2, 31.9), (62.9, 33.7), (71.2, 28.8)
    ),
}

# The AUC of the true probability, which no model can pass but by chance: over 2,000,000 rows.
LIMIT = dict(zip(DATASETS, (0.699, 0.899, 0.906, 0.821, 0.823, 0.903), strict=True))

# How the paper's TabNet was trained (its appendix): parameters count 26,638 with 4 steps and 31,444
# with 5, by its sizes on 11 features.
TRAINING = {
    name: {
        "seeds": 1,
        "iterations": 4000,
        "batch_size": 3000,
        "parameters": 26638 if name <= "paper_syn3" else 31444,
    }
    for name in DATASETS
}
