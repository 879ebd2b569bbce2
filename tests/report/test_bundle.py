"""The script that draws the charts: made once, the same wherever it comes from."""

import json
from pathlib import Path

import pytest

from tabnet.report import bundle
from tests.imports import ROOT
from tests.report.browser import slow


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return bundle._path()


def made() -> str:
    bundle.vega.cache_clear()
    return bundle.vega()


def test_what_is_kept_is_what_is_made(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = made()
    assert kept.is_file()
    monkeypatch.setattr(bundle, "_bundled", lambda: pytest.fail("made again"))
    assert made() == first


@pytest.mark.parametrize(
    "damage", [b"", slow(b"\xff"), slow(b"\n"), slow(b"0" * 64 + b"\nalert(1)")]
)
def test_a_damaged_one_is_made_anew(kept: Path, damage: bytes) -> None:
    kept.parent.mkdir(parents=True)
    kept.write_bytes(damage)
    first = made()
    assert len(first) > 100_000
    assert kept.read_text().endswith(first)


def test_without_a_place_nothing_is_kept(kept: Path) -> None:
    kept.parent.parent.write_text("no folder")
    assert len(made()) > 100_000


def test_the_pages_own_scripts_are_as_wide_as_their_formatter_writes_them() -> None:
    width = json.loads((ROOT / "package.json").read_text())["prettier"]["printWidth"]
    folder = ROOT / "tabnet" / "report"
    for path in [*folder.glob("*.js"), folder / "style.css"]:
        wide = [line for line in path.read_text().splitlines() if len(line) > width]
        assert not wide, path.name
