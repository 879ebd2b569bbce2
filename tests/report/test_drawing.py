"""What the page draws, held against the files that it was drawn from."""

import re
from base64 import b64decode
from itertools import pairwise
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tabnet.report import images, scoreboard
from tabnet.report.__main__ import main
from tests.report.browser import SCHEMES, Bytes, Opened, decoded, slow
from tests.report.example import FEATURES, by_v10, read, write
from tests.report.test_page import render

WIDTHS = (360, slow(768), 1280, slow(2560))

# The texts of figures that end outside of their figure.
CUT = """() => [...document.querySelectorAll('.view svg')].flatMap((svg) => {
    const whole = svg.getBoundingClientRect();
    return [...svg.querySelectorAll('text')].filter((text) => {
        const { left, right, top, bottom } = text.getBoundingClientRect();
        const across = left < whole.left - 0.5 || right > whole.right + 0.5;
        const along = top < whole.top - 2 || bottom > whole.bottom + 2; // room above a letter
        return right > left && (across || along);
    }).map((text) => text.textContent);
})"""


@pytest.fixture(scope="module")
def viridis() -> Bytes:
    """256 colours as Vega-Lite draws them, from a chart of its own (256 x 3)."""
    data = pd.DataFrame({"i": range(256), "v": np.arange(256) / 255})
    colour = alt.Color("v:Q", scale=alt.Scale(scheme="viridis", domain=[0, 1]), legend=None)
    chart = alt.Chart(data).mark_rect().encode(x="i:O", color=colour)
    found = re.findall(
        r'<path aria-label="i: (\d+);[^>]*fill="([^"]+)"', images.svg(chart).result()
    )
    assert len(found) == 256
    colours = [[int(part) for part in re.findall(r"\d+", text)] for _, text in found]
    if any(text.startswith("#") for _, text in found):
        colours = [[int(text[k : k + 2], 16) for k in (1, 3, 5)] for _, text in found]
    return np.array(colours, dtype=np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("how", ["max", "mean"])
def test_each_pixel_has_the_colour_of_its_pooled_value(
    browser: Browser, root: Path, viridis: Bytes, scale: int, how: str
) -> None:
    opened = Opened(
        browser,
        (root / "report.html").as_uri(),
        device_scale_factor=scale,
        viewport={"width": 1280, "height": 1500},
    )
    opened.choose("how", how)
    box = opened.plot()
    corner = {"x": int(box["x"]) - 1, "y": int(box["y"]) - 1}
    clip: Any = {**corner, "width": int(box["width"]) + 3, "height": int(box["height"]) + 3}
    pixels = decoded(opened.page, opened.page.screenshot(clip=clip))
    opened.close()
    left, width = round((box["x"] - clip["x"]) * scale), round(box["width"] * scale)
    order, row = by_v10(root), box["height"] / 59
    wrong = lost = total = 0
    for k, name in enumerate(["consensus", "aggregate", "step_1", "step_2", "step_3"]):
        mask = read(root, name)[order]
        most = np.quantile(mask, 0.995)
        cut = np.floor(np.arange(width + 1) * len(mask) / width + 1e-6).astype(int)
        for feature in range(10):
            column = mask[:, feature].astype(np.float64)
            if how == "max":
                pooled = np.maximum.reduceat(column, cut[:-1])
            else:
                pooled = np.add.reduceat(column, cut[:-1]) / np.diff(cut)
            shade = np.rint(np.minimum(pooled / most, 1) * 255).astype(int)
            y = int((box["y"] - clip["y"] + (k * 12 + 1 + feature + 0.4) * row) * scale)
            seen = pixels[y, left : left + width].astype(int)
            off = np.abs(seen - viridis[shade].astype(int)).max(axis=1) > 2
            wrong, total = wrong + off.sum(), total + width
            outlying = (pooled / most > 0.3) & (np.median(pooled) == 0)
            lost += (off & outlying).sum()
    assert wrong / total <= 0.005
    assert lost == 0


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_figure_is_drawn_and_nothing_is_said(
    browser: Browser, root: Path, width: int, scheme: str
) -> None:
    opened = Opened(
        browser,
        (root / "report.html").as_uri(),
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
    )
    overflow = opened.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    sizes = opened.page.eval_on_selector_all(
        ".view svg", "all => all.map(svg => [svg.clientWidth, svg.clientHeight])"
    )
    opened.close()
    assert opened.said == []
    assert opened.foreign() == []
    assert overflow <= 0
    assert len(sizes) == 13
    assert all(w > 150 and h > 20 for w, h in sizes)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_no_violation(browser: Browser, root: Path, scheme: str) -> None:
    # The policy would forbid axe's own script.
    opened = Opened(browser, (root / "report.html").as_uri(), color_scheme=scheme, bypass_csp=True)
    opened.page.focus("#heat")
    opened.page.keyboard.press("ArrowRight")
    found = Axe().run(opened.page).response["violations"]
    opened.close()
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_a_screen_reader_says_names_and_no_places_of_them(opened: Opened) -> None:
    """Rows of figures are numbered inside, and their numbers mean nothing to anybody."""
    script = "all => all.map((one) => one.getAttribute('aria-label'))"
    said = {
        name: opened.page.eval_on_selector_all(f"#{name} svg [aria-label]", script)
        for name in ("heat", "importance", "groups", "scores")
    }
    assert [
        text for texts in said.values() for text in texts if re.search(r"\b\d{5}\b", text)
    ] == []
    assert said["heat"][-5].startswith("Consensus · colours end at")
    for name in ("importance", "groups"):
        assert any("feature: V07; " in text for text in said[name])
    of_scores = [text for text in said["scores"] if "consensus: " in text]
    assert len(of_scores) == len(scoreboard.NAMES) - 1  # the log loss is in the table alone
    for text in of_scores:
        assert any(f"score: {name}; " in text for name in scoreboard.NAMES.values())


@pytest.mark.parametrize("width", [320, slow(390)])
def test_no_text_of_a_figure_is_cut_off_where_the_page_is_narrow(
    browser: Browser, root: Path, width: int
) -> None:
    address = (root / "report.html").as_uri()
    opened = Opened(browser, address, viewport={"width": width, "height": 900})
    cut = opened.page.evaluate(CUT)
    headings = opened.page.locator("#groups .role-axis-label text").all_text_contents()
    opened.close()
    assert cut == []
    assert not any("…" in text for text in headings)


@pytest.mark.parametrize("width", [320, slow(1280)])
def test_beside_long_names_the_signs_of_the_truth_and_their_meaning_are_whole(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    path = write(tmp_path, rows=60, features=[f"feature number {j}" for j in range(95, 105)])
    (path / "report.html").write_text(render(path), "utf-8")
    address = (path / "report.html").as_uri()
    opened = Opened(browser, address, viewport={"width": width, "height": 900})
    names = opened.page.locator("#importance .role-axis-label text").all_text_contents()
    cut = opened.page.evaluate(CUT)
    opened.close()
    assert sum(name.endswith((" ●", " ◐")) for name in names) == 5
    assert len(set(names)) == len(names)
    assert cut == []


@pytest.mark.parametrize(
    "name", ["V10", "the temperature of the sensor at the far end of the hall"]
)
def test_groups_are_told_apart_above_their_cells(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    path = write(tmp_path, rows=60, features=(*FEATURES[:-1], name))
    (path / "report.html").write_text(render(path, sort_by=name), "utf-8")
    opened = Opened(
        browser, (path / "report.html").as_uri(), viewport={"width": 390, "height": 900}
    )
    script = """() => {
        const cells = document.querySelector('#groups .mark-rect').getBoundingClientRect();
        return [...document.querySelectorAll('#groups .role-axis-label text')]
            .map((text) => [text.textContent, text.getBoundingClientRect()])
            .filter(([_, box]) => box.left >= cells.left)
            .map(([text, box]) => [text, box.bottom - cells.top]);
    }"""
    found = opened.page.evaluate(script)
    overflow = opened.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    opened.close()
    assert len(found) == 2
    assert {sign for text, _ in found for sign in re.findall("[≤>]", text)} == {"≤", ">"}
    assert all(below <= 2 for _, below in found)
    assert overflow <= 0


def test_no_frame_is_blank_while_the_clip_moves(opened: Opened) -> None:
    page = opened.page
    frames: list[str] = []
    session = page.context.new_cdp_session(page)

    def keep(event: dict[str, Any]) -> None:
        frames.append(event["data"])
        session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    session.on("Page.screencastFrame", keep)
    page.evaluate("scrollTo(0, 0)")
    page.mouse.move(2, 2)
    session.send("Page.startScreencast", {"format": "png", "everyNthFrame": 1, "maxWidth": 640})
    for step in range(12):
        opened.choose("clip-aggregate", f"{0.9 + 0.008 * step:.3f}")
        page.wait_for_timeout(20)
    session.send("Page.stopScreencast")
    session.detach()
    box, scale = opened.plot(), 640 / 1280
    x = int(scale * (box["x"] + box["width"] / 2))
    y = int(scale * (box["y"] + 0.1 * box["height"]))
    assert len(frames) > 5
    for frame in frames:
        around = decoded(page, b64decode(frame))[y - 10 : y + 10, x - 20 : x + 20]
        assert around.min() < 90, "the heatmap was blank"
    opened.choose("clip-aggregate", "0.995")


def test_without_a_script_the_page_has_texts_and_tables_and_no_dead_controls(
    browser: Browser, root: Path
) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto((root / "report.html").as_uri())
    assert page.locator("noscript p").is_visible()
    for control in page.locator("button, select, input").all():
        assert not control.is_visible()
    page.click("summary >> nth=0")
    assert page.locator("#heat ~ * table, details table").first.is_visible()
    assert "exactly the truly relevant ones" in page.inner_text("main")
    page.context.close()


def test_on_paper_tables_are_whole_and_empty_cells_have_no_bar(
    browser: Browser, root: Path
) -> None:
    opened = Opened(browser, (root / "report.html").as_uri())
    opened.page.emulate_media(media="print")
    opened.page.set_viewport_size({"width": 718, "height": 1047})  # A4 without its margins
    beyond = """[...document.querySelectorAll('.scroll')]
        .map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)"""
    bars = """[...document.querySelectorAll('.measures td, details td')]
        .map((cell) => getComputedStyle(cell).backgroundImage)"""
    widths, drawn = opened.page.evaluate(beyond), opened.page.evaluate(bars)
    opened.close()
    assert max(widths) <= 0
    assert set(drawn) == {"none"}


def test_it_prints(browser: Browser, root: Path, tmp_path: Path) -> None:
    opened = Opened(browser, (root / "report.html").as_uri(), color_scheme="dark")
    opened.page.emulate_media(media="print")
    assert opened.page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    for control in opened.page.locator("button, select, input").all():
        assert not control.is_visible()
    for key in ("#ramp", ".truth-key b"):
        style = f"getComputedStyle(document.querySelector('{key}')).printColorAdjust"
        assert opened.page.evaluate(style) == "exact"
    # Taller than what the header leaves of a page: kept together, it would leave that one empty.
    heat = "getComputedStyle(document.querySelector('[data-figure=heat]')).breakInside"
    assert opened.page.evaluate(heat) == "auto"
    assert opened.page.pdf(format="A4", print_background=True).startswith(b"%PDF")
    opened.close()


@pytest.mark.parametrize("width", [1280, slow(800)])
def test_the_first_page_of_a_print_has_the_heatmap(
    browser: Browser, root: Path, width: int
) -> None:
    size = {"width": width, "height": 900}
    opened = Opened(browser, (root / "report.html").as_uri(), viewport=size)
    # As a print does: the page is laid out anew, and no script is asked.
    opened.page.evaluate(
        "addEventListener('resize', (event) => event.stopImmediatePropagation(), true)"
    )
    opened.page.emulate_media(media="print")
    opened.page.set_viewport_size({"width": 718, "height": 1047})  # A4 without its margins
    boxes = [opened.page.locator(f"#{name} svg").bounding_box() for name in ("strip", "heat")]
    opened.close()
    strip, heat = (box for box in boxes if box)
    assert heat["y"] + heat["height"] <= 1047
    assert heat["height"] > 500
    assert heat["x"] == strip["x"]
    assert heat["width"] == pytest.approx(strip["width"], abs=1)


def test_cards_stand_apart(opened: Opened) -> None:
    script = """[...document.querySelectorAll('main > *')].filter((one) => one.offsetHeight)
        .map((one) => one.getBoundingClientRect()).map(({ top, bottom }) => [top, bottom])"""
    boxes = opened.page.evaluate(script)
    assert len(boxes) > 3
    for (_, above), (below, _) in pairwise(boxes):
        assert below - above >= 14


@pytest.mark.parametrize("truth", [True, False])
def test_labels_and_titles_stand_at_their_rows(
    browser: Browser, tmp_path: Path, *, truth: bool
) -> None:
    path = write(tmp_path, rows=60)
    folder = path / "data/syn4/explanation"
    command = [str(folder), "--out", str(path / "report.html")]
    command += ["--relevance", str(path / "data/syn4/relevance.parquet")] if truth else []
    main(command)
    opened = Opened(browser, (path / "report.html").as_uri())
    script = """() => [...document.querySelectorAll('#heat svg text')].map((text) => {
        const box = text.getBoundingClientRect();
        return [text.textContent, box.y + box.height / 2];
    })"""
    found = opened.page.evaluate(script)
    box = opened.plot()
    opened.close()
    row = box["height"] / (5 * 12 - 1)
    for name in (*FEATURES, "Consensus"):
        middles = [y for text, y in found if text.split(" ")[0] == name]
        first = FEATURES.index(name) + 1 if name in FEATURES else 0
        places = [box["y"] + row * (12 * k + first + 0.5) for k in range(len(middles))]
        assert len(middles) == (1 if name == "Consensus" else 5)
        np.testing.assert_allclose(middles, places, atol=2)


@pytest.mark.parametrize("values", [4999.0, 39_000.0, 654_321.0, 1.7e9, 3e-7])
def test_the_numbers_of_the_sort_key_are_whole_and_the_strip_stands_above_the_heatmap(
    browser: Browser, tmp_path: Path, values: float
) -> None:
    path = write(tmp_path, rows=60)
    table = pd.read_parquet(path / "data/syn4/test.parquet")
    table["V01"] = np.linspace(-values, values, 60).astype(np.float32)
    table.to_parquet(path / "data/syn4/test.parquet")
    folder, out = path / "data/syn4/explanation", path / "report.html"
    given = ["--values", str(path / "data/syn4/test.parquet"), "--sort-by", "V01"]
    main([str(folder), *given, "--out", str(out)])
    opened = Opened(browser, out.as_uri())
    labels = opened.page.text_content("#strip svg") or ""
    script = "document.querySelector('#strip .background').getBoundingClientRect().x"
    left = opened.page.evaluate(script)
    box = opened.plot()
    opened.close()
    assert "…" not in labels
    assert left == pytest.approx(box["x"], abs=1)
