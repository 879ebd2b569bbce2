"""What the page answers to pointer, keys and controls."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser

from tabnet.report import store
from tabnet.report.__main__ import main
from tests.report.browser import Opened
from tests.report.example import FEATURES, read, write
from tests.report.test_page import render
from tests.report.test_saving import saved

ORDERS = ["row", "label", "prediction", "agreement", "feature:2", "feature:9"]


@pytest.mark.parametrize("order", ORDERS)
def test_orders_put_the_rows_in_order(opened: Opened, root: Path, order: str) -> None:
    folder = root / "data/syn4/explanation"
    table = pq.read_table(folder / "predictions.parquet").to_pandas()
    values = pq.read_table(root / "data/syn4/test.parquet").to_pandas()
    keys = {
        "row": np.arange(5000),
        "label": table["label"] == "yes",
        "prediction": table["probability"],
        "agreement": table["agreement"],
        "feature:2": values["V03"],
        "feature:9": values["V10"],
    }
    if order != "feature:9":
        opened.choose("order", order)
    expected = np.argsort(np.asarray(keys[order]), kind="stable")
    opened.page.focus("#heat")
    shown = []
    for key in ("Home", "End"):
        opened.page.keyboard.press("ArrowRight")
        opened.page.keyboard.press(key)
        shown.append(opened.page.inner_text("#detail h3"))
    assert shown == [f"Observation {expected[i] + 1:,}" for i in (0, -1)]
    if order != "feature:9":
        opened.choose("order", "feature:9")


def test_the_detail_is_what_the_files_say(opened: Opened, root: Path) -> None:
    box = opened.plot()
    opened.page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 30)
    heading = opened.page.inner_text("#detail h3")
    row = int(re.sub(r"\D", "", heading)) - 1
    cells = opened.page.eval_on_selector_all(
        "#detail tbody tr", "rows => rows.map(r => [...r.cells].map(c => c.textContent))"
    )
    values = pq.read_table(root / "data/syn4/test.parquet").to_pandas().iloc[row]
    names = ["consensus", "aggregate", "step_1", "step_2", "step_3"]
    masks = [read(root, name)[row] for name in names]
    votes = sum((read(root, f"aggregate_seed_{seed}")[row] > 0).astype(int) for seed in (1, 2, 3))
    for j, (feature, value, voted, *shares) in enumerate(cells):
        assert int(voted) == votes[j]
        assert float(value) == pytest.approx(values[feature], abs=6e-4)
        numbers = [0.0 if share == "·" else float(share) for share in shares]
        assert numbers == pytest.approx([mask[j] for mask in masks], abs=0.0051)
    table = pq.read_table(root / "data/syn4/explanation/predictions.parquet").to_pandas()
    assert f"P(yes) {table['probability'][row]:.3f}" in opened.detail()
    assert f"agreement {table['agreement'][row]:.3f}" in opened.detail()
    assert f"2: {table['probability_seed_2'][row]:.2f}" in opened.detail()
    assert "Votes of 3 seeds, too few to decide." in opened.detail()


def test_another_seed_shows_its_aggregate(opened: Opened, root: Path) -> None:
    opened.choose("seed", "3")
    box = opened.plot()
    opened.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 30)
    row = int(re.sub(r"\D", "", opened.page.inner_text("#detail h3"))) - 1
    shown = opened.page.eval_on_selector_all(
        "#detail tbody tr", "rows => rows.map(r => r.cells[4].textContent)"
    )
    numbers = [0.0 if share == "·" else float(share) for share in shown]
    assert numbers == pytest.approx(read(root, "aggregate_seed_3")[row], abs=0.0056)
    titles = opened.page.text_content("#heat svg") or ""
    assert "Aggregate of seed 3" in titles
    assert "Step 1 of seed 1" in titles
    opened.choose("seed", "1")


def test_the_lower_the_clip_the_brighter(opened: Opened) -> None:
    """Also where the quantile is 0, as most cells are: then whatever is above 0 is brightest."""
    script = """() => [...document.querySelectorAll('#heat svg text')]
        .map((text) => text.textContent.match(/^Step .* colours end at (.*)/))
        .filter((found) => found).map((found) => Number(found[1]))"""
    ends = []
    for quantile in ("1", "0.95", "0.9", "0.5", "0.05"):
        opened.choose("clip-steps", quantile)
        ends.append(opened.page.evaluate(script))
    opened.choose("clip-steps", "0.995")
    assert np.array(ends).shape == (5, 3)
    assert (np.diff(ends, axis=0) <= 0).all()
    assert (np.array(ends[-1]) < np.array(ends[0]) / 3).all()


@pytest.mark.parametrize("order", ["prediction", "agreement", "feature:2"])
def test_an_order_is_exact(opened: Opened, root: Path, order: str) -> None:
    """Also where numbers differ in their last bits."""
    table = pq.read_table(root / "data/syn4/explanation/predictions.parquet").to_pandas()
    values = pq.read_table(root / "data/syn4/test.parquet").to_pandas()
    key = {"prediction": table["probability"], "agreement": table["agreement"]}
    expected = np.argsort(np.asarray(key.get(order, values["V03"])), kind="stable") + 1
    opened.choose("order", order)
    lines = saved(opened, "heat", "csv").splitlines()
    shown = [int(line.split(",")[0]) for line in lines[1 :: len(FEATURES)]]
    opened.choose("order", "feature:9")
    assert shown == expected.tolist()


def test_a_drag_beyond_the_plot_ends_at_its_edge(opened: Opened) -> None:
    page = opened.page
    page.focus("#heat")
    for key in ("Home", *(["ArrowRight"] * 9), "+", "+", "+"):
        page.keyboard.press(key)
    opened.redrawn("heat.dispatchEvent(new KeyboardEvent('keydown', {key: '+'}))")
    first, last = map(int, re.findall(r"\d+", opened.state()["range"])[:2])
    box = opened.plot()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] + 60, box["y"] + 50, steps=5)
    page.mouse.up()
    page.wait_for_function(f"!document.getElementById('range').textContent.startsWith('{first} ')")
    found = list(map(int, re.findall(r"\d+", opened.state()["range"])[:2]))
    opened.redrawn("heat.dispatchEvent(new KeyboardEvent('keydown', {key: '0'}))")
    page.keyboard.press("Escape")
    assert found[1] == last
    assert first < found[0] < last


def brush(opened: Opened) -> tuple[float, float]:
    """Where the strip's frame begins and ends, as shares of its width; 0 and 0 without one."""
    script = """() => {
        const plot = document.querySelector('#strip .background').getBoundingClientRect();
        const frames = [...document.querySelectorAll('#strip [class*=zoom_brush] path')];
        const boxes = frames.map((frame) => frame.getBoundingClientRect());
        const box = boxes.find(({ width }) => width > 1);
        return box ? [(box.x - plot.x) / plot.width, (box.right - plot.x) / plot.width] : [0, 0];
    }"""
    first, last = opened.page.evaluate(script)
    return first, last


