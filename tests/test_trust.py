"""The measures together, on trained models: what they must be whatever the training gave."""

import logging
import threading
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tabnet import bootstrap, trust
from tabnet.bootstrap import BySeed, Rows, resample, summary
from tabnet.ensemble import Ensemble
from tabnet.errors import DivergedError, InputError
from tabnet.explain import consensus, explain
from tabnet.kernel.threads import Wanted
from tabnet.masks import normalise
from tabnet.orders import Sample
from tabnet.params import Model, Train, Trust
from tabnet.stability import mean_distance, variation
from tabnet.train import fit
from tabnet.trust import Measures, Settings, measure
from tabnet.weights import Fitted

Floats = NDArray[np.float32]
SETTINGS = Settings(
    Model(virtual_batch_size=64),
    Train(seeds=(1, 2, 3, 4), epochs=20, batch_size=64),
    Trust(rows=200, resamples=2, resample_seeds=2),
)
X = np.random.default_rng(0).standard_normal((600, 5)).astype(np.float32)
Y = np.where(X[:, 1] > 0, "yes", "no")
SAMPLE = Sample(X[:200], Y[:200] == "yes", np.ones(200, bool))


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(X, Y, model=SETTINGS.model, train=SETTINGS.train)[0]


@pytest.fixture(scope="module")
def measured(fitted: Fitted) -> Measures:
    return measure(fitted, SAMPLE, Rows(X, Y), SETTINGS, positive="yes")


def again(fitted: Fitted, sample: Sample = SAMPLE, **changes: object) -> Measures:
    changed = replace(SETTINGS, trust=SETTINGS.trust.model_copy(update=changes))
    return measure(fitted, sample, Rows(X, Y), changed, positive="yes")


def test_one_feature_decides_and_the_masks_know_it(measured: Measures) -> None:
    curve = measured.curves.set_index(["side", "order", "k"])["auc"]
    assert curve["keep", "consensus", 1] > 0.97
    assert curve["remove", "consensus", 1] < 0.6
    # AUC is 1 with the feature and 1/2 without: areas of 0.95 and 0.55; at random it is among the
    # first k of 5 with probability k / 5, an area of 0.75.
    gains = [
        measured.consensus[f"{s}_auc_over_random"] for s in ("sufficiency", "comprehensiveness")
    ]
    assert gains == pytest.approx([0.2, -0.2], abs=0.04)


def test_all_orders_begin_and_end_alike(measured: Measures) -> None:
    together = measured.curves[measured.curves["order"] != "seeds"].drop(columns="order")
    for side, k in (("keep", 0), ("keep", 5), ("remove", 0), ("remove", 5)):
        ends = together[(together["side"] == side) & (together["k"] == k)]
        assert len(ends.drop_duplicates()) == 1


def test_an_index_of_pandas_changes_nothing(fitted: Fitted, measured: Measures) -> None:
    """As scikit-learn's train_test_split leaves it: taken by it, labels would go to other rows."""
    index = np.random.default_rng(1).permutation(len(X))
    names = list(reversed(fitted.features))
    rows = pd.DataFrame(X, columns=list(fitted.features), index=index)[names]
    label = pd.Series(Y, index=index)
    sample = Sample(rows[:200], label[:200] == "yes", pd.Series(True, index=index[:200]))  # type: ignore[arg-type]
    found = measure(fitted, sample, Rows(rows, label), SETTINGS, positive="yes")  # type: ignore[arg-type]
    np.testing.assert_equal(found.summary(), measured.summary())


