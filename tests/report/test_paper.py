"""The page beside the paper: its numbers, its tables and sentences, and the page in a browser."""

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser
from scipy.stats import spearmanr

from tabnet import layout
from tabnet.datasets import DATASETS
from tabnet.params import Model, Params
from tabnet.report.paper import (
    inputs,
    methods,
    page,
    published,
    results,
    sentences,
    tables,
    truth_free,
)
from tabnet.report.paper.inputs import Input
from tests.imports import ROOT
from tests.report.browser import SCHEMES
from tests.report.test_page import HOSTILE, Page

SCORES = ("auc", "rma", "rra", "tpr", "fdr", "mask_auroc", "mask_average_precision")
METHODS = ("consensus", "single_seed", "pytorch_tabnet", "integrated_gradients", "permutation")


def member(value: float) -> dict[str, float | None]:
    return {name: 1 - value if name == "fdr" else value for name in SCORES}


def peers(value: float, settings: str = "as it is") -> dict[str, Any]:
    """Each method a little worse than the one before."""
    methods = {
        name: {
            "scores": {**member(value - 0.01 * i), "selected": 0.3},
            "train_seconds": 2.0 - i / 10,
            "explain_seconds": 0.1,
            "settings": settings,
        }
        for i, name in enumerate(METHODS)
    }
    return {"methods": methods, "rows": {"train": 10, "test": 10}, "threads": 1}


def made(
    name: str = "paper_syn1",
    *,
    consensus: float = 0.9,
    bayes: float | None = 0.95,
    seeds: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8),
    measure: str | None = None,
    peer: float | None = None,
) -> Input:
    """A data set whose scores all have the same value; the measure follows the true scores."""
    mean, std = float(np.mean(seeds)), float(np.std(seeds, ddof=1))
    spread = {key: {"mean": value, "std": std} for key, value in member(mean).items()}
    members = {"consensus": member(consensus)}
    members |= {f"seed_{k}": member(value) for k, value in enumerate(seeds)}
    trust = {key: {measure: scores["rma"]} for key, scores in members.items()} if measure else None
    return Input(
        name=name,
        metrics={
            "consensus": member(consensus),
            "seeds": spread,
            **({} if bayes is None else {"bayes": {"auc": bayes}}),
        },
        members=members,
        training={"seeds": len(seeds), "epochs": 9, "batch_size": 5, "parameters": 1234},
        peers=None if peer is None else peers(peer),
        trust=trust,
    )


def html(*made: Input) -> str:
    return page.html(results.collect(made), provenance=[{"title": "Files", "rows": [("a", "b")]}])


@pytest.mark.slow
@pytest.mark.parametrize("name", published.DATASETS)
def test_a_published_limit_is_the_auc_of_the_true_probability(name: str) -> None:
    p = np.sort(DATASETS[name].sample(2_000_000, seed=3).probability.astype(np.float64))
    pairs = p @ (np.cumsum(1 - p) - (1 - p))  # of a yes above a no, on average over labels
    expected = pairs / (p.sum() * (1 - p).sum())
    drawn = 0.0004  # by so much may the rows' own expectation differ
    assert abs(expected - published.LIMIT[name]) < 0.0005 + drawn
    for row in published.AUC.values():
        assert row[name].mean < published.LIMIT[name]


def test_the_papers_parameters_are_those_of_its_sizes() -> None:
    for name, training in published.TRAINING.items():
        steps = 4 if name in ("paper_syn1", "paper_syn2", "paper_syn3") else 5
        model = Model(n_d=16, n_a=16, n_steps=steps, n_shared=2, n_independent=2)
        shapes = layout.parameters(model, n_features=11, n_classes=2)
        assert sum(math.prod(shape) for shape in shapes.values()) == training["parameters"]
        assert training["parameters"] // 1000 == (26 if steps == 4 else 31)


