"""A browser, and a report in it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.report.browser import FLAGS, Opened
from tests.report.example import write
from tests.report.test_page import render

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium", path=Path(CHROMIUM).parent) or shutil.which("chromium")
    if found is None:
        reason = "needs Debian's Chromium, which is not installed (apt-get install chromium)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An example of 5000 rows, its report at report.html."""
    path = write(tmp_path_factory.mktemp("example"), rows=5000)
    (path / "report.html").write_text(render(path, sort_by="V10"), "utf-8")
    return path


@pytest.fixture(scope="module")
def opened(browser: Browser, root: Path) -> Iterator[Opened]:
    """The report, opened once; each test leaves it as it finds it."""
    page = Opened(browser, (root / "report.html").as_uri())
    yield page
    assert page.said == []
    assert page.foreign() == []
    page.close()