@pytest.mark.parametrize(
    ("sample", "rows", "says"),
    [
        (replace(SAMPLE, label=Y[:200]), Rows(X, Y), "sample.label must be true or false"),
        (replace(SAMPLE, label=SAMPLE.label[:5]), Rows(X, Y), "for each of 200 rows"),
        (replace(SAMPLE, known=SAMPLE.known[:5]), Rows(X, Y), "sample.known must be true or false"),
        (Sample(X[:0], Y[:0] == "yes", np.ones(0, bool)), Rows(X, Y), "sample must have rows"),
        (replace(SAMPLE, x=X[:200] * np.nan), Rows(X, Y), "x must be finite"),
        (SAMPLE, Rows(X, Y[:5]), "y must be one label for each of 600 rows"),
        (SAMPLE, Rows(X[:, :2], Y), "x must have the model's 5 columns"),
    ],
)
def test_what_is_not_labelled_rows_of_the_model_is_refused(
    fitted: Fitted, sample: Sample, rows: Rows, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        measure(fitted, sample, rows, SETTINGS, positive="yes")


def test_resamples_start_afresh_whatever_the_model_went_on_from(
    fitted: Fitted, measured: Measures
) -> None:
    warm = replace(SETTINGS, train=SETTINGS.train.model_copy(update={"warm_start": True}))
    found = measure(fitted, SAMPLE, Rows(X, Y), warm, positive="yes")
    assert found.bootstrap == measured.bootstrap
    assert found.bootstrap["resamples"] == 2


def test_the_same_seed_gives_the_same_numbers(fitted: Fitted, measured: Measures) -> None:
    same, other = again(fitted), again(fitted, seed=2)
    np.testing.assert_equal(same.summary(), measured.summary())
    assert same.curves.equals(measured.curves)
    assert other.consensus != measured.consensus


def test_measures_do_not_share_random_numbers(fitted: Fitted, measured: Measures) -> None:
    fewer = again(fitted, resamples=0, noise=0.0)
    assert fewer.curves.equals(measured.curves)
    for scores in (fewer.consensus, *fewer.by_seed.values()):
        assert (scores["noise_distance"], scores["noise_overlap"]) == (0, 1)
    assert fewer.bootstrap["resamples"] == 0
    assert np.isnan(fewer.bootstrap["distance"])


def test_a_seed_is_judged_by_its_own_model(fitted: Fitted, measured: Measures) -> None:
    """The judge of a lone seed's consensus is that seed: the same scores, the same random draws."""
    for seed in fitted.seeds:
        alone = again(fitted.only(seed), resamples=0)
        of_seed = {**measured.by_seed[seed], "undecided": np.nan}  # one vote decides nothing
        assert of_seed.pop("agreement") < 1
        for name, value in alone.consensus.items():
            # What the fixed order is depends on whose importance it follows.
            if not name.endswith("fixed"):
                assert value == pytest.approx(of_seed[name], abs=1e-5, nan_ok=True), name
        assert alone.by_seed[seed]["agreement"] == pytest.approx(1)


def test_equal_seeds_agree(fitted: Fitted) -> None:
    one = fitted.only(1)
    twins = replace(
        one, seeds=(1, 2), weights={n: np.repeat(w, 2, axis=0) for n, w in one.weights.items()}
    )
    found = again(twins, resamples=0)
    assert [scores["agreement"] for scores in found.by_seed.values()] == pytest.approx([1, 1])
    # The mean of two equal probabilities is that probability.
    assert found.by_seed[1] == pytest.approx(found.by_seed[2])
    assert found.consensus["sufficiency_auc"] == found.by_seed[1]["sufficiency_auc"]


def test_agreement_is_that_of_the_explanation(fitted: Fitted, measured: Measures) -> None:
    of_seeds = [scores["agreement"] for scores in measured.by_seed.values()]
    explained = explain(fitted, SAMPLE.x).agreement.mean()
    assert np.mean(of_seeds) == pytest.approx(explained, abs=1e-6)


def test_unlabelled_rows_leave_what_needs_no_label(fitted: Fitted, measured: Measures) -> None:
    blind = replace(SAMPLE, known=np.zeros(200, bool))
    found = again(fitted, blind)
    assert np.isnan(found.consensus["sufficiency_auc"])
    assert found.consensus["sufficiency_drop"] == measured.consensus["sufficiency_drop"]
    assert found.bootstrap == measured.bootstrap


def test_an_ensemble_computes_in_batches_what_it_does_at_once(fitted: Fitted) -> None:
    parts, whole = (Ensemble(fitted, positive="yes", batch_rows=rows) for rows in (7, 8192))
    np.testing.assert_allclose(parts.masks(X), whole.masks(X), atol=1e-6)
    together = whole.together(X)
    np.testing.assert_allclose(parts.together(X), together, atol=1e-6)
    np.testing.assert_allclose(together[0], together[1:].mean(0), atol=1e-6)
    np.testing.assert_array_equal(whole.mean(X), together[:1])
    np.testing.assert_allclose(whole.only(3).alone(X)[0], together[3], atol=1e-6)
    no = Ensemble(fitted, positive="no").alone(X)
    np.testing.assert_allclose(no, 1 - together[1:], atol=1e-6)
    with pytest.raises(ValueError, match="must know the label 'maybe', however"):
        Ensemble(fitted, positive="maybe")


def test_a_resample_draws_rows_with_replacement_and_misses_no_class() -> None:
    rng = np.random.default_rng(0)
    y = np.array(["yes"] + ["no"] * 19)
    for _ in range(50):
        rows = resample(y, rng)
        assert len(rows) == 20
        assert set(rows) <= set(range(20))
        assert 0 in rows
    distinct = [len(set(resample(np.arange(1000) % 2, rng))) for _ in range(20)]
    assert np.mean(distinct) == pytest.approx(1000 * (1 - 1 / np.e), rel=0.02)


def test_of_many_rare_classes_a_resample_misses_none() -> None:
    """By chance alone one draw in 10**28 has them all."""
    y = np.arange(200).clip(max=140)
    rows = resample(y, np.random.default_rng(0))
    assert (len(rows), len(np.unique(y[rows]))) == (200, 141)
    assert len(set(rows)) < 200


def masks(seed: int) -> Floats:
    raw = np.random.default_rng(seed).gamma(0.3, 1.0, (20, 4)).astype(np.float32)
    return normalise(raw)[0]


def test_the_summary_of_equal_resamples_has_no_distance() -> None:
    whole = {1: masks(1), 2: masks(2), 3: masks(3), 4: masks(4)}
    same = {1: masks(1), 2: masks(2)}
    found = summary([same, same, same], whole, seeds=(1, 2))
    assert (found["distance"], found["distance_of_seeds"]) == (0, 0)
    assert found["distance_to_all_rows"] == 0
    assert (found["interprestability"], found["interprestability_of_seeds"]) == (1, 1)
    groups = [consensus(np.stack([whole[a], whole[b]])) for a, b in ((1, 2), (3, 4))]
    assert found["distance_by_chance"] == pytest.approx(mean_distance(groups))
    pairs = [variation(whole[a], whole[b]) for a, b in combinations(whole, 2)]
    assert found["distance_of_seeds_by_chance"] == pytest.approx(np.mean(pairs))


def test_the_summary_compares_a_seed_with_itself_on_other_rows() -> None:
    first, second = {1: masks(1), 2: masks(2)}, {1: masks(3), 2: masks(4)}
    found = summary([first, second], first, seeds=(1, 2))
    of_seeds = [variation(first[seed], second[seed]) for seed in (1, 2)]
    assert found["distance_of_seeds"] == pytest.approx(np.mean(of_seeds))
    apart = mean_distance([consensus(np.stack(list(one.values()))) for one in (first, second)])
    assert found["distance"] == pytest.approx(apart)
    assert found["distance_to_all_rows"] == pytest.approx(apart / 2)
    assert np.isnan(found["distance_by_chance"])  # there are no other seeds


def test_a_seed_that_diverged_on_a_resample_is_not_compared_there() -> None:
    first, second = {1: masks(1), 2: masks(2)}, {2: masks(4)}
    found = summary([first, second], first, seeds=(1, 2))
    assert found["distance_of_seeds"] == pytest.approx(float(variation(first[2], second[2])))
    assert found["distance"] == found["distance_of_seeds"]
    assert found["distance_to_all_rows"] == pytest.approx(found["distance"] / 2)
    same = summary([first, {2: first[2]}], first, seeds=(1, 2))
    assert (same["distance"], same["distance_to_all_rows"], same["interprestability"]) == (0, 0, 1)


def test_where_every_seed_diverged_somewhere_nothing_is_compared() -> None:
    found = summary([{1: masks(1)}, {2: masks(2)}], {1: masks(1), 2: masks(2)}, seeds=(1, 2))
    assert {name for name, value in found.items() if not np.isnan(value)} == {"resamples"}


def resampled(*, threads: Wanted, resamples: int = 3, share: float = 0.0) -> list[BySeed]:
    changes = {"epochs": 1, "threads": threads, "validation_share": share}
    train = SETTINGS.train.model_copy(update=changes)
    return list(
        bootstrap.resampled_masks(
            Rows(X, Y),
            X[:9],
            model=SETTINGS.model,
            train=train,
            seeds=(1, 3),
            resamples=resamples,
            rng=trust.stream(1, 3),
        )
    )


def test_resamples_are_the_same_on_any_number_of_threads_and_however_many_follow() -> None:
    expected = resampled(threads=1)
    for found in (resampled(threads=2), resampled(threads="auto"), resampled(threads=3)):
        np.testing.assert_equal(found, expected)
    np.testing.assert_equal(resampled(threads=2, resamples=2), expected[:2])
    assert resampled(threads="auto", resamples=0) == []


def test_what_a_resample_draws_changes_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = resampled(threads=1)

    def greedy(y: NDArray[np.generic], rng: np.random.Generator) -> NDArray[np.int64]:
        rows = resample(y, rng)
        rng.random(7)
        return rows

    monkeypatch.setattr(bootstrap, "resample", greedy)
    np.testing.assert_equal(resampled(threads=1), expected)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_no_more_resamples_train_at_once_than_there_are_threads(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    lock, now, most = threading.Lock(), 0, 0
    all_at_once = threading.Barrier(threads)  # fewer wait for ever, but for the timeout

    def counted(*arguments: object, **settings: Any) -> object:
        nonlocal now, most
        assert settings["train"].threads == 1
        with lock:
            now += 1
            most = max(most, now)
        all_at_once.wait(timeout=60)
        found = fit(*arguments, **settings)  # type: ignore[arg-type]
        with lock:
            now -= 1
        return found

    monkeypatch.setattr(bootstrap, "fit", counted)
    resampled(threads=threads, resamples=2 * threads)
    assert most == threads


def test_a_resample_on_which_all_seeds_diverge_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    def some(*arguments: object, **settings: object) -> object:
        calls.append(arguments)
        if len(calls) == 1:
            raise DivergedError("training must stay finite, however: it did not")
        return fit(*arguments, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(bootstrap, "fit", some)
    with caplog.at_level(logging.WARNING):
        found = resampled(threads=1)
    assert [sorted(one) for one in found] == [[1, 3], [1, 3]]
    assert "resample 1 is left out: training must stay finite" in caplog.text
    assert mean_distance([found[0][1], found[1][1]]) > 0


def test_a_mistake_in_the_settings_is_no_divergence() -> None:
    with pytest.raises(InputError, match=r"train.validation_share must leave at least 2"):
        resampled(threads=1, share=0.999)