@pytest.mark.parametrize(
    ("auc", "bayes", "above", "nearer"),
    [
        (0.691, 0.7, True, False),  # INVASE: .690, .009 below .699
        (0.690, 0.698, False, True),
        (0.6904, 0.7, False, False),  # printed as INVASE's is
        (0.689, 0.7, False, False),
        (0.695, 0.699, True, True),
        (0.701, 0.700, True, True),  # by luck above the limit
    ],
)
def test_what_is_reached_is_computed(auc: float, bayes: float, above: bool, nearer: bool) -> None:
    found = results.prediction(made(consensus=auc, bayes=bayes))
    assert (found["above_every_row"], found["nearer_the_limit"]) == (above, nearer)
    assert found["best_published"] == "INVASE"
    assert found["below_limit"] == pytest.approx(bayes - auc)
    assert found["best_published_below_limit"] == pytest.approx(0.009)


def test_the_target_counts_data_sets() -> None:
    read = [
        made("paper_syn1", consensus=0.69, bayes=0.71),
        made("paper_syn4", bayes=0.92),
        made("syn2"),
    ]
    target = results.collect(read)["target"]
    assert target == {
        "datasets": 2,
        "above_every_row": 1,
        "nearer_the_limit": 1,
        "largest_below_limit": 0.02,
    }


def test_without_a_limit_on_the_rows_nothing_is_claimed_of_it() -> None:
    found = results.prediction(made(bayes=None))
    assert found["nearer_the_limit"] is None
    assert found["below_limit"] is None
    assert "–" in Page(html(made(bayes=None))).text


def test_masks_name_the_data_sets_where_a_seed_is_better() -> None:
    found = results.collect([made("syn2"), made("syn4", consensus=0.65)])["masks"]
    assert (found["syn4"]["seeds_of_less_rma"], found["syn4"]["n_seeds"]) == (2, 4)
    assert "syn4 (2 of 4)" in sentences.masks(found)[0]
    assert "syn2" not in sentences.masks(found)[0]
    assert "every data set" in sentences.masks({"syn2": found["syn2"]})[0]


def test_the_best_of_a_column_is_marked() -> None:
    (table,) = tables.of(results.collect([made(consensus=0.9)]))["auc"]
    marked = {name for name, cells in table.rows for cell in cells if cell.best}
    assert marked == {"consensus, here"}
    (table,) = tables.of(results.collect([made(consensus=0.6)]))["auc"]
    marked = {name for name, cells in table.rows for cell in cells if cell.best}
    assert marked == {"INVASE (paper)"}


def test_all_that_print_as_the_best_are_named() -> None:
    one = peers(0.9)
    one["methods"]["permutation"]["scores"]["rma"] = 0.9004
    said = sentences.peers({"syn2": one, "syn4": peers(0.8)})[0]
    most = "Most mask mass on relevant features, of 2 data sets"
    assert said == f"{most}: consensus on 2 and permutations on 1."


def test_a_dense_mask_earns_nothing_by_selecting_everything() -> None:
    one = peers(0.9)
    one["methods"]["permutation"]["scores"] |= {"tpr": 1.0, "selected": 1.0}
    table = methods.all_scores("syn2", one)
    of = dict(
        zip(table.columns, zip(*(cells for _, cells in table.rows), strict=True), strict=True)
    )
    assert not any(cell.best for cell in (*of["relevant found"], *of["cells selected"]))
    assert [cell.best for cell in of["false discoveries"]] == [True, *[False] * 4]


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-9, 9, width=32)), min_size=4, max_size=30))
def test_rank_correlations_are_scipys(pairs: list[tuple[int, float]]) -> None:
    first, second = zip(*pairs, strict=True)
    found = truth_free.spearman([float(value) for value in first], second)
    if len(set(first)) < 2 or len(set(second)) < 2:
        assert found is None
    else:
        assert found == pytest.approx(float(spearmanr(first, second).statistic), abs=1e-5)


def test_missing_pairs_are_left_out_and_few_say_nothing() -> None:
    assert truth_free.spearman([1, None, 2, 3, 4], [4, 9, 3, None, 2]) is None
    assert truth_free.spearman([1, None, 2, 3, 4], [4, 9, 3, 2, 1]) == -1


