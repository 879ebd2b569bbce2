"""`make repair`: what a killed dvc left half-written goes, what is whole stays."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import repair

WHOLE = """schema: '2.0'
stages:
  check:
    cmd: exec python -m stages.check
    outs:
    - path: data/params.valid
      hash: md5
      md5: 1e1ba5d8ed4e5b4ed9f9e5c2b6a8c0d4
      size: 21
"""
HALVES = ["outs:", "path: data/params.valid", "hash: md5", "size: 21"]  # without their values


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".dvc", "tmp").mkdir(parents=True)
    repair.LOCK.write_text(WHOLE)


def commit() -> None:
    user = ("-c", "user.name=Someone", "-c", "user.email=someone@example.org")
    for command in (("init", "-q"), ("add", "dvc.lock"), (*user, "commit", "-qm", "lock")):
        subprocess.run(["git", *command], check=True)


def note(process: int) -> None:
    info = {"pid": process, "cmd": "repro"}
    repair.NOTES.write_text(json.dumps({"write": {"data": info}, "read": {"params.yaml": [info]}}))


def test_a_whole_project_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    repair.main()
    assert capsys.readouterr().out == "Repaired: nothing to do. Now run: dvc repro\n"
    assert repair.LOCK.read_text() == WHOLE


def test_new_results_are_not_thrown_away() -> None:
    commit()
    newer = WHOLE.replace("check", "other")
    repair.LOCK.write_text(newer)
    repair.main()
    assert repair.LOCK.read_text() == newer


@pytest.mark.parametrize(
    "text",
    [
        *("", WHOLE[:20], WHOLE[:31], WHOLE[:30] + ": [", "\0"),
        *(WHOLE[: WHOLE.index(half) + half.index(":") + 1] for half in HALVES),
    ],
)
def test_half_a_lock_file_is_taken_from_git_or_removed(text: str) -> None:
    repair.LOCK.write_text(text)
    repair.main()
    assert not repair.LOCK.exists()
    repair.LOCK.write_text(WHOLE)
    commit()
    repair.LOCK.write_text(text)
    repair.main()
    assert repair.LOCK.read_text() == WHOLE


@pytest.mark.parametrize("text", ["", '{"write": {"da', "[]", '{"write": {"a": 1}}'])
def test_damaged_notes_are_removed(text: str) -> None:
    repair.NOTES.write_text(text)
    repair.main()
    assert not repair.NOTES.exists()


def test_notes_of_the_dead_and_of_others_are_removed() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    for process in (ended.pid, os.getppid()):
        note(process)
        repair.main()
        assert not repair.NOTES.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_nothing_is_touched_while_dvc_runs() -> None:
    repair.LOCK.write_text("half")
    code = "import sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, "dvc", "repro"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as running:
        assert running.stdout is not None
        running.stdout.readline()  # it is there
        note(running.pid)
        with pytest.raises(SystemExit, match=f"dvc is running here as process {running.pid}"):
            repair.main()
        assert repair.NOTES.exists()
        assert repair.LOCK.read_text() == "half"


def test_the_notes_of_a_dvc_that_has_ended_stay(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ('{"write": {}}', '{"write": {}, "read": {}}'):
        repair.NOTES.write_text(text)
        repair.main()
        assert repair.NOTES.read_text() == text
    assert "nothing to do" in capsys.readouterr().out
