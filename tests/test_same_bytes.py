"""The same bytes wherever and however the pipeline runs on a machine."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clones import Clone, clone
from tests.kills import Contents, outputs

pytestmark = pytest.mark.slow

DATASET = "syn2"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, Contents]:
    copy = clone(Path(tmp_path_factory.mktemp("plain"), "clone"), small=True)
    copy.set(datasets=f"[{DATASET}]")
    copy.commit()
    copy.repro()
    return copy, results(copy)


def results(copy: Clone) -> Contents:
    """All outputs; dvc.lock has the parameters too, of which a test changes one."""
    return {name: data for name, data in outputs(copy).items() if name != "dvc.lock"}


def test_another_environment(plain: tuple[Clone, Contents], tmp_path: Path) -> None:
    """Another path, hash seed, locale, time zone, no HOME, a private umask, root or not."""
    other = clone(tmp_path / "ein anderer Ort, 目录 'é'", small=True)
    other.set(datasets=f"[{DATASET}]")
    command = ["env", "-u", "HOME", "sh", "-c", "umask 077; exec dvc repro -q"]
    if os.geteuid() == 0 and (setpriv := shutil.which("setpriv")):
        # Root without any of its privileges: what it may is what its files' owner may.
        command = [setpriv, "--bounding-set=-all", "--inh-caps=-all", *command]
    other.run(*command, PYTHONHASHSEED="123", LC_ALL="C", LANG="C", TZ="Pacific/Kiritimati")
    assert results(other) == plain[1]
    modes = {p.stat().st_mode & 0o077 for p in (other.path / "reports").rglob("*")}
    assert modes == {0}
    locks = [(copy.path / "dvc.lock").read_bytes() for copy in (plain[0], other)]
    assert locks[0] == locks[1]


def test_two_threads(plain: tuple[Clone, Contents]) -> None:
    copy, expected = plain
    copy.set(train__threads="2")
    copy.repro("-f", f"train@{DATASET}", f"explain@{DATASET}", f"evaluate@{DATASET}")
    found = results(copy)
    # The report prints the parameters, the number of threads among them.
    reports = {f"reports/{DATASET}/report.html"}
    assert {name for name in expected if found.get(name) != expected[name]} <= reports
    copy.run("git", "checkout", "-q", "params.yaml")


def test_two_at_once_end_alike(plain: tuple[Clone, Contents]) -> None:
    """The second waits, is refused, or repeats what the first does: nothing is damaged."""
    copy, expected = plain
    processes = [
        subprocess.Popen(
            ["dvc", "repro", "-f", "-s", f"train@{DATASET}"],
            cwd=copy.path,
            env=copy.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]
    codes = [process.wait(120) for process in processes]
    assert 0 in codes
    copy.repro()
    assert results(copy) == expected
