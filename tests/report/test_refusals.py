"""What the page does not do: connect, run what is in names, fail on odd input."""

import csv
import io
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest
from playwright.sync_api import Browser

from tabnet.report import __main__ as report
from tests.report.browser import Opened
from tests.report.example import write
from tests.report.test_page import DEGENERATE, HOSTILE, example, render
from tests.report.test_saving import downloaded, saved


def test_it_works_from_a_web_server(browser: Browser, root: Path) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(root))

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        opened = Opened(browser, f"http://127.0.0.1:{server.server_port}/report.html")
        assert opened.said == []
        assert opened.foreign() == []
        opened.close()
        server.shutdown()


def test_the_policy_holds(browser: Browser, root: Path) -> None:
    opened = Opened(browser, (root / "report.html").as_uri())
    refused = opened.page.evaluate(
        """async () => {
            const script = document.createElement('script');
            script.textContent = 'window.injected = 1';
            document.body.append(script);
            const reached = await fetch('https://example.org/').then(() => 1, () => 0);
            return [window.injected ?? 0, reached];
        }"""
    )
    assert refused == [0, 0]
    opened.close()


def test_hostile_names_are_shown_and_nothing_executes(browser: Browser, tmp_path: Path) -> None:
    name = "<script>window.hacked=1<"
    html = render(write(tmp_path, dataset=name, rows=60, features=HOSTILE), dataset=name)
    (tmp_path / "report.html").write_text(html, "utf-8")
    opened = Opened(browser, (tmp_path / "report.html").as_uri())
    page = opened.page
    assert page.evaluate("window.hacked") is None
    assert opened.said == []
    assert opened.foreign() == []
    box = opened.plot()
    page.mouse.move(box["x"] + 300, box["y"] + 30)
    shown = page.eval_on_selector_all(
        "#detail tbody tr", "rows => rows.map(r => r.cells[0].textContent)"
    )
    assert shown == [name or "“”" for name in HOSTILE]
    for menu in ("#order option", "details tbody th"):
        texts = page.locator(menu).all_text_contents()
        assert "“”" in texts
        assert "" not in texts
    labels = page.text_content("#heat svg")
    assert labels is not None
    for label in ("__proto__", "var(--accent)", "#3b6fd4"):
        assert label in labels
        assert label in saved(opened, "heat", "svg")
    for j in (0, 3, 4, 5, 13):
        opened.choose("order", f"feature:{j}")
    table = csv.reader(io.StringIO(saved(opened, "importance", "csv"), newline=""))
    assert {row[0] for row in table} >= set(HOSTILE)
    assert page.title() == f"TabNet masks · {name}"
    opened.close()


def test_any_name_can_be_in_a_saved_figure(browser: Browser, tmp_path: Path) -> None:
    names = ("a\x01b\x1f", "\ufffe", "😀", *HOSTILE)
    path = write(tmp_path, rows=40, features=names)
    (path / "report.html").write_text(render(path, sort_by=names[0]), "utf-8")
    opened = Opened(browser, (path / "report.html").as_uri())
    for figure in ("heat", "importance", "groups"):
        text = saved(opened, figure, "svg")
        assert ElementTree.fromstring(text).tag.endswith("svg")
        assert "a\ufffdb\ufffd" in text
        assert "😀" in text
        assert downloaded(opened, figure, "png").startswith(b"\x89PNG")
    assert opened.said == []
    opened.close()


@pytest.mark.slow
@pytest.mark.parametrize("case", DEGENERATE)
def test_any_input_is_drawn_without_an_error(browser: Browser, tmp_path: Path, case: str) -> None:
    (tmp_path / "report.html").write_text(render(example(tmp_path, case)), "utf-8")
    opened = Opened(browser, (tmp_path / "report.html").as_uri())
    opened.page.focus("#heat")
    for key in ("ArrowRight", "ArrowDown", "+", "-", "0", "End"):
        opened.page.keyboard.press(key)
    if case != "masks alone":
        opened.redrawn("document.querySelector('.lowest').click()")
    overflow = opened.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    opened.close()
    assert opened.said == []
    assert overflow <= 0


def test_the_help_names_what_a_folder_and_a_truth_must_have(tmp_path: Path) -> None:
    """What it says suffices, and each thing that it names is needed."""
    help_ = " ".join(report.parser().format_help().split())
    mask = pd.DataFrame({"a": [0.75, 0.0], "b": [0.25, 1.0]})
    truth = (mask > 0.5).assign(split=["one", "one"])
    for name in ("consensus", "aggregate"):
        assert f"{name}.parquet" in help_
        with pytest.raises(SystemExit, match=f"{name}.parquet: must be a Parquet file"):
            report.main([str(tmp_path), "--out", str(tmp_path / "report.html")])
        mask.to_parquet(tmp_path / f"{name}.parquet")
    assert "a column split, and for each feature whether it is relevant" in help_
    path = tmp_path / "truth" / "truth.parquet"
    path.parent.mkdir()
    options = ["--relevance", str(path), "--split", "one"]
    for column in ("split", "a"):
        truth.drop(columns=column).to_parquet(path)
        with pytest.raises(SystemExit, match=f"must have one column '{column}'"):
            report.main([str(tmp_path), "--out", str(tmp_path / "report.html"), *options])
    truth.to_parquet(path)
    report.main([str(tmp_path), "--out", str(tmp_path / "report.html"), *options])
    assert "under a truly relevant feature" in (tmp_path / "report.html").read_text()
