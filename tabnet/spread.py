"""Scores of single seeds in two numbers: their mean, and how far they are spread."""

from collections.abc import Mapping, Sequence

import numpy as np


def over_seeds(scores: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Mean and sample standard deviation of each score over seeds; one seed's deviation is NaN."""
    summary = {}
    for key in scores[0]:
        values = np.array([score[key] for score in scores])
        deviation = values.std(ddof=1) if len(values) > 1 else np.nan
        summary[key] = {"mean": float(values.mean()), "std": float(deviation)}
    return summary
