"""Each stage with each of its tables as it should not be: a right result or one line."""

import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from stages import one_line
from tabnet.errors import InputError
from tabnet.params import Params, load
from tests.odd_tables import ODD, SAME, WRONG, rewrite
from tests.stage_runs import STAGES, Files, files

pytestmark = pytest.mark.slow

TABLES = {
    "train": ["train"],
    "explain": ["test"],
    "evaluate": [
        "relevance",
        *(f"explanation/{name}" for name in ("predictions", "consensus", "aggregate_seed_1")),
    ],
    "report": [
        *("test", "relevance"),
        *(f"explanation/{name}" for name in ("predictions", "consensus", "aggregate", "step_1")),
    ],
}
# Any table of numbers and labels can be trained on; the consensus decides which features there
# are; the report shows what is missing as missing.
NAMES = {"a column is missing", "a column has another name", "a column has no name"}
FINITE = {"nothing for numbers", "an empty cell", "not a number", "infinity"}
RIGHT = {
    ("train", "train"): NAMES,
    ("evaluate", "explanation/consensus"): NAMES,
    # Its only numbers are the true probabilities, which no report reads.
    ("report", "relevance"): {what for what in WRONG if what.endswith("for numbers")},
}
PAIRS = [(stage, table) for stage, tables in TABLES.items() for table in tables]
Copy = Callable[[str], Path]


@pytest.fixture(scope="module")
def params(before: dict[str, Path]) -> Params:
    return load(before["train"] / "params.yaml")


@pytest.fixture
def copy(before: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Copy:
    """Makes the working folder what the stages before one leave it."""

    def make(stage: str) -> Path:
        monkeypatch.chdir(tmp_path)
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        folder = Path(shutil.copytree(before[stage], tmp_path / "run"))
        monkeypatch.chdir(folder)
        return folder

    return make


def run(stage: str, params: Params) -> str | None:
    """The line by which the stage refuses its files, if it does."""
    try:
        import_module(f"stages.{stage}").main(params, "syn2")
    except (InputError, OSError) as error:
        line = one_line(error)
    else:
        return None
    assert ", however: " in line
    return line


def check_unchanged(folder: Path, earlier: Files, stage: str, before: dict[str, Path]) -> None:
    """Nothing new but whole outputs, which a stage with several may have written before."""
    following = files(before[[*STAGES, "end"][STAGES.index(stage) + 1]])
    found = files(folder)
    assert {name: found.get(name) for name in earlier} == earlier
    assert found.keys() <= earlier.keys() | following.keys()


@pytest.mark.parametrize(("stage", "table"), PAIRS)
def test_what_is_wrong_is_refused(
    stage: str, table: str, copy: Copy, params: Params, before: dict[str, Path]
) -> None:
    right = RIGHT.get((stage, table), set()) | (FINITE if stage == "report" else set())
    for what, change in WRONG.items():
        if what in right:
            continue
        folder = copy(stage)
        path = folder / f"data/syn2/{table}.parquet"
        rewrite(path, change)
        earlier = files(folder)
        line = run(stage, params)
        assert line is not None, what
        assert ".parquet" in line or "importance.csv" in line, what
        check_unchanged(folder, earlier, stage, before)


@pytest.mark.parametrize(("stage", "table"), PAIRS)
def test_what_is_odd_is_refused_or_makes_whole_outputs(
    stage: str, table: str, copy: Copy, params: Params, before: dict[str, Path]
) -> None:
    changes = list(ODD.values())
    if stage == "report":  # seconds each: every change once, in one of the tables
        changes = changes[TABLES[stage].index(table) :: len(TABLES[stage])]
    for change in changes:
        folder = copy(stage)
        rewrite(folder / f"data/syn2/{table}.parquet", change)
        earlier = files(folder)
        if run(stage, params) is not None:
            check_unchanged(folder, earlier, stage, before)
        assert not [name for name in files(folder) if ".tmp" in name]


# Not the report: the second picture that a process draws has other names for its parts.
@pytest.mark.parametrize(("stage", "table"), [pair for pair in PAIRS if pair[0] != "report"])
def test_the_same_table_in_other_bytes_gives_the_same(
    stage: str, table: str, copy: Copy, params: Params, before: dict[str, Path]
) -> None:
    expected = files(before[[*STAGES, "end"][STAGES.index(stage) + 1]])
    for options in SAME.values():
        folder = copy(stage)
        rewrite(folder / f"data/syn2/{table}.parquet", lambda found: found, **options)
        assert run(stage, params) is None
        found = files(folder)
        assert {n for n in expected if found[n] != expected[n]} <= {f"data/syn2/{table}.parquet"}
