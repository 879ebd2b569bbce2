"""The figure of the seeds' votes: what it counts, and what its sentences claim."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser

from tabnet.report import store, votes
from tabnet.report.explanation import open_folder
from tests.report.browser import Opened
from tests.report.example import FEATURES, read, write
from tests.report.test_page import Page, drawn, render

SEEDS = (1, 2, 3, 4, 5, 6, 7)


def counted(root: Path) -> npt.NDArray[np.int_]:
    """How many seeds select each cell."""
    masks = np.stack([read(root, f"aggregate_seed_{seed}") for seed in SEEDS])
    return np.asarray((masks > 0).sum(axis=0))


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("rows", [60, 400])
def test_votes_are_counted_on_all_rows_by_their_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, known: bool
) -> None:
    """Of the larger folder the page holds a sample."""
    monkeypatch.setattr(store, "CELLS", 10_000)
    root = write(tmp_path, rows=rows, seeds=SEEDS)
    data = root / "data/syn4"
    relevance = data / "relevance.parquet" if known else None
    truth = np.zeros((rows, len(FEATURES)), bool)
    if relevance:
        truth = pq.read_table(relevance).to_pandas()[list(FEATURES)].to_numpy()
    count = counted(root)
    explanation = open_folder(data / "explanation", name="syn4", relevance=relevance)
    held = store.collect(explanation, sort_by="row", features=tuple(range(len(FEATURES))))
    assert (held.bins is None) == (rows == 60)
    for relevant in (0, 1):
        for j in range(len(FEATURES)):
            expected = np.bincount(count[truth[:, j] == relevant, j], minlength=len(SEEDS) + 1)
            np.testing.assert_array_equal(held.votes[relevant, j], expected)


def test_features_that_are_not_drawn_have_no_votes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "FEATURES", 3)
    root = write(tmp_path, rows=60, seeds=SEEDS)
    one = drawn(root)
    count = counted(root)
    found = one.store.votes.sum(axis=0)
    for place, j in enumerate(one.store.features):
        np.testing.assert_array_equal(found[place], np.bincount(count[:, j], minlength=8))


def rows_of(*features: dict[int, int], seeds: int, relevant: bool = False) -> np.ndarray:
    """The count of rows by votes, of features that are all relevant or all not."""
    rows = np.zeros((2, len(features), seeds + 1), int)
    for j, of in enumerate(features):
        for n, count in of.items():
            rows[int(relevant), j, n] = count
    return rows


def test_what_is_undecided_is_said_and_how_much_of_it_is_false() -> None:
    relevant = rows_of({25: 90, 14: 10}, {0: 50, 9: 50}, seeds=25, relevant=True)
    false = rows_of({17: 5, 24: 1, 0: 94}, {0: 100}, seeds=25)
    rows = np.concatenate([relevant, false], axis=1)
    said = votes.sentences(rows, ["a", "b", "c", "d"], truth=True)
    assert "From 13 on (line)" in said[0]
    assert said[1].startswith("18 or more decide for it, 7 or fewer against it")
    assert said[2] == (
        "14 % of the cells that the consensus selects are undecided: 33 % of them are truly"
        " irrelevant, of the others 1 %."
    )
    assert said[3] == "Most undecided is b, on 50 % of the rows."
    unknown = votes.sentences(rows, ["a", "b", "c", "d"], truth=False)
    assert unknown[2] == "14 % of the cells that the consensus selects are undecided."


def test_where_all_is_decided_none_is_most_undecided() -> None:
    said = votes.sentences(rows_of({25: 100}, {0: 100}, seeds=25), ["a", "b"], truth=True)
    assert said[2:] == ["0 % of the cells that the consensus selects are undecided."]


@pytest.mark.parametrize("seeds", [2, 5])
def test_few_seeds_are_said_to_decide_nothing(seeds: int) -> None:
    said = votes.sentences(rows_of({seeds: 100}, seeds=seeds), ["a"], truth=True)
    assert len(said) == 2
    assert said[1].startswith("So few seeds decide nothing")


def test_one_seed_has_no_votes(tmp_path: Path) -> None:
    assert "votes of the seeds" not in Page(render(write(tmp_path, rows=20, seeds=(4,)))).text


@pytest.mark.parametrize("width", [1280, 390])
def test_undecided_votes_are_marked(browser: Browser, tmp_path: Path, width: int) -> None:
    root = write(tmp_path, rows=20, seeds=SEEDS, steps=4)
    for seed in SEEDS:
        mask = np.zeros((20, 10), np.float32)
        mask[:, 0] = 1.0
        mask[:, 1] = float(seed <= 4)
        mask /= mask.sum(axis=1, keepdims=True)
        path = root / f"data/syn4/explanation/aggregate_seed_{seed}.parquet"
        pd.DataFrame(mask, columns=list(FEATURES)).to_parquet(path)
        if seed == SEEDS[0]:
            path = path.with_name("aggregate.parquet")
            table = pq.read_table(path.with_name("aggregate_seed_1.parquet"))
            pq.write_table(table.replace_schema_metadata({"seed": "1"}), path)
    (root / "report.html").write_text(render(root), "utf-8")
    size = {"width": width, "height": 900}
    opened = Opened(browser, (root / "report.html").as_uri(), viewport=size)
    opened.page.focus("#heat")
    opened.page.keyboard.press("ArrowRight")
    cells = opened.page.eval_on_selector_all(
        "#detail tbody tr", "rows => rows.map(r => r.cells[2].textContent)"
    )
    said = opened.detail()
    opened.close()
    assert cells == ["7", "4?", *["0"] * 8]
    assert "Votes of 7 seeds; with ? other seeds may outvote them." in said
