"""How many seeds are enough: subsets, their scores, and the ways to combine masks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import trim_mean

from tabnet import labelled, tables
from tabnet.combinations import COMBINATIONS, Floats, averaged, mean, trimmed_mean, vote
from tabnet.params import Model, Train
from tabnet.report.seed_counts import enough, html, sentences, ways
from tabnet.seed_counts import SCORES, SUBSETS, Rows, combined, curve, score, subsets
from tabnet.train import fit


def simplex(generator: np.random.Generator, *shape: int) -> Floats:
    drawn = generator.exponential(size=shape) * (generator.random(shape) < 0.6) + 1e-3
    drawn[drawn < 0.01] = 0
    drawn[..., 0] += 0.1
    found: Floats = (drawn / drawn.sum(-1, keepdims=True)).astype(np.float32)
    return found


@pytest.fixture
def rows() -> Rows:
    generator = np.random.default_rng(1)
    return Rows(
        aggregate=simplex(generator, 7, 50, 4),
        probability=generator.random((7, 50)).astype(np.float32),
        relevance=generator.random((50, 4)) < 0.5,
        label=generator.random(50) < 0.5,
    )


@pytest.mark.parametrize("total", [1, 2, 7, 40])
def test_subsets_are_distinct_and_of_their_size(total: int) -> None:
    for n in range(1, total + 1):
        found = subsets(total, n, seed=3)
        assert found == subsets(total, n, seed=3)
        assert len({tuple(one) for one in found}) == len(found) <= max(SUBSETS, total)
        for one in found:
            assert len(set(one)) == n
            assert set(one) <= set(range(total))


def test_each_number_of_seeds_has_its_scores(rows: Rows) -> None:
    found = list(curve(rows, threshold=1e-6, seed=1))
    assert [one["n"] for one in found] == list(range(1, 8))
    everything = score(rows, range(7), COMBINATIONS["median"], threshold=1e-6)
    assert {name: found[-1][name] for name in SCORES} == everything
    singles = [score(rows, [k], COMBINATIONS["median"], threshold=1e-6) for k in range(7)]
    for name in SCORES:
        assert found[0][name] == pytest.approx(np.mean([one[name] for one in singles]))
        assert found[0][f"{name}_std"] == pytest.approx(np.std([s[name] for s in singles], ddof=1))


@pytest.mark.parametrize("name", COMBINATIONS)
def test_any_way_to_combine_equal_masks_gives_that_mask(name: str) -> None:
    one = simplex(np.random.default_rng(2), 1, 20, 5)
    found = COMBINATIONS[name](np.repeat(one, 6, axis=0))
    np.testing.assert_allclose(found, one[0], atol=1e-6)


@pytest.mark.parametrize("name", COMBINATIONS)
def test_rows_of_a_combined_mask_add_up_to_one_whatever_the_order_of_seeds(name: str) -> None:
    masks = simplex(np.random.default_rng(3), 5, 20, 4)
    found = COMBINATIONS[name](masks)
    total = found.sum(1)
    assert np.all((np.abs(total - 1) < 1e-5) | (total == 0))
    np.testing.assert_allclose(found, COMBINATIONS[name](masks[::-1]), atol=1e-6)


@pytest.mark.parametrize("n_seeds", [1, 3, 4, 7, 8])
def test_the_trimmed_mean_is_scipys(n_seeds: int) -> None:
    masks = simplex(np.random.default_rng(4), n_seeds, 20, 4)
    trimmed = trim_mean(masks, 0.25, axis=0)
    total = trimmed.sum(1, keepdims=True)
    expected = np.divide(trimmed, total, out=np.zeros_like(trimmed), where=total > 0)
    np.testing.assert_allclose(trimmed_mean(masks), expected, atol=1e-6)


def test_a_vote_keeps_the_cells_of_the_majority_alone() -> None:
    masks = np.array([[[1, 0, 0]], [[0.5, 0.5, 0]], [[0.5, 0.25, 0.25]]], np.float32)  # 3 x 1 x 3
    assert (vote(masks)[0] > 0).tolist() == [True, True, False]
    assert (mean(masks)[0] > 0).all()


def test_the_average_of_one_model_is_that_model() -> None:
    generator = np.random.default_rng(4)
    x = generator.standard_normal((60, 3)).astype(np.float32)
    train = Train(seeds=(1, 2), epochs=1, batch_size=30)
    fitted, _ = fit(x, x[:, 0] > 0, model=Model(virtual_batch_size=30), train=train)
    one, both = averaged(fitted.only(2)), averaged(fitted)
    for name, array in fitted.weights.items():
        np.testing.assert_array_equal(one.weights[name], array[1:2])
        np.testing.assert_allclose(both.weights[name], array.mean(0, keepdims=True), atol=1e-6)


def test_enough_seeds_are_the_fewest_whose_scores_stay_near_the_last() -> None:
    table = pd.DataFrame({"n": [1, 2, 3, 4], "rma": [0.5, 0.9, 0.901, 0.9]})
    table = table.assign(fdr=[0.4, 0.1, 0.1, 0.1], auc=[0.9, 0.99, 0.8, 0.99])
    assert enough(table) == 4
    assert enough(table.assign(auc=0.9)) == 2
    assert enough(table.tail(1)) == 4
    assert enough(table.assign(auc=np.nan)) == 2  # one class alone: it has none


def test_of_one_seed_no_number_is_enough_and_no_way_the_best(rows: Rows) -> None:
    alone = replace(rows, aggregate=rows.aggregate[:1], probability=rows.probability[:1])
    found = {
        "rows": 50,
        "combinations": {
            name: {str(n): one for n, one in of.items()}
            for name, of in combined(alone, [1], threshold=1e-6, seed=1).items()
        },
        "seconds": {"1": 0.1},
    }
    table = pd.DataFrame(curve(alone, threshold=1e-6, seed=1))
    (said,) = sentences(table, found)
    assert said.startswith("There is one seed alone")
    page = html("syn4", table, found, split="train", provenance=[])
    assert "on 50 train rows" in page
    assert "<svg" not in page
    assert "Ways to combine" not in page
    assert "nan" not in page.lower().replace("provenance", "")


def test_the_best_way_is_named_and_marked(rows: Rows) -> None:
    of = combined(rows, [3, 7], threshold=1e-6, seed=1)
    found = {way: {str(n): one for n, one in by.items()} for way, by in of.items()}
    table = pd.DataFrame(curve(rows, threshold=1e-6, seed=1))
    best = max(found, key=lambda way: found[way]["7"]["rma"] - found[way]["7"]["fdr"])
    text = " ".join(sentences(table, {"combinations": found}))
    assert f"seeds, {best.replace('_', ' ')} has the highest mass" in text
    tied = {"median": found["median"], "mean": found["median"]}
    assert "median and mean have the high" in " ".join(sentences(table, {"combinations": tied}))
    text = " ".join(sentences(table.assign(auc=np.nan, rma=np.nan), {"combinations": tied}))
    assert "AUC" not in text
    assert "false discoveries" in text
    all_seeds, three = ways(found)
    assert (all_seeds.caption, three.caption) == ("7 seeds", "3 seeds")
    # A quarter of three seeds is none: their trimmed mean is the mean.
    assert "trimmed mean" in dict(all_seeds.rows)
    assert "trimmed mean" not in dict(three.rows)
    column = [cells[0] for _, cells in all_seeds.rows]
    top = max(float(cell.text) for cell in column)
    assert {cell.best for cell in column if float(cell.text) == top} == {True}
    assert not any(cell.best for cell in column if float(cell.text) < top)


@pytest.mark.parametrize(("odd", "shown"), [(None, "nothing"), ("maybe", "'maybe'")])
def test_a_label_that_is_not_known_is_no_no(tmp_path: Path, odd: str | None, shown: str) -> None:
    """AUC would count those rows against every mask and method alike, and say nothing of it."""

    def write(*label: str | None) -> Path:
        table = pa.table({"a": pa.array([1, 2, 3], pa.float32()), "y": pa.array(label)})
        tables.write(tmp_path / "test.parquet", table)
        return tmp_path / "test.parquet"

    assert labelled.read(write("yes", "no", "yes"), ["a"]).y.tolist() == [True, False, True]
    path = write("yes", odd, "no")
    with pytest.raises(ValueError, match=f"column 'y' must be yes or no, however: {shown} in a"):
        labelled.read(path, ["a"])
