"""Which measure that needs no truth to believe: its rank correlation with what the truth says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tabnet.report.paper.inputs import SEED, Input

Scores = Mapping[str, float | None]
Correlations = dict[str, dict[str, float | None]]  # measure -> true score -> correlation

SCORES = ("rma", "fdr", "mask_average_precision")  # the true ones
# Of these less is better: turned, so that a positive correlation always speaks for a measure.
LOWER_IS_BETTER = (
    "fdr",
    "sufficiency_log_loss",
    "sufficiency_drop",
    "comprehensiveness_auc",
    "comprehensiveness_auc_over_fixed",
    "comprehensiveness_auc_over_random",
    "noise_distance",
    "undecided",
)
FEWEST = 4  # points: of fewer, a rank correlation says nothing
BELIEVED = 0.7  # from here on a measure orders masks much as the truth does
USELESS = 0.3  # below, hardly


def collect(inputs: Sequence[Input]) -> dict[str, Any] | None:
    """Spearman's rank correlation of each truth-free measure with each true score.

    `within` is over the seeds of a data set, the mean over data sets (and `by_dataset`); `between`
    is over the data sets, of their consensus masks. What is better when it is less counts
    negatively: a positive correlation means that the better a mask is by the measure, the better it
    is in truth. `chance` is how far `within` goes without a relation (see `chance`). None where no
    data set has such measures.
    """
    measured = [(one.trust, one.members, one.name) for one in inputs if one.trust]
    if not measured:
        return None
    names = sorted({name for trust, _, _ in measured for name in trust["consensus"]})
    by_dataset, numbers = {}, []
    for trust, members, dataset in measured:
        seeds = [seed for seed in trust if seed.startswith(SEED) and seed in members]
        numbers.append(len(seeds))
        by_dataset[dataset] = correlations(
            [trust[seed] for seed in seeds], [members[seed] for seed in seeds], names
        )
    return {
        "measures": names,
        "by_dataset": by_dataset,
        "within": _means(list(by_dataset.values()), names),
        "chance": chance(numbers),
        "between": correlations(
            [trust["consensus"] for trust, _, _ in measured],
            [members["consensus"] for _, members, _ in measured],
            names,
        ),
        "datasets": len(measured),
    }


def correlations(
    measures: Sequence[Scores], scores: Sequence[Scores], names: Sequence[str]
) -> Correlations:
    """The rank correlation of each measure in `names` with each true score, over N masks."""
    found: Correlations = {}
    for name in names:
        found[name] = {}
        for score in SCORES:
            true = spearman([one.get(name) for one in measures], [one.get(score) for one in scores])
            turned = (name in LOWER_IS_BETTER) != (score in LOWER_IS_BETTER)
            found[name][score] = true if true is None or not turned else -true
    return found


def spearman(first: Sequence[float | None], second: Sequence[float | None]) -> float | None:
    """Spearman's rank correlation of the pairs that are whole; None of too few or equal ones.

    >>> spearman([1.0, 2.0, 3.0, 4.0], [1.0, 10.0, 100.0, 1000.0])
    1.0
    """
    table = pd.DataFrame({"first": first, "second": second}, dtype=float).dropna()
    found = float(table.corr("spearman", min_periods=FEWEST).to_numpy(float)[0, 1])
    return None if math.isnan(found) else round(found, 6)


def chance(numbers: Sequence[int]) -> float | None:
    """What 95 % of measures that know nothing of the truth stay below, `within`, in absolute value.

    `numbers` are those of the seeds of each data set. If all orders of N masks are as likely, a
    rank correlation has a mean of 0 and a variance of 1 / (N - 1) (Kendall 1948, "Rank Correlation
    Methods"); the mean of several is taken as normal. At most 1; None of too few.

    >>> chance([25] * 8), chance([4]), chance([3])
    (0.141451, 1.0, None)
    """
    variances = [1 / (n - 1) for n in numbers if n >= FEWEST]
    if not variances:
        return None
    return round(min(1.0, 1.96 * math.sqrt(sum(variances)) / len(variances)), 6)


def _means(tables: Sequence[Correlations], names: Sequence[str]) -> Correlations:
    return {
        name: {score: _mean([table[name][score] for table in tables]) for score in SCORES}
        for name in names
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return round(sum(known) / len(known), 6) if known else None