def test_the_brush_frames_what_is_shown(opened: Opened) -> None:
    page = opened.page
    page.focus("#heat")
    for key in ("Home", *(["ArrowRight"] * 9), "+", "+"):
        page.keyboard.press(key)
    opened.redrawn("heat.dispatchEvent(new KeyboardEvent('keydown', {key: '+'}))")
    first, last = map(int, re.findall(r"\d+", opened.state()["range"])[:2])
    page.wait_for_timeout(100)
    assert brush(opened) == pytest.approx(((first - 1) / 5000, last / 5000), abs=0.005)
    opened.redrawn("document.getElementById('whole').click()")
    page.wait_for_timeout(100)
    assert brush(opened) == (0, 0)


def test_each_press_of_an_arrow_shows_the_next_bin(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, cells in {"CELLS": 1000, "BINNED_CELLS": 10_000}.items():
        monkeypatch.setattr(store, name, cells)
    path = write(tmp_path, rows=4003)
    (path / "report.html").write_text(render(path, sort_by="V10"), "utf-8")
    opened = Opened(browser, (path / "report.html").as_uri())
    opened.page.focus("#heat")
    opened.page.keyboard.press("ArrowRight")
    for _ in range(6):
        opened.page.keyboard.press("+")
    opened.redrawn("heat.dispatchEvent(new KeyboardEvent('keydown', {key: '+'}))")
    last = re.findall(r"[\d,]+", opened.state()["range"])[1]
    seen = []
    for _ in range(120):
        seen.append(opened.page.inner_text("#detail h3"))
        opened.page.keyboard.press("ArrowRight")
    ends = [title.split(" to ")[1] for title in seen]
    assert len(set(seen)) == 120
    assert last in ends  # what is said to be shown ends with a bin
    opened.close()


def test_keys_keep_the_row_in_sight(browser: Browser, root: Path) -> None:
    size = {"width": 1280, "height": 600}
    opened = Opened(browser, (root / "report.html").as_uri(), viewport=size)
    opened.page.focus("#heat")
    for key in ("ArrowRight", "ArrowUp"):
        opened.page.keyboard.press(key)
    script = "document.querySelector('.cross.line').getBoundingClientRect().bottom"
    assert 0 < opened.page.evaluate(script) <= 601
    opened.close()


def test_keys_zoom_and_move(opened: Opened) -> None:
    opened.page.focus("#heat")
    for key in ("Home", "ArrowRight", "ArrowDown"):
        opened.page.keyboard.press(key)
    assert opened.page.inner_text("#status").startswith("Observation")
    for _ in range(12):
        opened.redrawn("heat.dispatchEvent(new KeyboardEvent('keydown', {key: '+'}))")
    assert re.match(r"\d+ to \d+ of 5,000", opened.state()["range"])
    first, last = map(int, re.findall(r"\d+", opened.state()["range"])[:2])
    assert last - first + 1 == 8  # single observations
    opened.redrawn("heat.dispatchEvent(new KeyboardEvent('keydown', {key: '0'}))")
    assert opened.state()["range"] == "5,000 observations"
    assert opened.state()["whole"]


def test_wheel_drag_and_brush_zoom(opened: Opened) -> None:
    page, box = opened.page, opened.plot()
    middle = (box["x"] + box["width"] / 2, box["y"] + 50)
    page.mouse.move(*middle)
    page.evaluate("document.activeElement.blur()")
    before = page.evaluate("scrollY")
    page.mouse.wheel(0, 60)
    page.wait_for_function(f"scrollY > {before}")  # without focus the page scrolls
    page.evaluate("scrollTo(0, 0)")
    page.focus("#heat")
    page.mouse.move(*middle)
    page.mouse.wheel(0, -300)
    page.wait_for_function("!document.getElementById('whole').hidden")
    opened.redrawn("document.getElementById('whole').click()")
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 100, middle[1], steps=4)
    page.mouse.up()
    page.wait_for_function("!document.getElementById('whole').hidden")
    opened.redrawn("document.getElementById('whole').click()")
    page.locator("#strip svg").scroll_into_view_if_needed()
    strip = page.locator("#strip svg").bounding_box()
    assert strip is not None
    y = strip["y"] + strip["height"] / 2
    page.mouse.move(strip["x"] + 300, y)
    page.mouse.down()
    page.mouse.move(strip["x"] + 400, y, steps=4)
    page.mouse.up()
    page.wait_for_function("!document.getElementById('whole').hidden")
    opened.redrawn("document.getElementById('whole').click()")
    assert opened.state()["range"] == "5,000 observations"