def test_a_measure_that_follows_the_truth_is_believed() -> None:
    found = truth_free.collect([made("syn2", measure="good"), made("syn4", measure="good")])
    assert found is not None
    assert found["within"]["good"] == {"rma": 1, "fdr": 1, "mask_average_precision": 1}
    assert found["between"]["good"]["rma"] is None  # two points
    text = " ".join(sentences.truth_free(found))
    assert "good follows the truth best: 1.00 to 1.00" in text
    assert "does not" not in text
    assert "not to be believed" not in text


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [[6], [5, 5], [25, 10, 4]])
def test_measures_that_know_nothing_stay_below_chance_most_of_the_time(numbers: list[int]) -> None:
    limit, rng = truth_free.chance(numbers), np.random.default_rng(0)
    assert limit is not None
    means = [
        np.mean([spearmanr(rng.random(n), rng.random(n)).statistic for n in numbers])
        for _ in range(1000)
    ]
    assert np.mean(np.abs(means) > limit) == pytest.approx(0.05, abs=0.03)


def test_the_best_measure_is_said_to_be_picked_and_what_chance_does() -> None:
    found = truth_free.collect([made("syn2", measure="good"), made("syn4", measure="good")])
    assert found is not None
    assert "chance alone takes one in twenty beyond 0.80, up or down." in " ".join(
        sentences.truth_free(found)
    )
    two = found["within"] | {"bad": dict.fromkeys(found["within"]["good"], -0.5)}
    text = " ".join(sentences.truth_free({**found, "within": two, "chance": 1.0}))
    assert "any correlation, even 1, may be chance, and this is the best of 2." in text


def test_less_of_a_distance_is_better() -> None:
    one = made("syn2", measure="noise_distance")
    found = truth_free.collect([one])
    assert found is not None
    assert found["within"]["noise_distance"] == {"rma": -1, "fdr": -1, "mask_average_precision": -1}
    captions = [name for name, _ in tables.correlations(found)[0].rows]
    assert captions == ["less noise distance"]


def test_of_what_is_not_defined_nothing_is_said() -> None:
    few, many = (
        made(name, seeds=seeds, measure="good")
        for name, seeds in (("syn2", (0.5, 0.6, 0.7)), ("syn4", (0.5, 0.6, 0.7, 0.8)))
    )
    text = " ".join(sentences.truth_free(truth_free.collect([few])))
    assert "None is defined here: it takes 4 seeds or more" in text
    assert "follows the truth best" not in text
    text = " ".join(sentences.truth_free(truth_free.collect([few, many])))
    assert "good follows the truth best: 1.00 to 1.00" in text
    assert "does not: " not in text


def test_a_measure_that_contradicts_the_truth_is_not() -> None:
    one = made("syn2", measure="bad_one")
    assert one.trust is not None
    turned = {
        key: {name: -(value or 0) for name, value in row.items()} for key, row in one.trust.items()
    }
    found = truth_free.collect([replace(one, trust=turned)])
    assert found is not None
    assert found["within"]["bad_one"]["rma"] == -1
    text = " ".join(sentences.truth_free(found))
    assert "follows the truth best" not in text
    assert "not to be believed: bad one" in text


def test_a_data_set_on_which_the_best_measure_fails_is_named() -> None:
    found = truth_free.collect([made("syn2", measure="good"), made("syn4", measure="good")])
    assert found is not None
    found["by_dataset"]["syn2"]["good"] = dict.fromkeys(found["within"]["good"], -1.0)
    text = " ".join(sentences.truth_free(found))
    assert "on which it does not: syn2 (-1.00)" in text


def test_an_undefined_correlation_is_none_of_0() -> None:
    """As where all seeds of a data set have the same rate of false discoveries."""
    found = truth_free.collect([made("syn2", measure="good"), made("syn4", measure="good")])
    assert found is not None
    found["by_dataset"]["syn2"]["good"]["fdr"] = None
    assert "does not" not in " ".join(sentences.truth_free(found))


