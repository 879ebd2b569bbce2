"""What sentences say is true, whatever the numbers are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tabnet import explain
from tabnet.report import scoreboard, sentences, words
from tabnet.report.groups import Group
from tabnet.scores import mask_scores


@pytest.mark.parametrize("std", [None, 0.1])
def test_of_one_seed_no_deviation_is_said_to_be_drawn(std: float | None) -> None:
    scores = {"consensus": {"auc": 1.0}, "seeds": {"auc": {"mean": 0.9, "std": std}}}
    said = sentences.scores(scoreboard.table({"a": scores}), noise=True)
    assert ("deviation" in said[0]) == (std is not None)
    assert ("on average" in said[1]) == (std is not None)


def test_labels_have_noise_whatever_their_auc_is_by_chance() -> None:
    scores = {"consensus": {"auc": 1.0}, "seeds": {"auc": {"mean": 0.9, "std": None}}}
    table = scoreboard.table({"a": {**scores, "bayes": {"auc": 1.0}}})
    assert "no noise" in sentences.scores(table, noise=False)[-1]
    assert "Labels are noisy" in sentences.scores(table, noise=True)[-1]


def test_sentences_do_not_claim_what_the_data_contradict() -> None:
    wrong = {"feature": ["a", "b"], "relevant": [0.0, 1.0], "consensus": [0.9, 0.1]}
    text = " ".join(sentences.importance(pd.DataFrame({**wrong, "seed_1": [0.9, 0.1]})))
    assert "exactly" not in text
    assert "is not the truly relevant one" in text
    right = {**wrong, "relevant": [1.0, 0.0]}
    assert "is the truly relevant one" in " ".join(sentences.importance(pd.DataFrame(right)))
    three = {"feature": ["a", "b", "c"], "consensus": [0.6, 0.3, 0.1]}
    for relevant, said in (
        ([1.0, 0.5, 0.0], "The 2 features of highest importance are exactly the truly relevant"),
        ([1.0, 0.0, 0.5], "Of the 2 features of highest importance, 1 is truly relevant"),
        ([0.0, 1.0, 1.0], "Of the 2 features of highest importance, 1 is truly relevant"),
    ):
        table = pd.DataFrame({**three, "relevant": relevant})
        assert said in " ".join(sentences.importance(table))


def test_a_consensus_that_is_empty_is_no_mask_of_zeros() -> None:
    table = pd.DataFrame({"feature": ["a", "b"], "consensus": [0.0, 0.0], "relevant": [1.0, 0.0]})
    assert "all zero" in sentences.importance(table)[0]
    seeds = table.assign(seed_1=[1.0, 0.0], seed_2=[0.0, 1.0])
    assert sentences.importance(seeds)[0].startswith("The consensus is empty")


def test_one_seed_is_compared_with_nothing() -> None:
    def said(std: float | None) -> str:
        one = {"consensus": {"auc": 0.9}, "seeds": {"auc": {"mean": 0.9, "std": std}}}
        return sentences.comparison(scoreboard.table({"syn2": one}))[0]

    assert said(None) == "One seed alone is its own consensus: there is nothing to compare."
    assert said(0.0).startswith("The consensus is better than the mean of single seeds on 0 of 1")
    alone = {"consensus": {"auc": 0.9}, "seeds": {"auc": {"mean": 0.9, "std": None}}}
    several = {"consensus": {"auc": 0.9}, "seeds": {"auc": {"mean": 0.8, "std": 0.1}}}
    both = sentences.comparison(scoreboard.table({"syn2": alone, "syn4": several}))[0]
    assert both.endswith("better than the mean of single seeds on 1 of 1 score.")


def test_agreement_is_said_of_whatever_is_known() -> None:
    """Masks from elsewhere may come with agreements, and without those of single seeds."""
    values = np.array([0.25, 0.5, 0.75], np.float32)
    for seeds in (0, 2):
        assert "the lowest has 0.250" in " ".join(sentences.agreement(values, seeds=seeds))
    assert sentences.agreement(values[:1], seeds=2)[1] == "The one row has 0.250."
    assert sentences.agreement(values, seeds=1)[0].startswith("One seed alone says nothing")


def test_what_has_no_importance_is_not_found() -> None:
    """Nor are equal ones by the order of the file."""
    table = pd.DataFrame({"feature": ["a", "b", "c"], "relevant": [1.0, 1.0, 0.0]})
    for consensus, said in (
        ([1.0, 0.0, 0.0], "Of the 2 features of highest importance, 1 is truly relevant"),
        ([0.4, 0.3, 0.3], "Of the 2 features of highest importance, 1 is truly relevant"),
        ([0.4, 0.4, 0.2], "The 2 features of highest importance are exactly"),
    ):
        assert said in sentences.importance(table.assign(consensus=consensus))[0]


def test_all_that_lead_are_named() -> None:
    table = pd.DataFrame({"feature": ["a", "b", "c"], "relevant": [np.nan] * 3})
    for consensus, said in (
        ([0.5, 0.3, 0.2], "a leads with 50 % of the consensus."),
        ([0.4, 0.2, 0.4], "a and c lead with 40 % of the consensus each."),
    ):
        assert sentences.importance(table.assign(consensus=consensus)) == [said]
    many = pd.DataFrame({"feature": [f"f{i}" for i in range(10)], "relevant": [np.nan] * 10})
    said = sentences.importance(many.assign(consensus=0.1))[0]
    assert said == "10 features lead with 10 % of the consensus each."


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=12), st.integers(0, 3))
def test_a_mask_that_lies_all_on_relevant_features_is_said_to(mass: list[float], rest: int) -> None:
    share = np.array([*mass, *[0.0] * rest])
    relevant = tuple(bool(part) for part in share)
    group = Group(label="x > 0", rows=9, relevant=relevant, share=tuple(share / share.sum()))
    names = [f"f{j}" for j in range(len(share))]
    assert "; 100 % of it lies on truly relevant features." in sentences.where(names, group)
    assert ", 100 % of the consensus lies on truly" in sentences.by_group([group])[0]


def test_seeds_that_agree_do_not_differ_most_on_anything() -> None:
    table = pd.DataFrame({"feature": ["a"], "relevant": [np.nan], "consensus": [1.0]})
    equal = table.assign(seed_1=[1.0], seed_2=[1.0])
    assert "differ" not in " ".join(sentences.importance(equal))
    assert "from 50 % to 100 %" in sentences.importance(equal.assign(seed_2=[0.5]))[-1]


def test_of_equal_agreements_none_lies_above_another() -> None:
    said = sentences.agreement(np.ones(100), seeds=3)[1]
    assert said.startswith("Half of the rows have 1.000 or more, one in twenty 1.000 or less")


@pytest.mark.parametrize("scores", [np.arange(200.0), np.full(200, 0.7), np.arange(200.0) % 7])
def test_the_sentence_of_the_roc_curve_says_its_area(scores: np.ndarray) -> None:
    label = np.repeat([0.0, 1.0], 100)
    share = 100 * roc_auc_score(label, scores)
    (said,) = sentences.roc(np.append(label, np.nan), np.append(scores, 0.0))
    assert f"{share:.0f} % of the time (equal ones count half)" in said


def test_what_a_calibration_misses_by_is_named_where_most_bins_do() -> None:
    def said(*bins: tuple[float, float]) -> str:
        table = pd.DataFrame(bins, columns=["predicted", "observed"])
        table["low"], table["high"] = table["observed"] - 0.01, table["observed"] + 0.01
        return " ".join(sentences.calibration(table))

    cautious, bold, wrong = (0.3, 0.1), (0.9, 0.7), (0.3, 0.9)
    assert "mostly too cautious." in said(cautious)
    assert "mostly too bold." in said(bold, bold, cautious)
    assert "mostly on the wrong side of 0.5." in said(wrong)
    assert "mostly" not in said(bold, cautious)
    assert "mostly too bold." in said((0.9, 0.5))
    assert "mostly too cautious." in said((0.5, 0.9))


def test_many_features_are_not_said_to_be_few() -> None:
    def said(count: int) -> str:
        group = Group(label="all rows", rows=9, relevant=None, share=(1 / count,) * count)
        return sentences.where([f"f{j}" for j in range(count)], group)

    assert "looks mostly at f0 (50 %) and f1 (50 %)" in said(2)
    assert "at many features, first of all f0 (2 %)" in said(40)


@pytest.mark.parametrize(
    ("label", "relevant", "said"),
    [
        ("pattern 1", 0, "(9; no feature is relevant)"),
        ("pattern 2", 1, "(9; f0 is relevant)"),
        ("pattern 2", 3, "(9; f0, f1 and f2 are relevant)"),
        ("pattern 3", 12, "(9; 12 features are relevant)"),
        ("f7 > 0", 3, "(9), the"),
    ],
)
def test_what_a_group_without_a_name_has_in_common_is_said(
    label: str, relevant: int, said: str
) -> None:
    truth = tuple(j < relevant for j in range(20))
    group = Group(label=label, rows=9, relevant=truth, share=(1 / 20,) * 20)
    assert said in sentences.where([f"f{j}" for j in range(20)], group)


@given(st.lists(st.text(max_size=30)))
def test_labels_are_short_and_no_more_alike_than_they_must_be(names: list[str]) -> None:
    short = words.shortened(names)
    assert max(map(len, short), default=0) <= 16
    for name, label in zip(names, short, strict=True):
        assert len(name) > 16 or label == (name or "“”")
    assert len(set(short)) >= len({name[:15] for name in names if len(name) > 16})


@pytest.mark.parametrize(
    "name", ["feature number {} of the table", "{} of the last table", "sensor/a/b/c/d/{}"]
)
def test_long_names_that_differ_have_labels_that_differ(name: str) -> None:
    names = [name.format(f"{i:03d}") for i in range(100)]
    assert len(set(words.shortened(names))) == 100


def test_a_loss_out_of_bounds_is_short() -> None:
    history = pd.DataFrame({"epoch": [1, 2], "seed": [1, 1], "loss": [2.27924e12, 0.5]})
    assert "from 2.28e+12 (epoch 1) to 0.500" in sentences.training(history)[0]


def test_why_a_consensus_is_empty_depends_on_the_seeds() -> None:
    assert "half of the seeds" in sentences.empty(1, 10, seeds=3, scored=True)
    assert "no step contributes" in sentences.empty(1, 10, seeds=1, scored=True)
    assert sentences.empty(1, 10, seeds=0, scored=False) == (
        "On 1 of 10 observations the consensus is empty. Importances leave them out."
    )


def test_what_a_row_without_a_mask_does_to_scores_is_said() -> None:
    """Seeds that agree on nothing have a consensus without a false discovery."""
    relevance = np.tile([True, False, False, False, False], (3, 1))
    seeds = np.tile(np.eye(5, dtype=np.float32)[:, None], (1, 3, 1))  # 5 x 3 x 5
    found = mask_scores(explain.consensus(seeds), relevance, threshold=0)
    assert (found["rma"], found["fdr"]) == (0, 0)
    assert np.mean([mask_scores(mask, relevance, threshold=0)["fdr"] for mask in seeds]) == 0.8
    said = sentences.empty(3, 3, seeds=5, scored=True)
    assert "0 in the mass on relevant features, and as 0 in false discoveries" in said
