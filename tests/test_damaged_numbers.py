"""Scores, losses and cards (JSON, CSV) as they should not be: a right page, or one line."""

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stages import index as index_stage
from stages import one_line
from stages import paper as paper_stage
from tabnet.errors import InputError
from tabnet.params import Params
from tabnet.report import explanation, numbers, report
from tabnet.report.paper import inputs
from tests.odd_numbers import damaged, of_csv, of_json
from tests.report.example import write
from tests.report.test_index import made
from tests.report.test_paper import member, peers

pytestmark = pytest.mark.slow

FILES = 8000  # tried at least, over all kinds
DRAWN = 4  # of those that are accepted, so many of each kind become a page
SECONDS = 2  # of the processor, for one file
PARAMS = Params.model_validate({"datasets": ["syn2", "paper_syn1"], "peers": ["paper_syn1"]})
Read = Callable[[], object]


class Kind:
    """A file, how the stage reads it, and how it makes a page of what it read."""

    def __init__(self, path: Path, read: Read, draw: Callable[[Any], object]) -> None:
        self.path, self.read, self.draw = path, read, draw


def spread(scores: dict[str, float | None]) -> dict[str, Any]:
    return {name: {"mean": score, "std": 0.1} for name, score in scores.items()}


def write_paper(folder: Path) -> None:
    """What the stages leave for the page beside the paper."""
    folder.mkdir(parents=True)
    one = member(0.9)
    metrics = {"consensus": one, "seeds": spread(one), "agreement": 0.8, "bayes": {"auc": 0.95}}
    seeds = {f"seed_{n}": member(0.5 + n / 10) for n in range(1, 5)}
    for name in PARAMS.datasets:
        found = {"metrics": metrics, "members": {"consensus": one, **seeds}}
        (folder / f"{name}.scores.json").write_text(json.dumps(found))
        trust = {seed: {"sufficiency_auc": n / 10} for n, seed in enumerate(seeds)}
        trust["consensus"] = {"sufficiency_auc": 0.9}
        (folder / f"{name}.trust.json").write_text(json.dumps(trust))
        (folder / f"{name}.peers.json").write_text(json.dumps({name: peers(0.9)}))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the stages report, index and paper can run."""
    root = write(tmp_path_factory.mktemp("numbers"), rows=6)
    (root / "reports/index").mkdir()
    for name in PARAMS.datasets:
        card = made(root, name, rows=6)
        (root / f"reports/index/{name}.json").write_text(json.dumps(card))
    write_paper(root / "reports/paper")
    return root


@pytest.fixture
def kinds(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Kind]]:
    monkeypatch.chdir(root)
    opened = explanation.open_folder(Path("data/syn4/explanation"), name="syn4")
    quantile = {"aggregate": 1.0, "steps": 1.0}

    def of_report(name: str) -> Kind:
        def read() -> numbers.Numbers:
            return numbers.read(path.parent, features=opened.features)

        def draw(found: numbers.Numbers) -> None:
            report.html(report.collect(opened, found, sort_by="row", quantile=quantile)).encode()

        path = Path("one", name, name)  # alone, so that nothing else is read each time
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(Path("reports/syn4", name).read_bytes())
        return Kind(path, read, draw)

    card = Path("reports/index/syn2.json")
    of_paper = {
        name: Kind(Path("reports/paper", name), lambda: inputs.read(FOLDER, PARAMS), _paper)
        for name in PAPER
    }
    of_index = {"card.json": Kind(card, lambda: index_stage._card("syn2"), _index)}
    found = {name: of_report(name) for name in REPORT} | of_paper | of_index
    before = {kind.path: kind.path.read_bytes() for kind in found.values()}
    yield found
    for path, content in before.items():
        path.write_bytes(content)


REPORT = ["metrics.json", "history.csv", "importance.csv", "trust.json", "faithfulness.csv"]
PAPER = [f"paper_syn1.{kind}.json" for kind in ("scores", "trust", "peers")]
FOLDER = Path("reports/paper")
tried: dict[str, int] = {}


def _paper(_: object) -> None:
    paper_stage.main(PARAMS, "paper")


def _index(_: object) -> None:
    index_stage.main(PARAMS)


def forms(whole: bytes, suffix: str) -> Iterator[bytes]:
    yield from damaged(whole, cuts=150, flips=500)
    changed = list(of_json(whole) if suffix == ".json" else of_csv(whole))
    random.Random(1).shuffle(changed)  # of very many a fair part
    yield from changed[:500]


@pytest.mark.parametrize("name", [*REPORT, *PAPER, "card.json"])
def test_a_page_or_one_line(name: str, kinds: dict[str, Kind]) -> None:
    kind = kinds[name]
    whole = kind.path.read_bytes()
    right, accepted = repr(kind.read()), []
    for content in forms(whole, kind.path.suffix):
        kind.path.write_bytes(content)
        tried[name] = tried.get(name, 0) + 1
        started = time.process_time()
        try:
            if repr(kind.read()) != right:
                accepted.append(content)
        except (InputError, OSError) as error:
            check(error, kind.path)
        assert time.process_time() - started < SECONDS
    for content in random.Random(2).sample(accepted, min(DRAWN, len(accepted))):
        kind.path.write_bytes(content)
        kind.draw(kind.read())


def check(error: Exception, path: Path) -> None:
    line = str(error)
    assert line.startswith(f"{path}: must "), line
    assert ", however: " in line
    assert len(line.splitlines()) == 1
    assert len(one_line(error)) < 400


@pytest.mark.parametrize("name", [*REPORT, *PAPER, "card.json"])
def test_what_is_no_file(name: str, kinds: dict[str, Kind]) -> None:
    kind = kinds[name]
    whole = kind.path.read_bytes()
    for make in (Path.mkdir, os.mkfifo):
        kind.path.unlink()
        make(kind.path)
        with pytest.raises(ValueError, match=f"^{kind.path}: must be a file, however: "):
            kind.read()
        kind.path.rmdir() if kind.path.is_dir() else kind.path.unlink()
        kind.path.write_bytes(whole)


def test_as_many_were_tried_as_the_readme_says() -> None:
    if len(tried) < len([*REPORT, *PAPER, "card.json"]):
        pytest.skip("not all kinds were tried in this run")
    assert sum(tried.values()) >= FILES