def test_of_measures_that_all_fail_none_is_the_best() -> None:
    found = truth_free.collect([made("syn2", measure="good")])
    assert found is not None
    found["within"]["good"] = dict.fromkeys(found["within"]["good"], 0.1)
    text = " ".join(sentences.truth_free(found))
    assert "follows the truth best" not in text
    assert "not to be believed: good" in text


def test_nothing_but_scores_makes_a_page() -> None:
    text = Page(html(made("syn2", bayes=None))).text
    assert "None of the paper's data sets" in text
    assert "Other methods were not measured" in text
    assert "No measure that needs no truth" in text


def test_rates_are_set_beside_invases() -> None:
    """Rates of every data set are 0.9 / 0.1: INVASE finds more on Syn1 to Syn4 and Syn6."""
    found = results.collect([made(name) for name in (*published.DATASETS, "syn2")])
    assert found["masks"]["syn2"]["published"] == {}
    assert found["masks"]["paper_syn4"]["published"]["INVASE"] == {"tpr": 0.998, "fdr": 0.103}
    table = dict(tables.selections(found["masks"]).rows)
    assert [cell.text for cell in table["INVASE (Yoon et al.)"]][3:5] == [
        "0.998 / 0.103",
        "0.848 / 0.011",
    ]
    assert {cell.text for cell in table["consensus, here"]} == {"0.900 / 0.100"}
    assert all(len(row) == len(published.DATASETS) for row in table.values())
    _, said = sentences.masks(found["masks"])
    assert "relevant features on Syn5 and makes" in said
    assert "false discoveries on Syn4." in said
    unknown = made("paper_syn1")
    unknown.metrics["consensus"].update(tpr=None, fdr=None)
    assert len(sentences.masks(results.collect([unknown])["masks"])) == 1
    worse = made("paper_syn1")
    worse.metrics["consensus"].update(tpr=0.1, fdr=0.9)
    _, said = sentences.masks(results.collect([worse])["masks"])
    assert "finds fewer relevant features on Syn1 and makes more false discoveries on Syn1" in said
    alone = results.collect([made("syn2")])
    assert len(sentences.masks(alone["masks"])) == 1
    assert len(tables.of(alone)["masks"]) == 1


