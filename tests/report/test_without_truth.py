"""The section that needs no truth: what its texts, table and figures say of its files."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser

from tabnet.report import judged, report, without_truth
from tests.report.browser import SCHEMES, Opened
from tests.report.example import write
from tests.report.test_page import Page, drawn, render


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, rows=40)


def edit(folder: Path, **changes: object) -> None:
    path = folder / "reports/syn4/trust.json"
    trust = json.loads(path.read_text())["syn4"]
    path.write_text(json.dumps({"syn4": trust | changes}))


def test_the_sentences_say_the_curves_at_enough_features(folder: Path) -> None:
    curves = pd.read_csv(folder / "reports/syn4/faithfulness.csv")
    k = without_truth.enough(curves)
    kept = curves[(curves["side"] == "keep") & (curves["order"] == "consensus")]
    gain = kept.set_index("k")["auc"] - 0.5
    assert gain[k] >= 0.95 * gain[10] > gain[k - 1]
    text = Page(render(folder)).text
    for side, start in (("keep", "With only"), ("remove", "Without")):
        here = curves[(curves["side"] == side) & (curves["k"] == k)].set_index("order")["auc"]
        assert f"{start} the first {k} features of each row" in text
        for order in ("consensus", "fixed", "random"):
            assert f" {here[order]:.3f}" in text


def test_the_sentences_leave_a_feature_out_where_all_are_needed(folder: Path) -> None:
    path = folder / "reports/syn4/faithfulness.csv"
    curves = pd.read_csv(path)
    curves.loc[(curves["k"] < 10) & (curves["side"] == "keep"), "auc"] = 0.5
    curves.to_csv(path, index=False)
    assert without_truth.enough(curves) == 10
    text = Page(render(folder)).text
    assert "With only the first 9 features of each row" in text
    assert "Without the first 9 features of each row" in text


@pytest.mark.parametrize("k", [[10], [0, 10], [3], [1, 3]])
def test_few_numbers_of_features_have_sentences(folder: Path, k: list[int]) -> None:
    path = folder / "reports/syn4/faithfulness.csv"
    curves = pd.read_csv(path)
    curves[curves["k"].isin(k)].to_csv(path, index=False)
    first = "the first feature of" if k == [1, 3] else f"the first {k[-1]} features of"
    assert f"With only {first} each row" in Page(render(folder)).text


def test_curves_of_no_feature_are_refused(folder: Path) -> None:
    path = folder / "reports/syn4/faithfulness.csv"
    curves = pd.read_csv(path)
    curves[curves["k"] == 0].to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"faithfulness.csv: must have a k above 0, however: none"):
        render(folder)


@pytest.mark.parametrize("auc", [0.5, 0.3])
def test_a_model_no_better_than_chance_has_sentences(folder: Path, auc: float) -> None:
    path = folder / "reports/syn4/faithfulness.csv"
    pd.read_csv(path).assign(auc=auc).to_csv(path, index=False)
    assert f"the AUC is {auc:.3f}" in Page(render(folder)).text


def test_without_labels_the_curves_are_those_of_the_drop(folder: Path) -> None:
    path = folder / "reports/syn4/faithfulness.csv"
    pd.read_csv(path).assign(auc=np.nan).to_csv(path, index=False)
    section = report.judged_section(drawn(folder).numbers)
    assert section is not None
    for figure in section.figures:
        assert figure.sentences == ()
        spec = json.dumps(figure.chart.to_dict())
        assert '"field": "drop"' in spec
        assert '"field": "auc"' not in spec
    assert "With only the first" not in Page(render(folder)).text


def test_the_table_has_the_measures_and_leaves_out_what_was_not_measured(folder: Path) -> None:
    text = Page(render(folder)).text
    for cell in ("0.870 ± 0.010", "3.1 %", "98.2 %", "21.4 %", "29.2 %", "0.911"):
        assert cell in text
    assert "same rows, other seeds: consensus –, single seeds 41.2 %" in text
    trust = judged.trust(folder / "reports/syn4/trust.json")
    none = trust.bootstrap.model_copy(update={"resamples": 0})
    edit(folder, bootstrap=none.model_dump())
    text = Page(render(folder)).text
    assert "InterpreStability" not in text
    assert "Other rows" not in text


def test_only_what_never_moves_has_the_best_percentages(folder: Path) -> None:
    consensus = judged.trust(folder / "reports/syn4/trust.json").consensus.model_dump()
    for moved, kept, said in (
        (0.0, 1.0, ["0.0 %", "100.0 %"]),
        (0.0004, 0.9996, ["less than 0.1 %", "more than 99.9 %"]),
        (0.0006, 0.9994, ["0.1 %", "99.9 %"]),
    ):
        edit(folder, consensus=consensus | {"noise_distance": moved, "noise_overlap": kept})
        section = report.judged_section(drawn(folder).numbers)
        assert section is not None
        assert [row[1] for row in section.rows if row[0].startswith("Small noise")] == said


def test_one_seed_agrees_with_nobody(folder: Path) -> None:
    trust = judged.trust(folder / "reports/syn4/trust.json")
    alone = {name: {**spread, "std": None} for name, spread in trust.seeds.model_dump().items()}
    edit(folder, seeds=alone)
    text = Page(render(folder)).text
    assert "Agreement of seeds" not in text
    section = report.judged_section(drawn(folder).numbers)
    assert section is not None
    cells = [cell for row in section.rows for cell in row]
    assert "3.1 %" in cells
    assert not any("±" in cell for cell in cells)


def test_every_measure_says_what_it_does_not_see() -> None:
    for title, note in without_truth.NOTES:
        assert "not see" in note, title


@pytest.mark.parametrize("name", ["trust.json", "faithfulness.csv"])
def test_without_its_files_a_page_has_no_such_section(folder: Path, name: str) -> None:
    (folder / "reports/syn4" / name).unlink()
    assert "without knowing the truth" not in Page(render(folder)).text


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_figures_lie_in_the_page(browser: Browser, root: Path, width: int, scheme: str) -> None:
    address = (root / "report.html").as_uri()
    opened = Opened(browser, address, viewport={"width": width, "height": 900}, color_scheme=scheme)
    boxes = [opened.page.locator(f"#{side} svg").bounding_box() for side in ("keep", "remove")]
    keep, remove = (box for box in boxes if box)
    assert keep["width"] == pytest.approx(remove["width"], abs=1)
    assert (keep["y"] == pytest.approx(remove["y"], abs=1)) == (width == 1280)
    for side in ("keep", "remove"):
        # Eleven numbers of features by four orders, and a line for each order.
        assert opened.page.locator(f"#{side} svg .mark-symbol path[aria-label]").count() >= 44
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.said == []
    opened.close()


def test_no_number_of_features_is_said_twice(browser: Browser, tmp_path: Path) -> None:
    root = write(tmp_path, rows=40, features=("only",))
    (root / "report.html").write_text(render(root), "utf-8")
    opened = Opened(browser, (root / "report.html").as_uri())
    labels = opened.page.locator("#keep .role-axis-label text").all_text_contents()
    opened.close()
    whole = [label for label in labels if label.isdigit()]
    assert whole == ["0", "1"]
