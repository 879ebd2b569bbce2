"""Figures saved as SVG and PNG, their data as CSV; the loss on another axis."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pandas as pd

from tests.report.browser import Opened
from tests.report.example import by_v10, read

Floats = npt.NDArray[np.floating]


def downloaded(opened: Opened, figure: str, kind: str) -> bytes:
    with opened.page.expect_download() as waiting:
        opened.page.click(f"[data-figure={figure}] [data-save={kind}]")
    return Path(waiting.value.path()).read_bytes()


def saved(opened: Opened, figure: str, kind: str) -> str:
    """What would be downloaded, taken before the browser counts its downloads."""
    script = """([figure, kind]) => new Promise((done) => {
        const create = URL.createObjectURL;
        URL.createObjectURL = (blob) => {
            URL.createObjectURL = create;
            done(blob.text());
            return '#';
        };
        document.querySelector(`[data-figure=${figure}] [data-save=${kind}]`).click();
    })"""
    return str(opened.page.evaluate(script, [figure, kind]))


def test_every_figure_can_be_saved(opened: Opened) -> None:
    figures = opened.page.eval_on_selector_all(
        "[data-figure]", "all => all.map(one => one.dataset.figure)"
    )
    assert len(figures) == 12
    for figure in figures:
        svg = saved(opened, figure, "svg")
        assert ElementTree.fromstring(svg).tag.endswith("svg")
        assert "var(--" not in svg
        first = ElementTree.fromstring(svg)[0]  # paper, whatever lies below the figure
        assert first.attrib == {"width": "100%", "height": "100%", "fill": "#ffffff"}
        rows = list(csv.reader(io.StringIO(saved(opened, figure, "csv"), newline="")))
        assert len(rows) > 1
        assert len({len(row) for row in rows}) == 1
    assert downloaded(opened, "heat", "png").startswith(b"\x89PNG")


def test_saved_tables_hold_what_the_figures_show(opened: Opened, root: Path) -> None:
    columns = {
        "importance": ["feature", "mask", "share", "truth"],
        "votes": ["feature", "votes", "rows", "share"],
        "groups": ["feature", "group", "share", "relevant"],
        "scores": ["dataset", "score", "consensus", "mean", "std", "limit", "low", "high"],
        "agreement": ["low", "high", "rows"],
        "training": ["epoch", "seed", "loss"],
        "roc": ["fpr", "tpr"],
        "calibration": ["predicted", "observed", "rows", "low", "high"],
        "spread": ["low", "high", "rows", "label"],
    }
    tables = {name: pd.read_csv(io.StringIO(saved(opened, name, "csv"))) for name in columns}
    assert {name: list(table.columns) for name, table in tables.items()} == columns
    metrics = json.loads((root / "reports/syn4/metrics.json").read_text())["syn4"]["consensus"]
    scores = tables["scores"].set_index("score")["consensus"]
    assert scores["AUC"] == metrics["auc"]
    assert scores["false discoveries (lower is better)"] == metrics["fdr"]
    assert tables["agreement"]["rows"].sum() == 5000
    history = pd.read_csv(root / "reports/syn4/history.csv")
    np.testing.assert_allclose(tables["training"]["loss"], history["loss"], atol=1e-5)


def test_the_saved_table_of_the_heatmap_is_what_it_shows(opened: Opened, root: Path) -> None:
    table = pd.read_csv(io.BytesIO(downloaded(opened, "heat", "csv")))
    assert len(table) == 50000
    order = by_v10(root)
    np.testing.assert_array_equal(table["observation"][::10] - 1, order)
    wide = table["consensus"].to_numpy().reshape(5000, 10)
    np.testing.assert_allclose(wide, read(root, "consensus")[order], atol=2e-5)


def test_the_loss_has_a_logarithmic_axis_too(opened: Opened) -> None:
    labels = """() => [...document.querySelectorAll('#training .role-axis-label text')]
        .filter((label) => label.textContent)
        .map((label) => [Number(label.textContent), label.getBoundingClientRect()])
        .map(([value, box]) => [value, box.right, box.y + box.height / 2])"""

    def apart(scaled: Callable[[Floats], Floats]) -> float:
        """How far the labels of the y axis are from where a scale puts them, in pixels."""
        found = np.array(opened.page.evaluate(labels))
        values, _, y = found[found[:, 1] < found[0, 1]].T  # left of the x axis' first one
        line = np.polynomial.Polynomial.fit(scaled(values), y, 1)
        return float(np.abs(line(scaled(values)) - y).max())

    assert apart(np.asarray) < 1
    before = opened.page.inner_html("#training svg")
    opened.page.check("#log")
    opened.page.wait_for_function(
        "(before) => document.querySelector('#training svg').innerHTML !== before", arg=before
    )
    assert apart(np.log) < 1 < apart(np.asarray)
    opened.page.uncheck("#log")
