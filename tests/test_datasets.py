import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tabnet.datasets import DATASETS, SPLITS, Sample, Split

NAMES = sorted(DATASETS)
NOISE_FREE = ("syn2", "syn4")
NOISY = tuple(name for name in NAMES if name not in NOISE_FREE)

# The columns that decide, by data set and branch; the branch is taken on the switch's sign.
BRANCHES: dict[str, tuple[list[int], ...]] = {
    "syn2": ([2, 3, 4, 5],),
    "syn4": ([4, 5, 9], [0, 1, 9]),
    "paper_syn1": ([0, 1],),
    "paper_syn2": ([2, 3, 4, 5],),
    "paper_syn3": ([6, 7, 8, 9],),
    "paper_syn4": ([0, 1, 10], [2, 3, 4, 5, 10]),
    "paper_syn5": ([0, 1, 10], [6, 7, 8, 9, 10]),
    "paper_syn6": ([2, 3, 4, 5, 10], [6, 7, 8, 9, 10]),
}


def branch(dataset: str, row: dict[str, float]) -> int:
    """1 where the switch is above 0 (syn4), or not below it (the paper's)."""
    if dataset == "syn4":
        return int(row["V10"] > 0)
    return int(row["x11"] >= 0) if len(BRANCHES[dataset]) > 1 else 0


def logit(number: int, row: dict[str, float]) -> float:
    """The logits as INVASE states them."""
    x = [math.nan, *row.values()]
    if number == 1:
        return x[1] * x[2]
    if number == 2:
        return sum(x[i] ** 2 for i in range(3, 7)) - 4
    exponential = math.exp(min(-x[10], 700))
    return -10 * math.sin(0.2 * x[7]) + abs(x[8]) + x[9] + exponential - 2.4


LOGITS = {1: (1, 1), 2: (2, 2), 3: (3, 3), 4: (1, 2), 5: (1, 3), 6: (2, 3)}


def rule(dataset: str, row: dict[str, float]) -> float:
    """P(yes) as the sources state it, of one row, independent of the package."""
    if dataset == "syn2":
        return float(row["V03"] + row["V04"] + row["V05"] + row["V06"] > 0)
    if dataset == "syn4":
        names = ("V01", "V02") if row["V10"] > 0 else ("V05", "V06")
        return float(sum(row[name] for name in names) > 0)
    value = logit(LOGITS[int(dataset[-1])][0 if row["x11"] < 0 else 1], row)
    return 1 / (1 + math.exp(value)) if value < 700 else 0.0


def row_of(dataset: str, values: NDArray[np.float32]) -> dict[str, float]:
    return dict(zip(DATASETS[dataset].features, values.astype(float).tolist(), strict=True))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("dataset", NAMES)
def test_probabilities_follow_the_rule_on_every_row(dataset: str, split: Split) -> None:
    sample = DATASETS[dataset].sample(5000, seed=1, split=split)
    expected = [rule(dataset, row_of(dataset, values)) for values in sample.x]
    np.testing.assert_allclose(sample.probability, expected, rtol=1e-12)


@pytest.mark.parametrize("dataset", NOISE_FREE)
def test_without_noise_the_label_is_certain(dataset: str) -> None:
    sample = DATASETS[dataset].sample(100_000, seed=1)
    assert sample.probability.tolist() == sample.y.astype(float).tolist()


@pytest.mark.parametrize("dataset", NOISY)
def test_labels_are_drawn_with_their_probability(dataset: str) -> None:
    """The share of `yes` in each tenth of the probabilities is their mean there."""
    sample = DATASETS[dataset].sample(200_000, seed=1)
    order = np.argsort(sample.probability)
    for part in np.array_split(order, 10):
        p = sample.probability[part]
        deviation = np.sqrt((p * (1 - p)).sum())
        assert abs(sample.y[part].sum() - p.sum()) < 5 * deviation


@pytest.mark.parametrize("dataset", NOISY)
def test_the_noise_of_labels_is_independent_of_the_features(dataset: str) -> None:
    """What the probability leaves of a label correlates with no feature, product or square."""
    rows = 200_000
    sample = DATASETS[dataset].sample(rows, seed=1)
    p = sample.probability
    # Unit variance, whatever the row's probability.
    rest = (sample.y - p) / np.sqrt(np.maximum(p * (1 - p), 1e-3))
    x = sample.x.astype(np.float64)
    for feature in (*x.T, *(x**2 - 1).T / np.sqrt(2), *(x * np.roll(x, 1, axis=1)).T):
        assert abs(feature @ rest) < 5 * np.sqrt(rows)


