"""The index: a page without a script, data sets side by side, links that lead to the reports."""

import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tabnet.report import explanation, index, numbers
from tabnet.report.card import card
from tabnet.report.measured import Card
from tests.report.browser import SCHEMES, decoded
from tests.report.example import write
from tests.report.test_page import Page, render

NAMES = ("syn4", "<script>window.hacked=1<")


def made(root: Path, name: str, *, rows: int = 300) -> Card:
    """The card of an example."""
    write(root, dataset=name, rows=rows)
    data = root / "data" / name
    opened = explanation.open_folder(data / "explanation", name=name, values=data / "test.parquet")
    found = numbers.read(root / "reports" / name, features=opened.features)
    return card(opened, found, sort_by="V10", quantile=0.995)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of two data sets, and the reports of both."""
    root = tmp_path_factory.mktemp("index")
    html = index.html([made(root, name) for name in NAMES])
    (root / "reports/index.html").write_text(html, "utf-8")
    for name in NAMES:
        path = root / "reports" / name / "report.html"
        path.write_text(render(root, dataset=name), "utf-8")
    return root / "reports"


def test_it_names_every_data_set_and_needs_no_script(folder: Path) -> None:
    page = Page((folder / "index.html").read_text("utf-8"))
    assert "script" not in {tag for tag, _ in page.elements}
    for name in NAMES:
        assert name in page.text
    links = {attributes["href"] for tag, attributes in page.elements if tag == "a"}
    assert links == {
        f"./{name}/report.html" for name in ("syn4", "%3Cscript%3Ewindow.hacked%3D1%3C")
    }


def test_it_says_how_far_the_consensus_is_from_the_limit(folder: Path) -> None:
    text = Page((folder / "index.html").read_text("utf-8")).text.replace("\u00a0", " ")
    assert "0.998 (seeds 0.968 ± 0.010); Bayes limit 0.999 (−0.001)" in text
    assert text.count("Bayes limit 0.") == 2 * 4


def test_one_seed_has_no_deviation(tmp_path: Path) -> None:
    one = made(tmp_path, "syn4")
    assert one["metrics"] is not None
    for score in one["metrics"]["seeds"].values():
        score["std"] = None
    text = Page(index.html([one])).text
    assert "0.998 (seeds 0.968)" in text
    assert "±" not in text
    assert "nan" not in text.split()


def test_ids_of_the_pictures_do_not_clash(folder: Path) -> None:
    page = Page((folder / "index.html").read_text("utf-8"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_data_sets_without_scores_or_rows_have_a_card(tmp_path: Path) -> None:
    empty = made(tmp_path, "empty", rows=0)
    empty["metrics"] = None
    text = Page(index.html([empty])).text
    assert "No scores are known" in text
    assert "0 test observations" in text


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_fits_any_width_and_axe_finds_nothing(
    browser: Browser, folder: Path, scheme: str
) -> None:
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((folder / "index.html").as_uri())
    for width in (360, 768, 1280, 2560):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert said == []
    assert [url for url in asked[1:] if not url.startswith("data:")] == []
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
    context.close()


def test_a_narrow_picture_of_masks_has_the_colours_of_its_cells_alone(
    browser: Browser, folder: Path
) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 900}, bypass_csp=True)
    page.goto((folder / "index.html").as_uri())
    cells = page.locator(".grid .picture >> nth=0").locator(".mark-rect.role-mark path")
    fills = cells.evaluate_all("all => all.map((one) => getComputedStyle(one).fill)")
    box = page.locator(".grid .layer_0_marks >> nth=0").bounding_box()
    assert box is not None
    corner = {"x": box["x"] + 1, "y": box["y"] + 1}
    clip: Any = {**corner, "width": box["width"] - 2, "height": box["height"] - 2}
    seen = decoded(page, page.screenshot(clip=clip, full_page=True))
    page.context.close()
    known = {tuple(map(int, re.findall(r"\d+", fill))) for fill in fills}
    assert len(known) > 20
    assert set(map(tuple, seen.reshape(-1, 3).tolist())) <= known


@pytest.mark.parametrize("place", [0, 1])
def test_links_lead_to_the_reports(browser: Browser, folder: Path, place: int) -> None:
    page = browser.new_page()
    page.goto((folder / "index.html").as_uri())
    page.click(f".grid section:nth-of-type({place + 1}) h2 a")
    page.wait_for_function("document.documentElement.dataset.state === 'drawn'")
    assert page.title() == f"TabNet masks · {NAMES[place]}"
    page.context.close()
