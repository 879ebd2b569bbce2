"""A report's size, building time and speed in a browser, beside an empty Altair chart's.

Run as `python tests/benchmarks/bench_report.py [rows ...]`; 5000 and 1,000,000 rows by default.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import altair as alt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tabnet import tables  # noqa: E402
from tabnet.report import bundle, report  # noqa: E402
from tests.report.browser import FLAGS  # noqa: E402
from tests.report.conftest import CHROMIUM  # noqa: E402
from tests.report.example import write  # noqa: E402
from tests.report.test_page import drawn  # noqa: E402

SEEDS = range(1, 11)
DISTINCT = 250_000  # rows of a larger example repeat
RUNS = 7

# Targets: at most.
KILOBYTES = {5000: 1600, 1_000_000: 2200}
SECONDS = {5000: 1.5, 1_000_000: 6.0}
TIMES_EMPTY = {"interactive": 2.5, "drawn": 3.5}
MILLISECONDS = {"hover": 16, "clip": 50, "zoom": 60, "sort": 100}

EMPTY_READY = "() => document.querySelector('#vis canvas, #vis svg') !== null"
WATCH = """
    const seen = new MutationObserver(() => {
        if (!document.querySelector('#vis canvas, #vis svg')) return;
        performance.mark('drawn');
        seen.disconnect();
    });
    seen.observe(document, { childList: true, subtree: true });
"""
MARK = "(name) => performance.getEntriesByName(name)[0].startTime"

# Each gesture: a script that does it the i-th time; whether the heatmap is painted anew.
GESTURES = {
    "hover": (
        """const box = heat.querySelector('svg').getBoundingClientRect();
        heat.dispatchEvent(new PointerEvent('pointermove', { bubbles: true,
            clientX: box.x + 60 + (box.width - 80) * ((i * 0.618) % 1),
            clientY: box.y + 20 + (box.height - 60) * ((i * 0.37) % 1) }))""",
        False,
    ),
    "clip": (
        """const slider = document.getElementById('clip-aggregate');
        slider.value = 0.9 + 0.005 * (i % 20);
        slider.dispatchEvent(new Event('input'))""",
        True,
    ),
    "zoom": (
        """heat.focus();
        heat.dispatchEvent(new KeyboardEvent('keydown', { key: i % 8 < 4 ? '+' : '-' }))""",
        True,
    ),
    "sort": (
        """const order = document.getElementById('order');
        order.selectedIndex = (order.selectedIndex + 1) % order.options.length;
        order.dispatchEvent(new Event('change'))""",
        True,
    ),
}
TIMED = """async ([act, painted, count]) => {
    const heat = document.getElementById('heat');
    const run = new Function('heat', 'i', act);
    const times = [];
    for (let i = 0; i < count; i++) {
        const drawn = new Promise((done) => heat.addEventListener('drawn', done, { once: true }));
        const start = performance.now();
        run(heat, i);
        if (painted) await drawn;
        document.body.getBoundingClientRect();  // style and layout belong to the answer
        times.push(performance.now() - start);
        await new Promise((next) => setTimeout(next, 20));
    }
    return times;
}"""


def main(rows: list[int]) -> None:
    bundle.vega()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        empty = Path(folder) / "empty.html"
        chart = alt.Chart(pd.DataFrame({"x": [1]})).mark_point().encode(x="x")
        empty.write_text(chart.to_html(inline=True), "utf-8")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for count in rows:
            root = sample(Path(folder) / str(count), count)
            print(f"{count:,} rows, {len(SEEDS)} seeds")
            built, seconds = built_in(root)
            file = root / "report.html"
            file.write_text(built, "utf-8")
            say("kB", len(built.encode()) / 1000, KILOBYTES.get(count))
            say("s to build", seconds, SECONDS.get(count))
            in_browser(browser, file, empty)
        browser.close()


def sample(root: Path, rows: int) -> Path:
    """An example of many rows; beyond 250,000 they repeat."""
    write(root, rows=min(rows, DISTINCT), seeds=SEEDS)
    for path in (root / "data/syn4").rglob("*.parquet"):
        if rows > DISTINCT:
            table = pq.read_table(path)
            metadata = pq.read_schema(path).metadata
            repeated = pa.concat_tables([table] * -(-rows // DISTINCT)).slice(0, rows)
            tables.write(path, repeated.replace_schema_metadata(metadata))
    return root


def built_in(root: Path) -> tuple[str, float]:
    """The report, and the shortest of three times in seconds."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        html = report.html(drawn(root, sort_by="V10"))
        times.append(time.perf_counter() - start)
    return html, min(times)


def in_browser(browser: Browser, file: Path, empty: Path) -> None:
    """Loading against the empty chart, in turns; then gestures."""
    floor: list[float] = []
    marks: dict[str, list[float]] = {name: [] for name in TIMES_EMPTY}
    for _ in range(RUNS):
        blank = opened(browser, empty, watch=True)
        blank.wait_for_function(EMPTY_READY)
        floor.append(blank.evaluate(MARK, "drawn"))
        blank.context.close()
        loaded = opened(browser, file)
        loaded.wait_for_function("document.documentElement.dataset.state === 'drawn'")
        for name, times in marks.items():
            times.append(loaded.evaluate(MARK, name))
        loaded.context.close()
    print(f"  empty chart {statistics.median(floor):.0f} ms")
    for name, times in marks.items():
        say(f"times the empty chart, {name}", ratio(times, floor), TIMES_EMPTY[name])
    loaded = opened(browser, file)
    loaded.wait_for_function("document.documentElement.dataset.state === 'drawn'")
    for name, (act, painted) in GESTURES.items():
        times = loaded.evaluate(TIMED, [act, painted, 60])
        say(f"ms, 95 % of {name}", sorted(times)[56], MILLISECONDS[name])
    loaded.context.close()


def opened(browser: Browser, file: Path, *, watch: bool = False) -> Page:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    if watch:
        context.add_init_script(WATCH)
    one = context.new_page()
    one.goto(file.as_uri())
    return one


def ratio(times: list[float], floor: list[float]) -> float:
    """Of medians: machines differ, and so do their moods."""
    return statistics.median(times) / statistics.median(floor)


def say(what: str, value: float, most: float | None) -> None:
    verdict = "" if most is None else f"  (at most {most:g}{'' if value <= most else ', MISSED'})"
    print(f"  {value:8.2f} {what}{verdict}")


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [5000, 1_000_000])
