"""The synthetic data sets by name, whose truly relevant features and Bayes limits are known."""

from tabnet.rules import paper, vignette
from tabnet.rules.dataset import SPLITS, Dataset, Sample, Split

__all__ = ["DATASETS", "SPLITS", "Dataset", "Sample", "Split"]

DATASETS = {dataset.name: dataset for dataset in (*vignette.RULES, *paper.RULES)}