def test_the_page_is_the_same_each_time_and_needs_no_script() -> None:
    read = [made(measure="m", peer=0.9), made("syn2", peer=0.8)]
    assert html(*read) == html(*read)
    assert "script" not in {tag for tag, _ in Page(html(*read)).elements}
    ids = [attributes["id"] for _, attributes in Page(html(*read)).elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_names_are_escaped() -> None:
    one = made("syn2", measure=HOSTILE[0], peer=0.9)
    read = replace(one, name=HOSTILE[1], peers=peers(0.9, settings=HOSTILE[0]))
    text = html(read)
    assert "<script" not in text
    assert "<img" not in text
    assert HOSTILE[0] in Page(text).text


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> str:
    names = [*published.DATASETS, HOSTILE[0]]
    read = [
        made(name, consensus=0.9 - i / 50, measure="a_measure", peer=0.9 - i / 20)
        for i, name in enumerate(names)
    ]
    path = tmp_path_factory.mktemp("paper") / "paper.html"
    path.write_text(html(*read), "utf-8")
    return path.as_uri()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_fits_any_width_asks_for_nothing_and_axe_finds_nothing(
    browser: Browser, opened: str, scheme: str
) -> None:
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(opened)
    for width in (360, 400, 768, 1280, 2560):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert said == []
    assert [url for url in asked[1:] if not url.startswith("data:")] == []
    assert page.evaluate("window.hacked") is None
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
    context.close()


def test_its_own_policy_lets_it_draw(browser: Browser, opened: str) -> None:
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(opened)
    assert said == []
    assert page.locator(".picture svg").count() == 2
    page.context.close()


@pytest.mark.parametrize("font", ["sans-serif", "DejaVu Sans"])
def test_entries_of_a_legend_stand_apart(browser: Browser, opened: str, font: str) -> None:
    page = browser.new_page(bypass_csp=True)
    page.goto(opened)
    page.add_style_tag(content=f"svg text {{ font-family: {font} }}")
    script = """() => [...document.querySelectorAll('.role-legend-entry')].map((legend) =>
        ['.role-legend-label text', '.role-legend-symbol path'].map((what) =>
            [...legend.querySelectorAll(what)].map((one) => {
                const { left, right, top, bottom } = one.getBoundingClientRect();
                return [left, right, (top + bottom) / 2];
            })))"""
    legends = page.evaluate(script)
    page.context.close()
    assert len(legends) == 2
    for labels, symbols in legends:
        for left, right, middle in labels:
            beside = [s[0] for s in symbols if abs(s[2] - middle) < 4 and s[0] > left]
            assert all(right + 4 <= symbol for symbol in beside)


def test_the_first_page_of_a_print_is_not_left_empty(browser: Browser, opened: str) -> None:
    page = browser.new_page(bypass_csp=True)
    page.goto(opened)
    page.emulate_media(media="print")
    script = "getComputedStyle(document.querySelector('.stack > .card')).breakInside"
    assert page.evaluate(script) == "auto"
    page.context.close()


def collected(folder: Path, read: list[Input]) -> None:
    """What the stages leave for the page, and a file of a data set that is no longer listed."""
    paper = folder / "reports" / "paper"
    paper.mkdir(parents=True)
    for one in read:
        scored = {"metrics": {**one.metrics, "agreement": 0.8}, "members": one.members}
        (paper / f"{one.name}.scores.json").write_text(json.dumps(scored))
        (paper / f"{one.name}.peers.json").write_text(json.dumps({one.name: one.peers}))


def stage(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    text = (ROOT / "params.yaml").read_text()
    text = text.replace("peers: []", "peers: [syn4]").replace("tables: []", "tables: [paper]")
    (folder / "params.yaml").write_text(text)
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "stages.paper", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_the_stage_shows_what_is_listed(tmp_path: Path) -> None:
    collected(tmp_path, [made(name, peer=0.9) for name in ("syn2", "syn4", "paper_syn1")])
    members = {f"seed_{k}": {"agreement": k / 10} for k in range(4)} | {"consensus": {}}
    (tmp_path / "reports/paper/syn2.trust.json").write_text(json.dumps(members))
    done = stage(tmp_path, "paper")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "reports/paper.json").read_text()
    found = json.loads(text)
    assert text == json.dumps(found, indent=1, sort_keys=True, allow_nan=False) + "\n"
    assert set(found["masks"]) == {"syn2", "syn4"}
    assert set(found["peers"]) == {"syn4"}
    assert found["prediction"] == {}
    assert found["truth_free"]["by_dataset"]["syn2"]["agreement"]["rma"] == 1
    page = Page((tmp_path / "reports/paper.html").read_text("utf-8"))
    assert "paper_syn1.scores.json" not in page.text
    assert "syn4.peers.json" in page.text
    assert "train.epochs" in page.text


@pytest.mark.slow
def test_what_is_missing_is_one_line(tmp_path: Path) -> None:
    collected(tmp_path, [made("syn2", peer=0.9)])
    done = stage(tmp_path, "paper")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "reports/paper/syn4.scores.json" in done.stderr
    done = stage(tmp_path, "index")
    assert done.stderr == "the table must be one of paper, however: 'index'\n"


def test_a_training_is_described_by_its_own_parameters() -> None:
    found = inputs.training(Params(), n_features=10)
    one = layout.parameters(Model(), n_features=10, n_classes=2)
    assert found["parameters"] == sum(math.prod(shape) for shape in one.values())
    assert (found["seeds"], found["epochs"], found["batch_size"]) == (25, 100, 1000)
