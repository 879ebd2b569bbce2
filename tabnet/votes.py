"""How many of the seeds select a cell, and whether that decides what the consensus says of it.

K seeds, B rows, D features.
"""

from math import comb

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]


def votes(aggregate: Floats) -> Ints:
    """The number of seeds whose aggregate mask gives a cell any attention: K x B x D -> B x D.

    >>> votes(np.array([[[0.5, 0.5, 0.0]], [[0.9, 0.0, 0.1]], [[1.0, 0.0, 0.0]]]))
    array([[3, 1, 1]])
    """
    return np.asarray((aggregate > 0).sum(axis=0))


def majority(seeds: int) -> int:
    """The fewest votes with which the median of so many seeds is above 0, and so the consensus.

    >>> majority(25), majority(4)
    (13, 2)
    """
    return (seeds + 1) // 2


def decisive(seeds: int) -> int:
    """The fewest votes of so many seeds that are more than half of them beyond chance.

    By the sign test, two-sided at 5 %: were each vote the toss of a coin, so many votes or more,
    or so many seeds or more without one, came up once in twenty times at most. Of fewer than 6
    seeds no number does: `seeds` + 1.

    >>> decisive(25), decisive(6), decisive(5)
    (18, 6, 6)
    """
    least, outcomes = seeds + 1, 0
    while least > 0 and 2 * 20 * (outcomes + comb(seeds, least - 1)) <= 2**seeds:
        least -= 1
        outcomes += comb(seeds, least)
    return least


def undecided(votes: Ints, *, seeds: int) -> NDArray[np.bool_]:
    """Where votes are so near to half of the seeds that other seeds may outvote them: any shape.

    It takes `decisive` votes, or as many seeds without one, to tell what most of all the seeds that
    there could be select. Each cell is tested for itself: of many, a few that are decided will be
    outvoted all the same.

    >>> undecided(np.array([7, 8, 17, 18]), seeds=25)
    array([False,  True,  True, False])
    """
    enough = decisive(seeds)
    return np.asarray((votes < enough) & (votes > seeds - enough))


def undecided_share(aggregate: Floats, consensus: Floats) -> float:
    """Of the cells that the consensus (B x D) selects, the share that is `undecided`.

    NaN where it selects none, and of so few seeds that no number of votes decides. `aggregate`:
    K x B x D.
    """
    seeds = len(aggregate)
    open_cells = undecided(votes(aggregate), seeds=seeds)[consensus > 0]
    known = open_cells.size and decisive(seeds) <= seeds
    return float(open_cells.mean()) if known else float("nan")
