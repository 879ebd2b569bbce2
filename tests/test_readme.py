"""What the README shows runs: Python blocks as they are, shell blocks in a small clone."""

import json
import re
import shlex
from pathlib import Path

import pytest

from stages import _limit
from tabnet.report import __main__ as report
from tabnet.report import without_truth
from tests import test_bombs, test_damaged_numbers, test_other_processor, test_params_fuzz
from tests.benchmarks import table
from tests.clones import Clone, clone
from tests.imports import ROOT
from tests.params_fuzz import TEXTS

DOCUMENTS = ("README.md", "SECURITY.md")
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    copy = clone(tmp_path_factory.mktemp("readme") / "clone", small=True)
    copy.set(datasets="[syn4]")  # the one that blocks name; half the time
    copy.repro()
    copy.commit("results")
    return copy


def test_the_readme_has_blocks_to_run() -> None:
    assert blocks("python")
    assert blocks("sh")


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_blocks_run(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python")[number], "README.md", "exec"), {"__name__": "readme"})


def test_rows_of_ones_own_become_a_report_that_judges_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = (block for block in blocks("python") if "trust.json" in block)
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    (command,) = re.findall(r"`python -m tabnet\.report ([^`]*)`", README)
    report.main(shlex.split(command))
    page = Path("report.html").read_text()
    assert without_truth.NOTES[1][0] in page
    assert "Show the rows of lowest agreement" in page


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(blocks("sh"))))
def test_shell_blocks_run(small: Clone, number: int) -> None:
    # Each block starts from the committed state, as a reader would who tries one of them.
    small.run("git", "reset", "-q", "--hard")
    small.run("dvc", "checkout", "-q", "--force")
    small.run("bash", "-euo", "pipefail", "-c", blocks("sh")[number])
    if "dvc queue" in blocks("sh")[number]:
        status = small.finish_queue()
        assert "Success" in status, status
        assert "Failed" not in status, status


def test_the_scores_are_those_of_the_committed_run() -> None:
    for dataset in ("syn2", "syn4"):
        path = ROOT / "reports" / dataset / "metrics.json"
        metrics = json.loads(path.read_text())[dataset]
        names = ("rma", "rra", "tpr", "fdr", "auc")
        consensus = " | ".join(f"**{metrics['consensus'][name]:.3f}**" for name in names)
        seeds = (metrics["seeds"][name] for name in names)
        single = " | ".join(f"{score['mean']:.3f} ± {score['std']:.3f}" for score in seeds)
        assert f"| {dataset.capitalize()} | consensus | {consensus} |" in README
        assert f"| | single seeds | {single} |" in README


def test_what_the_measures_are_read_beside_is_of_the_committed_run() -> None:
    trust = json.loads((ROOT / "reports" / "syn4" / "trust.json").read_text())["syn4"]
    consensus, others = trust["consensus"]["sufficiency_auc"], ("random", "fixed")
    for other in others:
        assert f"(Syn4: {consensus:.3f} beside {trust[other]['sufficiency_auc']:.3f})" in README
    moved = [100 * trust["bootstrap"][name] for name in ("distance", "distance_by_chance")]
    assert f"(Syn4: {moved[0]:.1f} % beside {moved[1]:.1f} %)" in README


def test_every_score_of_a_mask_is_defined_by_the_name_that_it_has() -> None:
    words = README[README.index("## What the words mean") : README.index("## What is promised")]
    head = next(line for line in README.splitlines() if line.startswith("| | | mass on relevant"))
    metrics = json.loads((ROOT / "reports" / "syn4" / "metrics.json").read_text())["syn4"]
    for text in head.strip("| ").split(" | "):
        assert f"**{text}**" in " ".join(words.split()), text
    for name in metrics["consensus"].keys() - {"accuracy", "brier", "log_loss"}:
        assert f"`{name}`" in words, name


def test_the_numbers_of_what_was_tried_are_those_of_the_tests() -> None:
    readme, security = (" ".join((ROOT / name).read_text().split()) for name in DOCUMENTS)
    assert f"{test_params_fuzz.FILES} drawn files and {len(TEXTS) // 100 * 100} odd texts" in readme
    assert f"{test_damaged_numbers.FILES} damaged or odd files of scores" in readme
    limits = f"within {test_params_fuzz.SECONDS} seconds and {test_params_fuzz.MEGABYTES} MB"
    assert limits in readme
    assert f"{_limit.LEAST // _limit.MIB} MiB at least" in readme
    assert f"one that draws {_limit.DRAWING_GB} GB" in readme
    masks, auc, importance = (
        getattr(test_other_processor, n) for n in ("MASKS", "AUC", "IMPORTANCE")
    )
    assert f"after one step of the optimiser the masks agree to {masks}" in readme
    assert f"the AUC agrees to {auc} and the importances to {importance} (total" in readme
    bombs = f"within {test_bombs.LIMIT // 2**20} MiB of memory (`ulimit -d`)"
    assert f"{bombs} and {test_bombs.SECONDS} seconds" in security


def test_the_speeds_are_those_of_the_benchmarks() -> None:
    quoted, page = table.rows(README), ROOT / "docs" / "benchmarks.md"
    assert len(quoted) >= 4
    if not page.exists():
        pytest.skip("`make bench` has not been run")
    assert quoted.items() <= table.rows(page.read_text()).items()


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_links_into_the_page_lead_to_its_sections() -> None:
    sections = re.findall(r"^#+ (.+)$", README, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in sections}
    found = re.findall(r"\]\(#([^)]+)\)", README)
    assert found
    assert set(found) <= anchors


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for command in re.findall(r"`(make[^`]*)`", README):
        assert set(shlex.split(command)[1:]) <= targets, command
