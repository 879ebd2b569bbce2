"""Stages with too little memory, from hardly any upwards: one line, or the right result."""

import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from stages import _limit
from tests.stage_runs import STAGES, check_next_run, check_refusal, environment, files, stage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="these limits are Linux's"),
]
LEAST = _limit.LEAST // _limit.MIB
# MiB. Python itself, before it reads a line of ours, takes up to 18, as Debian builds it; what is
# refused above LEAST differs from level to level.
BELOW = (20, 100, 300, LEAST - 1)
ABOVE = (LEAST, 1200)


def limited(mebibytes: int) -> Callable[[], None]:
    size = mebibytes * _limit.MIB
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size))


@pytest.mark.parametrize("name", STAGES)
def test_what_cannot_suffice_is_refused_at_once(name: str, before: dict[str, Path]) -> None:
    for mebibytes in BELOW:
        started = time.monotonic()
        done = stage(name, before[name], limited(mebibytes))
        assert time.monotonic() - started < 10
        check_refusal(
            done,
            before[name],
            files(before[name]),
            f"{name}@syn2 must fit into memory, however: its libraries take {LEAST} MiB, "
            f"the limit is {mebibytes} MiB; allow more of it (ulimit -v)",
        )
        assert done.stderr.count("\n") == 1


def test_what_draws_takes_the_addresses_that_are_stated(
    before: dict[str, Path], tmp_path: Path
) -> None:
    most = _limit.DRAWING_GB * 10**9 // _limit.MIB
    for mebibytes, status in ((most, 0), (most - 2000, 1)):
        folder = shutil.copytree(before["report"], tmp_path / str(mebibytes))
        done = stage("report", folder, limited(mebibytes))
        assert done.returncode == status, done.stderr
    assert f"allow {_limit.DRAWING_GB} GB (ulimit -v)" in done.stderr
    assert "train.seeds" not in done.stderr
    assert done.stderr.count("\n") == 1


# Where it has fewer, what draws aborts.
@pytest.mark.parametrize(
    ("name", "mebibytes"), [*product(STAGES, ABOVE), ("report", 2500), ("report", 40_000)]
)
def test_what_may_suffice_does_or_is_refused(
    name: str, mebibytes: int, before: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(before[name], tmp_path / "run")
    done = stage(name, folder, limited(mebibytes))
    if done.returncode:
        check_refusal(done, folder, files(before[name]), f"{name}@syn2 must fit into memory, ")
        assert done.stderr.count("\n") == 1
    check_next_run(name, folder, before)


SCRIPT = """
import ctypes, os, signal, sys, time
import stages
from stages import _limit
print("in the child" if _limit.watch("train@syn2") else "unlimited", flush=True)
{}
"""


def watched(code: str, *, mebibytes: int | None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT.format(code)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=limited(mebibytes) if mebibytes else None,
    )


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("os.abort()", " (signal 6)"),
        ("print('noise', file=sys.stderr); ctypes.string_at(0)", " (signal 11)"),
        ("raise ImportError('x.so: failed to map segment')", " (ImportError: x.so: failed to map"),
        ("print('BLAS error: Memory allocation failed', file=sys.stderr); os._exit(1)", " (BLAS "),
        ('raise RuntimeError("can\'t start new thread")', " (RuntimeError: can't start new thr"),
    ],
)
def test_every_end_for_lack_of_memory_is_one_line(code: str, reason: str) -> None:
    done = watched(code, mebibytes=2000)
    line = "train@syn2 must fit into memory, however: the limit of 2000 MiB does not suffice"
    assert (done.returncode, done.stdout) == (1, "in the child\n")
    assert done.stderr.startswith(line + reason)
    assert done.stderr.count("\n") == 1


def test_what_other_processes_say_around_the_line_is_left_out() -> None:
    code = "os.write(2, b'# Fatal'); print(_limit.line('train@syn2', 'none'), file=sys.stderr)"
    done = watched(f"{code}; os.write(2, b'# at 0x1'); sys.exit(1)", mebibytes=2000)
    assert done.stderr == f"{_limit.line('train@syn2', 'none')}\n"
    assert done.returncode == 1


def test_other_ends_are_as_without_a_limit() -> None:
    for code, status in [("assert False, 'a bug'", 1), ("sys.exit('a mistake')", 1), ("", 0)]:
        limited_, free = (watched(code, mebibytes=m) for m in (2000, None))
        assert limited_.returncode == free.returncode == status
        assert limited_.stderr == free.stderr
        assert free.stdout == "unlimited\n"
    done = watched("os.kill(os.getpid(), signal.SIGKILL)", mebibytes=2000)
    assert done.returncode == 1


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_watched_stage_dies_with_the_one_that_watches(
    how: int, before: dict[str, Path], tmp_path: Path
) -> None:
    """Both hold the pipe open: its end is seen when both are gone."""
    command = [sys.executable, "-m", "stages.train", "syn2"]
    pipe = subprocess.PIPE
    folder, env = shutil.copytree(before["train"], tmp_path / "run"), environment()
    params = folder / "params.yaml"
    text = re.sub(r"\bepochs: \d+", "epochs: 100000", params.read_text())
    params.write_text(re.sub(r"checkpoint_every: \d+", "checkpoint_every: 100000", text))
    untouched = files(folder)
    with subprocess.Popen(
        command, cwd=folder, env=env, stdout=pipe, stderr=pipe, preexec_fn=limited(4000)
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"[Epoch 001]")
        process.send_signal(how)
        assert b"[Epoch 100000]" not in process.stdout.read()
    assert files(folder) == untouched
