"""The page that says how many seeds are enough, in a browser and on paper."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page

from tabnet.report.seed_counts import SCORES, html, sentences

SEEDS = 25
ONE = dict.fromkeys(SCORES, 0.987)
FOUND = {
    "rows": 5000,
    "seconds": {"1": 1.2, "25": 108.4},
    "combinations": {"trimmed_mean": {"25": ONE}, "averaged_parameters": {"25": ONE}},
}


def measured() -> pd.DataFrame:
    """A curve over the numbers of seeds, as the stage writes it."""
    n = np.arange(1, SEEDS + 1)
    columns = {"n": n} | dict.fromkeys(SCORES, 1 - 0.123 / n)
    return pd.DataFrame(columns | {f"{score}_std": 0.1 / n for score in SCORES})


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Page:
    path = tmp_path / "seed_counts.html"
    path.write_text(html("syn4", measured(), FOUND, split="test", provenance=[]), "utf-8")
    opened = browser.new_page(bypass_csp=True)
    opened.goto(path.as_uri())
    return opened


def beyond(page: Page, what: str) -> float:
    """How many pixels of the widest are out of sight."""
    script = f"""Math.max(...[...document.querySelectorAll('{what}')]
        .map(({{ scrollWidth, clientWidth }}) => scrollWidth - clientWidth))"""
    return float(page.evaluate(script))


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_figures_fit_the_page(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert beyond(page, "html, .thirds, .thirds > *") <= 0
    page.context.close()


def test_on_paper_tables_are_whole(page: Page) -> None:
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 718, "height": 1047})  # A4 without its margins
    assert beyond(page, ".scroll") <= 0
    page.context.close()


def test_why_bands_become_narrow_is_said() -> None:
    said = " ".join(sentences(measured(), FOUND))
    assert "all 25 are one subset: to the right bands become narrow" in said