def test_rows_of_lowest_agreement_are_one_click_away(opened: Opened, root: Path) -> None:
    opened.redrawn("document.querySelector('.lowest').click()")
    assert opened.state()["order"] == "agreement"
    assert opened.state()["range"].startswith("1 to 50 of")
    opened.page.keyboard.press("ArrowRight")
    table = pq.read_table(root / "data/syn4/explanation/predictions.parquet").to_pandas()
    assert f"agreement {table['agreement'].min():.3f}" in opened.detail()
    opened.choose("order", "feature:9")


@pytest.mark.parametrize(("seeds", "shown"), [((), True), ((5,), False), ((1, 2), True)])
def test_lowest_agreement_is_offered_where_there_is_some(
    browser: Browser, tmp_path: Path, seeds: tuple[int, ...], *, shown: bool
) -> None:
    """Masks from elsewhere may come with agreements, and without those of seeds."""
    path = write(tmp_path, rows=60, seeds=seeds or (1, 2))
    folder = path / "data/syn4/explanation"
    for file in folder.glob("aggregate_seed_*") if not seeds else ():
        file.unlink()
    main([str(folder), "--out", str(path / "report.html")])
    opened = Opened(browser, (path / "report.html").as_uri())
    buttons = opened.page.eval_on_selector_all(".lowest", "all => all.map((one) => !one.hidden)")
    opened.close()
    assert buttons == [shown, shown]