# Of 2 million rows; a standard error of the area is below 0.0004 for 200,000.
AUC = {
    "paper_syn1": 0.699,
    "paper_syn2": 0.8995,
    "paper_syn3": 0.906,
    "paper_syn4": 0.821,
    "paper_syn5": 0.823,
    "paper_syn6": 0.903,
}


@pytest.mark.parametrize("dataset", NOISY)
def test_the_bayes_limits_are_those_of_the_benchmark(dataset: str) -> None:
    sample = DATASETS[dataset].sample(400_000, seed=5)
    assert roc_auc_score(sample.y, sample.probability) == pytest.approx(AUC[dataset], abs=0.003)


@pytest.mark.parametrize("dataset", NAMES)
def test_relevance_is_what_can_change_the_probability(dataset: str) -> None:
    """One column after the other takes many values; what moves the probability is relevant.

    Where labels have no noise it moves with the sign of the logit alone, and so on some rows only.
    """
    sample = DATASETS[dataset].sample(200, seed=3)
    values = np.linspace(-9, 9, 19).tolist()
    for x, relevance in zip(sample.x, sample.relevance, strict=True):
        row = row_of(dataset, x)
        p = rule(dataset, row)
        moves = [any(rule(dataset, {**row, name: v}) != p for v in values) for name in row]
        if dataset in NOISE_FREE:
            assert not np.any(np.array(moves) & ~relevance)
        else:
            assert relevance.tolist() == moves
        assert np.flatnonzero(relevance).tolist() == BRANCHES[dataset][branch(dataset, row)]


@settings(max_examples=300, deadline=None)
@given(
    dataset=st.sampled_from(NAMES),
    values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=11, max_size=11),
    uniform=st.floats(0, 1, exclude_max=True),
)
def test_the_rule_holds_on_any_row(dataset: str, values: list[float], uniform: float) -> None:
    x = np.array([values[: len(DATASETS[dataset].features)]], np.float32)
    sample = DATASETS[dataset].label(x, np.array([uniform]))
    row = row_of(dataset, x[0])
    expected = rule(dataset, row)
    assert sample.probability[0] == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert sample.y[0] == (uniform < sample.probability[0])
    assert np.flatnonzero(sample.relevance[0]).tolist() == BRANCHES[dataset][branch(dataset, row)]


def test_the_values_do_not_depend_on_how_numpy_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """With AVX-512 its functions differ in the last bit from those without."""
    expected = {name: DATASETS[name].sample(100, seed=1).probability for name in NAMES}
    for name in ("cos", "exp", "log", "sin"):
        real = getattr(np, name)
        monkeypatch.setattr(np, name, lambda x, real=real: np.nextafter(real(x), np.inf))
    for name, probability in expected.items():
        found = DATASETS[name].sample(100, seed=1).probability
        assert found.tobytes() == probability.tobytes(), name


@pytest.mark.parametrize("dataset", NOISE_FREE)
def test_a_sum_of_zero_is_no(dataset: str) -> None:
    assert not DATASETS[dataset].label(np.zeros((1, 10), np.float32), np.zeros(1)).y[0]


@pytest.mark.parametrize("dataset", NAMES)
def test_features_are_independent_and_standard_normal(dataset: str) -> None:
    rows = 100_000
    x = DATASETS[dataset].sample(rows, seed=1).x.astype(np.float64)
    assert np.abs(x.mean(axis=0)).max() < 5 / np.sqrt(rows)
    assert np.abs(np.cov(x.T) - np.eye(x.shape[1])).max() < 7 / np.sqrt(rows)
    assert np.abs((x**4).mean(axis=0) - 3).max() < 5 * np.sqrt(96 / rows)


@pytest.mark.parametrize("dataset", NOISE_FREE)
def test_classes_are_balanced(dataset: str) -> None:
    rows = 100_000
    share = DATASETS[dataset].sample(rows, seed=1).y.mean()
    assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(rows)


def test_streams_share_no_row() -> None:
    """Any two of data set, split and seed differ in every value."""
    draws = [
        DATASETS[dataset].sample(1000, seed=seed, split=split).x.ravel()[:10_000].reshape(1000, 10)
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
    for name in Sample._fields:
        np.testing.assert_array_equal(getattr(few, name), getattr(many, name)[:37])


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
