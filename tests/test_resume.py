"""Trainings whose process is killed: run again, they go on and end with the same bytes."""

import re
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest

from tabnet.checkpoint import SUFFIX
from tests.clones import Clone, clone

pytestmark = pytest.mark.slow
COMMAND = (sys.executable, "-m", "stages.train", "syn2")
PLAIN = {
    "generate__train_rows": "1500",
    "train__seeds": "[1,2,3,4,5]",
    "train__epochs": "160",
    "train__batch_size": "256",
    "train__learning_rate": "0.02",
    "train__checkpoint_every": "2",
}
# Constant steps on few rows learn them by heart: seeds stop, one after the other.
VALIDATED = PLAIN | {
    "train__epochs": "240",
    "train__schedule": "constant",
    "train__validation_share": "0.3",
    "train__patience": "20",
    "train__checkpoint_every": "1",
}


@pytest.fixture
def copy(tmp_path: Path) -> Clone:
    return clone(tmp_path / "clone", small=False)


def prepare(copy: Clone, **params: str) -> None:
    copy.set(**params)
    copy.run(sys.executable, "-m", "stages.check")
    copy.run(sys.executable, "-m", "stages.generate", "syn2")


def results(copy: Clone) -> dict[str, bytes]:
    """What a training writes, taken away."""
    names = ("data/syn2/model.safetensors", "reports/syn2/history.csv")
    found = {name: (copy.path / name).read_bytes() for name in names}
    for name in names:
        (copy.path / name).unlink()
    return found


def undisturbed(copy: Clone) -> dict[str, bytes]:
    done = copy.run(*COMMAND)
    assert "going on" not in done.stderr
    assert checkpoints(copy) == []
    return results(copy)


def checkpoints(copy: Clone, *, pattern: str = "*") -> list[Path]:
    return sorted((copy.path / ".dvc/tmp/checkpoints").glob(pattern))


def finished_checkpoint(copy: Clone) -> Path:
    """The one that a killed training left, beside which there may be one half-written."""
    (found,) = checkpoints(copy, pattern=f"*{SUFFIX}")
    return found


def killed(copy: Clone, epoch: int) -> str:
    """A training killed when it says that it has finished an epoch; what it said on the way."""
    process = subprocess.Popen(
        COMMAND,
        cwd=copy.path,
        env=copy.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    said = ""
    with process:
        for line in process.stdout:
            said += line
            if line.startswith(f"[Epoch {epoch:03d}]"):
                process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, said
    assert not (copy.path / "data/syn2/model.safetensors").exists()
    return said


def resumed_from(said: str) -> int | None:
    found = re.search(r"going on from epoch (\d+), saved in", said)
    return int(found[1]) if found else None


def kill_one_after_the_other(copy: Clone, moments: list[int], every: int) -> None:
    """Each run goes on from at least the last checkpoint before the kill, and the last one ends."""
    before: int | None = None
    for moment in moments:
        resumed = resumed_from(killed(copy, moment))
        assert resumed is None if before is None else (resumed or 0) >= before
        before = (moment - 1) // every * every
    done = copy.run(*COMMAND)
    assert (resumed_from(done.stderr) or 0) >= (before or 0)
    assert f"[Epoch {moments[-1] - every:03d}]" not in done.stdout


def test_killed_again_and_again_it_ends_with_the_same_bytes(copy: Clone) -> None:
    prepare(copy, **PLAIN)
    expected = undisturbed(copy)
    kill_one_after_the_other(copy, [3, 20, 41, 90], every=2)
    assert results(copy) == expected
    assert checkpoints(copy) == []


def test_killed_before_and_after_seeds_have_stopped(copy: Clone) -> None:
    prepare(copy, **VALIDATED)
    expected = undisturbed(copy)
    history = pd.read_csv(BytesIO(expected["reports/syn2/history.csv"]))
    ends = sorted(history.groupby("seed")["epoch"].max())
    assert ends[0] + 10 < ends[-1] < 240
    kill_one_after_the_other(copy, [5, ends[0] - 1, ends[0] + 1], every=1)
    assert results(copy) == expected
    assert checkpoints(copy) == []


def test_what_changes_no_result_keeps_the_checkpoint(copy: Clone) -> None:
    """Of the code what draws charts, of the parameters the number of threads."""
    prepare(copy, **PLAIN | {"train__epochs": "60"})
    expected = undisturbed(copy)
    killed(copy, 10)
    with (copy.path / "tabnet/report/charts.py").open("a") as file:
        file.write("# another version\n")
    copy.set(train__threads="3", train__device="cpu")
    assert (resumed_from(copy.run(*COMMAND).stderr) or 0) >= 8
    assert results(copy) == expected


def test_a_checkpoint_of_something_else_is_never_used_and_that_is_said(copy: Clone) -> None:
    prepare(copy, **PLAIN | {"train__epochs": "60"})
    expected = undisturbed(copy)
    assert "going on" not in killed(copy, 10)
    checkpoint = finished_checkpoint(copy)
    whole = checkpoint.read_bytes()

    # Other parameters, and other code: another checkpoint, and other ones are there.
    other = "not used, of other data, parameters or code: 1 checkpoint(s) in "
    copy.set(train__learning_rate="0.01")
    done = copy.run(*COMMAND)
    assert other in done.stderr
    assert "[Epoch 001]" in done.stdout
    assert results(copy) != expected
    copy.set(train__learning_rate="0.02")
    source = copy.path / "tabnet/layout.py"
    text = source.read_text()
    source.write_text(text + "# another version\n")
    done = copy.run(*COMMAND)
    assert other in done.stderr
    assert "[Epoch 001]" in done.stdout
    assert results(copy) == expected
    source.write_text(text)

    # Damaged, wherever it is, or the one of another run under this one's name.
    for position in (33, len(whole) // 2):
        flipped = bytes([whole[position] ^ 1])
        checkpoint.write_bytes(whole[:position] + flipped + whole[position + 1 :])
        done = copy.run(*COMMAND)
        assert f"{checkpoint.name} is another run's, or is damaged: not used" in done.stderr
        assert "[Epoch 001]" in done.stdout
        assert results(copy) == expected
        assert checkpoints(copy) == []
    copy.set(train__learning_rate="0.01")
    killed(copy, 10)
    finished_checkpoint(copy).rename(checkpoint)
    copy.set(train__learning_rate="0.02")
    done = copy.run(*COMMAND)
    assert f"{checkpoint.name} is another run's, or is damaged: not used" in done.stderr
    assert results(copy) == expected