@pytest.mark.parametrize("width", [1280, 800])
def test_of_many_features_the_one_pointed_at_is_in_sight(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    path = write(tmp_path, rows=60, features=tuple(f"f{j}" for j in range(40)))
    (path / "report.html").write_text(render(path), "utf-8")
    size = {"width": width, "height": 600}
    opened = Opened(browser, (path / "report.html").as_uri(), viewport=size)
    page = opened.page
    page.focus("#heat")
    places = []
    for key in ("ArrowRight", *["ArrowDown"] * 39, *["ArrowUp"] * 39):
        page.keyboard.press(key)
        script = """() => ['tr.here', '#detail'].flatMap((name) => {
            const { top, bottom } = document.querySelector(name).getBoundingClientRect();
            return [top, bottom];
        })"""
        places.append(page.evaluate(script))
    order = page.evaluate("document.getElementById('detail').tabIndex")
    opened.close()
    for top, bottom, first, last in places:
        assert max(0, first) - 1 <= top < bottom <= min(600, last) + 1
    assert order == 0  # keys can scroll the rest


@pytest.mark.parametrize("width", [1280, 390])
def test_the_detail_of_four_steps_has_room_for_the_longest_values(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    path = write(tmp_path, rows=20, steps=4)
    table = pd.read_parquet(path / "data/syn4/test.parquet")
    table[list(FEATURES)] = np.float32(-0.0012345)
    table.to_parquet(path / "data/syn4/test.parquet")
    (path / "report.html").write_text(render(path), "utf-8")
    size = {"width": width, "height": 900}
    opened = Opened(browser, (path / "report.html").as_uri(), viewport=size)
    opened.page.focus("#heat")
    opened.page.keyboard.press("ArrowRight")
    script = "(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)"
    beyond = opened.page.evaluate(f"{script}(document.querySelector('#detail .scroll'))")
    said = opened.detail()
    opened.close()
    assert "-0.0012345" in said
    assert beyond <= 0


def test_a_click_holds_an_observation(opened: Opened) -> None:
    page, box = opened.page, opened.plot()
    page.mouse.click(box["x"] + 200, box["y"] + 40)
    held = opened.detail()
    page.mouse.move(box["x"] + 400, box["y"] + 80)
    assert opened.detail() == held
    page.keyboard.press("Escape")
    page.mouse.move(box["x"] + 420, box["y"] + 80)
    assert opened.detail() != held


def test_a_tap_holds_an_observation_in_sight_and_a_drag_zooms(browser: Browser, root: Path) -> None:
    size = {"width": 400, "height": 800}
    opened = Opened(browser, (root / "report.html").as_uri(), viewport=size, has_touch=True)
    page = opened.page
    page.locator("#heat").scroll_into_view_if_needed()
    box = opened.plot()
    page.touchscreen.tap(box["x"] + 100, box["y"] + 40)
    assert opened.detail().startswith("Observation ")
    place = page.locator("#detail").bounding_box()
    assert place is not None
    assert place["y"] + place["height"] <= size["height"] + 1
    held = opened.detail()
    page.touchscreen.tap(box["x"] + 200, box["y"] + 40)
    assert opened.detail() not in (held, "")
    page.touchscreen.tap(box["x"] + 200, box["y"] + 40)  # lets it go
    session = page.context.new_cdp_session(page)
    for kind, x in (("touchStart", 100), ("touchMove", 140), ("touchMove", 180), ("touchEnd", 0)):
        points = [{"x": box["x"] + x, "y": box["y"] + 40}] * (kind != "touchEnd")
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.wait_for_function("!document.getElementById('whole').hidden")
    assert opened.said == []
    opened.close()


def test_a_mask_of_no_seed_is_an_entry_of_the_list_of_seeds(
    browser: Browser, tmp_path: Path
) -> None:
    path = write(tmp_path, rows=60)
    folder = path / "data/syn4/explanation"
    mean = np.mean([read(path, f"aggregate_seed_{seed}") for seed in (1, 2, 3)], axis=0)
    pd.DataFrame(mean, columns=list(FEATURES)).to_parquet(folder / "aggregate.parquet")
    main([str(folder), "--out", str(path / "report.html")])
    opened = Opened(browser, (path / "report.html").as_uri())
    chosen = "document.getElementById('seed').selectedOptions[0].textContent"
    titles = [opened.page.text_content("#heat svg") or ""]
    assert opened.page.evaluate(chosen) == "as in the file"
    for value in ("2", ""):
        opened.choose("seed", value)
        titles.append(opened.page.text_content("#heat svg") or "")
    assert ["Aggregate of seed 2" in title for title in titles] == [False, True, False]
    assert opened.said == []
    opened.close()


def test_the_one_seed_of_a_folder_is_named_in_the_list_of_seeds(
    browser: Browser, tmp_path: Path
) -> None:
    path = write(tmp_path, rows=60)
    folder = path / "data/syn4/explanation"
    for mask in folder.glob("aggregate_seed_*"):
        mask.unlink()
    main([str(folder), "--out", str(path / "report.html")])
    opened = Opened(browser, (path / "report.html").as_uri())
    assert opened.page.locator("#seed option").all_text_contents() == ["1 (shown first)"]
    assert opened.page.input_value("#seed") == "1"
    opened.close()


def test_without_steps_nothing_clips_them(browser: Browser, tmp_path: Path) -> None:
    path = write(tmp_path, rows=20, steps=0)
    (path / "report.html").write_text(render(path), "utf-8")
    opened = Opened(browser, (path / "report.html").as_uri())
    sliders = opened.page.eval_on_selector_all("input[type=range]", "all => all.map(i => i.id)")
    said = opened.said
    opened.close()
    assert sliders == ["clip-aggregate"]
    assert said == []
