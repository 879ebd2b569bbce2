"""The figure of the seeds' votes: what it counts, and what its sentences claim."""

import re
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
    relevant = rows_of({25: 900, 14: 100}, {0: 500, 9: 500}, seeds=25, relevant=True)
    false = rows_of({17: 50, 24: 10, 0: 940}, {0: 1000}, seeds=25)
    rows, names = np.concatenate([relevant, false], axis=1), ["a", "b", "c", "d"]
    said = votes.sentences(rows, names, hidden=0, truth=True)
    assert "From 13 on (line) at least half" in said[0]
    assert said[1].startswith("18 votes or more, and 7 or fewer, decide, each cell for itself")
    assert said[2:] == [
        "Of the 1,060 cells with 13 votes or more, 14 % are undecided: 33 % of those are truly"
        " irrelevant, of the decided ones 1 %.",
        "a has the most of the undecided ones (67 %).",
        "Of the 1,000 truly relevant cells with fewer votes, 50 % are undecided.",
    ]
    unknown = votes.sentences(rows, names, hidden=0, truth=False)
    assert unknown[2] == "Of the 1,060 cells with 13 votes or more, 14 % are undecided."
    assert len(unknown) == 4
    some = votes.sentences(rows, names, hidden=3, truth=True)
    assert some[2].startswith("Of the 1,060 cells of these features with 13 votes")


def test_of_few_cells_no_share_is_compared() -> None:
    rows = rows_of({25: 5000, 14: 3}, {0: 5003}, seeds=25)
    said = votes.sentences(rows, ["a", "b"], hidden=0, truth=True)
    assert said[2:] == ["Of the 5,003 cells with 13 votes or more, 0.06 % are undecided."]


def test_where_all_is_decided_none_is_undecided() -> None:
    rows = rows_of({25: 100}, {0: 100}, seeds=25)
    said = votes.sentences(rows, ["a", "b"], hidden=0, truth=True)
    assert said[2:] == ["Of the 100 cells with 13 votes or more, none is undecided."]


@pytest.mark.parametrize("seeds", [2, 5])
def test_few_seeds_are_said_to_decide_nothing(seeds: int) -> None:
    said = votes.sentences(rows_of({seeds: 100}, seeds=seeds), ["a"], hidden=0, truth=True)
    assert len(said) == 2
    assert said[1].startswith("So few seeds decide nothing")


def test_where_all_votes_are_needed_it_is_said_so() -> None:
    said = votes.sentences(rows_of({7: 100}, seeds=7), ["a"], hidden=0, truth=True)
    assert said[1].startswith("Only all 7 votes, or none, decide")


def test_what_is_read_aloud_is_a_number_of_votes(opened: Opened) -> None:
    """Cells begin half a vote before theirs."""
    labels = opened.page.eval_on_selector_all(
        "#votes .mark-rect.role-mark path", "all => all.map(one => one.getAttribute('aria-label'))"
    )
    assert len(labels) > 10
    assert [
        text for text in labels if not re.fullmatch(r"V\d\d: \d of 3 votes on \d+ rows", text)
    ] == []


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
    labels = opened.page.eval_on_selector_all(
        "#detail tbody tr", "rows => rows.map(r => r.cells[2].ariaLabel)"
    )
    said, spoken = opened.detail(), opened.page.inner_text("#status")
    opened.close()
    assert cells == ["7", "4?", *["0"] * 8]
    assert labels == [None, "4, undecided", *[None] * 8]
    assert spoken.endswith(", 7 of 7 votes")
    assert "Votes of 7 seeds; with ? other seeds may outvote them." in said
