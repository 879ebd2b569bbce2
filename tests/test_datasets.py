from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tabnet.datasets import DATASETS, SPLITS, Sample, Split

NAMES = sorted(DATASETS)


def rule(dataset: str, row: dict[str, float]) -> float:
    """The logit as the vignette states it, of one row, independent of the package."""
    if dataset == "syn2":
        return row["V03"] + row["V04"] + row["V05"] + row["V06"]
    return row["V01"] + row["V02"] if row["V10"] > 0 else row["V05"] + row["V06"]


def row_of(dataset: str, values: NDArray[np.float32]) -> dict[str, float]:
    return dict(zip(DATASETS[dataset].features, values.astype(float).tolist(), strict=True))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("dataset", NAMES)
def test_labels_follow_the_rule_on_every_row(dataset: str, split: Split) -> None:
    sample = DATASETS[dataset].sample(5000, seed=1, split=split)
    expected = [rule(dataset, row_of(dataset, values)) > 0 for values in sample.x]
    assert sample.y.tolist() == expected


@pytest.mark.parametrize("dataset", NAMES)
def test_relevance_is_what_can_change_the_logit(dataset: str) -> None:
    """One column after the other takes many values; what moves the logit is relevant."""
    sample = DATASETS[dataset].sample(500, seed=3)
    values = np.linspace(-3, 3, 13).tolist()
    for x, relevance in zip(sample.x, sample.relevance, strict=True):
        row = row_of(dataset, x)
        logit = rule(dataset, row)
        moves = [
            any(rule(dataset, {**row, name: value}) != logit for value in values) for name in row
        ]
        assert relevance.tolist() == moves


@settings(max_examples=200, deadline=None)
@given(
    dataset=st.sampled_from(NAMES),
    row=st.lists(st.floats(-1e6, 1e6, width=32), min_size=10, max_size=10),
)
def test_the_rule_holds_on_any_row(dataset: str, row: list[float]) -> None:
    x = np.array([row], np.float32)
    sample = DATASETS[dataset].label(x)
    assert sample.y[0] == (rule(dataset, row_of(dataset, x[0])) > 0)
    used = {"syn2": [2, 3, 4, 5], "syn4": [0, 1, 9] if row[9] > 0 else [4, 5, 9]}[dataset]
    assert np.flatnonzero(sample.relevance[0]).tolist() == used


@pytest.mark.parametrize("dataset", NAMES)
def test_a_sum_of_zero_is_no(dataset: str) -> None:
    assert not DATASETS[dataset].label(np.zeros((1, 10), np.float32)).y[0]


@pytest.mark.parametrize("dataset", NAMES)
def test_features_are_independent_and_standard_normal(dataset: str) -> None:
    rows = 100_000
    x = DATASETS[dataset].sample(rows, seed=1).x.astype(np.float64)
    assert np.abs(x.mean(axis=0)).max() < 5 / np.sqrt(rows)
    assert np.abs(np.cov(x.T) - np.eye(10)).max() < 7 / np.sqrt(rows)
    assert np.abs((x**4).mean(axis=0) - 3).max() < 5 * np.sqrt(96 / rows)


@pytest.mark.parametrize("dataset", NAMES)
def test_classes_are_balanced(dataset: str) -> None:
    rows = 100_000
    share = DATASETS[dataset].sample(rows, seed=1).y.mean()
    assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(rows)


def test_streams_share_no_row() -> None:
    """Any two of data set, split and seed differ in every value."""
    draws = [
        DATASETS[dataset].sample(1000, seed=seed, split=split).x
        for dataset in NAMES
        for split in SPLITS
        for seed in (0, 1, 2, 2**32 - 1)
    ]
    everything = np.concatenate(draws)
    assert len(np.unique(everything, axis=0)) == len(everything)
    # sqrt(10,000) * correlation of independent draws is standard normal.
    for one, other in pairwise(draws):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 5 / np.sqrt(one.size)


@pytest.mark.parametrize("dataset", NAMES)
@pytest.mark.parametrize("split", SPLITS)
def test_more_rows_append(dataset: str, split: Split) -> None:
    few = DATASETS[dataset].sample(37, seed=1, split=split)
    many = DATASETS[dataset].sample(5000, seed=1, split=split)
    for one, other in zip(few, many, strict=True):
        np.testing.assert_array_equal(one, other[:37])


@pytest.mark.parametrize("dataset", NAMES)
@pytest.mark.parametrize("chunk_rows", [1, 7, 100, 101])
def test_chunks_change_no_value(dataset: str, chunk_rows: int) -> None:
    whole = DATASETS[dataset].sample(100, seed=1)
    parts = list(DATASETS[dataset].samples(100, seed=1, split="train", chunk_rows=chunk_rows))
    assert max(len(part.y) for part in parts) <= chunk_rows
    joined = Sample(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    for one, other in zip(joined, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_shapes_and_types() -> None:
    for rows in (0, 1, 5):
        sample = DATASETS["syn4"].sample(rows, seed=1)
        assert (sample.x.shape, sample.y.shape) == ((rows, 10), (rows,))
        assert sample.relevance.shape == (rows, 10)
        assert sample.x.dtype == np.float32
        assert sample.y.dtype == sample.relevance.dtype == np.bool_


def test_the_values_are_those_of_always() -> None:
    """Other values would change every result, and are a change that the changelog must name."""
    sample = DATASETS["syn4"].sample(5000, seed=1)
    assert sample.x[0, :3].tolist() == pytest.approx([0.0078920, 1.1503342, -0.3651756], abs=1e-6)
    assert int(sample.y.sum()) == 2540


def test_the_global_generator_is_left_alone() -> None:
    np.random.seed(1)
    expected = np.random.random()
    np.random.seed(1)
    DATASETS["syn2"].sample(10, seed=1)
    assert np.random.random() == expected
