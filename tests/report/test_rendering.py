"""The process that renders: what it answers, and that it ends when nobody asks any more."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import vl_convert

from tabnet.rendering import NO_FONTS, Rendering
from tabnet.report import theme
from tests.imports import ROOT

SPEC = {
    "data": {"values": [{"a": 1}, {"a": 2}]},
    "mark": "bar",
    "encoding": {"x": {"field": "a", "type": "ordinal"}},
}
PICTURE = """
import sys
import vl_convert
sys.stdout.buffer.write(vl_convert.svg_to_png(sys.stdin.read(), scale=2))
"""
# Renders, and then waits to be killed.
WAITS = """
import signal, time
from tabnet.rendering import rendering
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` has it ignored
rendering().call("vegalite_to_vega", {"mark": "point"}).result()
print(rendering()._process.pid, flush=True)
time.sleep(60)
"""
# Ends while more is to be drawn than can be in that time.
BUSY = """
import time
from tabnet.rendering import rendering
values = [{"a": n, "b": n * n % 97} for n in range(20_000)]
chart = {"data": {"values": values}, "mark": "point", "encoding": {
    "x": {"field": "a", "type": "quantitative"}, "y": {"field": "b", "type": "quantitative"}}}
rendering().call("vegalite_to_vega", {"mark": "point"}).result()
for _ in range(100):
    rendering().call("vegalite_to_svg", chart)
print(time.monotonic(), rendering()._process.pid)
"""


@pytest.fixture
def rendering() -> Iterator[Rendering]:
    one = Rendering()
    yield one
    one.end()


def gone(pid: int) -> bool:
    """Whether a process ends within some seconds."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def test_it_answers_as_the_library_does(rendering: Rendering) -> None:
    vega = rendering.call("vegalite_to_vega", SPEC)
    svg = rendering.call("vega_to_svg", vega)  # of what is not there yet
    assert vega.result() == vl_convert.vegalite_to_vega(SPEC)
    assert svg.result() == vl_convert.vega_to_svg(vega.result())


def test_a_picture_does_not_depend_on_the_machines_fonts(rendering: Rendering) -> None:
    """It is the one of a machine that has none."""
    svg = rendering.call("vegalite_to_svg", SPEC | {"config": {"font": theme.PICTURE_FONT}})
    alone = subprocess.run(
        [sys.executable, "-c", PICTURE],
        input=svg.result().encode(),
        env=os.environ | {"FONTCONFIG_FILE": str(NO_FONTS)},
        stdout=subprocess.PIPE,
        check=True,
    )
    assert rendering.call("svg_to_png", svg, scale=2).result() == alone.stdout


def test_what_the_library_raises_is_raised_here(rendering: Rendering) -> None:
    with pytest.raises(RuntimeError, match="unknown token"):
        rendering.call("svg_to_png", "no picture").result()
    assert rendering.call("vegalite_to_vega", SPEC).result()["marks"]


def test_if_it_is_killed_the_caller_is_told(rendering: Rendering) -> None:
    rendering.call("vegalite_to_vega", SPEC).result()
    rendering._process.kill()
    for _ in range(2):
        with pytest.raises(ChildProcessError, match="ended with status -9"):
            rendering.call("vegalite_to_vega", SPEC).result()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_the_process_that_asks(how: signal.Signals, tmp_path: Path) -> None:
    """Of Ctrl-C both are told, and only the one that asks says so."""
    said = tmp_path / "said"
    with said.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", WAITS], cwd=ROOT, stdout=subprocess.PIPE, stderr=errors,
            text=True, start_new_session=True,
        )  # fmt: skip
    with process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        if how == signal.SIGINT:
            os.killpg(process.pid, how)
        else:
            process.send_signal(how)
        process.wait(10)
    assert gone(pid)
    assert said.read_text().count("Traceback") == (1 if how == signal.SIGINT else 0)


def test_who_ends_does_not_wait_for_what_is_still_to_be_drawn() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUSY], cwd=ROOT, capture_output=True, text=True, check=True
    )
    start, pid = done.stdout.split()
    assert time.monotonic() - float(start) < 5  # all would take minutes
    assert gone(int(pid))
    assert done.stderr == ""
