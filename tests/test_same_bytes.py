"""The same bytes wherever and however the pipeline runs on a machine."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tabnet.kernel import entry_points
from tests.clones import Clone, clone
from tests.kills import Contents, outputs

pytestmark = pytest.mark.slow

DATASET = "syn2"
OTHER = 65534  # `nobody`, whose home cannot be written
# Another user, who may read what root may, since the interpreter may lie in root's home.
AS_OTHER = [
    *("setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups"),
    *(f"--{kind}=-all,+dac_read_search" for kind in ("bounding-set", "inh-caps", "ambient-caps")),
]
if os.geteuid() or not shutil.which("setpriv"):
    AS_OTHER = []


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


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Run at another path, with another hash seed, locale and time zone, without HOME, in private.

    Where this is root, by another user.
    """
    copy = clone(tmp_path_factory.mktemp("other") / "ein anderer Ort, 目录 'é'", small=True)
    copy.set(datasets=f"[{DATASET}]")
    # Compiled code of its own: it may not write into root's.
    code = copy.path.with_name("compiled")
    found = entry_points.folder()
    shutil.copytree(found, code / found.name)
    command = ["env", "-u", "HOME", "sh", "-c", "umask 077; exec dvc repro -q"]
    if AS_OTHER:
        for path in (copy.path, code):
            subprocess.run(["chown", "-R", f"{OTHER}:{OTHER}", path], check=True)
        command = [*AS_OTHER, *command]
    copy.run(
        *command,
        NUMBA_CACHE_DIR=str(code),
        PYTHONHASHSEED="123",
        LC_ALL="C",
        LANG="C",
        TZ="Pacific/Kiritimati",
    )
    return copy


def test_another_environment(plain: tuple[Clone, Contents], other: Clone) -> None:
    assert results(other) == plain[1]
    modes = {p.stat().st_mode & 0o077 for p in (other.path / "reports").rglob("*")}
    assert modes == {0}
    locks = [(copy.path / "dvc.lock").read_bytes() for copy in (plain[0], other)]
    assert locks[0] == locks[1]


@pytest.mark.skipif(not AS_OTHER, reason="only root, with setpriv, can be another user")
def test_another_user(plain: tuple[Clone, Contents], other: Clone) -> None:
    """It was root's run that the bytes were compared with, and it was another's that had them."""
    for copy, user in ((plain[0], 0), (other, OTHER)):
        made = [
            path for name in results(copy) for path in (copy.path / name, copy.path / "dvc.lock")
        ]
        assert {path.stat().st_uid for path in made} == {user}


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
