"""Kills the running pipeline at random moments, repeats it, and compares every output.

    python tests/kills.py [COUNT] [SEED]

Each round takes one to three stages out of a finished run, with what DVC keeps of them and all that
it knows of runs; `dvc repro` makes them anew. The stage, dvc, or both at once are killed by SIGKILL
or SIGTERM at a random moment of that work, measured in the processor time that it takes, so that a
busy machine does not move it. No process of the killed run may live on, and what it left under a
final name must be whole. After a second `dvc repro` all outputs and dvc.lock must have the bytes of
the undisturbed run, and no temporary file may be left. A training is mostly killed between two
checkpoints, and goes on from one. Where dvc's own files were damaged, `make repair` and another
`dvc repro` must do.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from ruamel.yaml import YAML

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.clones import Clone, clone

# A training of seconds, with seeds that stop, that is mostly killed between two of its checkpoints.
LONGER = {
    "datasets": "[syn2]",
    "train__epochs": "400",
    "train__checkpoint_every": "5",
    "train__validation_share": "0.2",
    "train__patience": "150",
}
TARGETS = ("stage", "dvc", "group")
SIGNALS = (signal.SIGKILL, signal.SIGTERM)
START = "dvc's start"  # before its first stage
MOST = 3  # stages to make anew in a round
STEP = 0.05  # seconds between two looks at a running pipeline
PARTS = ("data", "reports", "dvc.lock", ".dvc/cache", ".dvc/tmp")
Contents = dict[str, bytes]


@dataclass(frozen=True)
class Undisturbed:
    """A finished run in a copy of the project, and how much processor time each stage took."""

    copy: Clone
    seconds: dict[str, float]
    expected: Contents

    @property
    def finished(self) -> Path:
        """Where the results, dvc's cache and its notes are kept, to start each round from."""
        return self.copy.path.with_name("finished")


@dataclass(frozen=True)
class Outcome:
    """What a kill hit, and what it took to recover."""

    stage: str
    target: str
    signal: str
    recovery: str


def undisturbed(folder: Path) -> Undisturbed:
    """Runs the pipeline: small data, and a training long enough to be hit."""
    copy = clone(folder / "clone", small=True)
    copy.set(**LONGER)
    copy.commit("a longer training")
    seconds: dict[str, float] = {}
    process = _start(copy)
    last = 0.0
    while process.poll() is None:
        now = _seconds(process.pid)
        stage = [START, *_begun(copy)][-1]
        seconds[stage] = seconds.get(stage, 0.0) + max(0.0, now - last)
        last = max(last, now)
        time.sleep(STEP)
    assert process.returncode == 0, _log(copy).read_text()
    run = Undisturbed(copy, seconds, outputs(copy))
    _copy(copy.path, run.finished)
    return run


def outputs(copy: Clone) -> Contents:
    """All that a run leaves where a person looks: data, reports and dvc.lock."""
    files = [copy.path / "dvc.lock"]
    files += [p for folder in ("data", "reports") for p in (copy.path / folder).rglob("*")]
    return {str(p.relative_to(copy.path)): p.read_bytes() for p in files if p.is_file()}


def kill_once(
    run: Undisturbed,
    stages: Sequence[str],
    *,
    at: float,
    target: str,
    how: int,
    checkpoint: bool = False,
) -> Outcome | None:
    """One round; AssertionError if anything differs from an undisturbed run.

    `at` is the moment as a share of the stages' work; with `checkpoint` it is that of the first
    checkpoint. None if the work was done before that moment came.
    """
    copy = run.copy
    _take_out(run, stages)
    process = _start(copy)
    moment = run.seconds[START] + at * sum(run.seconds[stage] for stage in stages)
    first = (copy.path / ".dvc/tmp/checkpoints").glob
    try:
        if not _wait(
            process,
            (lambda: any(first("*.checkpoint")))
            if checkpoint
            else (lambda: _seconds(process.pid) >= moment),
        ):
            return None
        target = _kill(process.pid, target, how)
        process.wait(60)
    finally:
        orphans = _wait_until_gone(process.pid)
        for orphan in orphans:
            os.kill(orphan, signal.SIGKILL)
    said = _log(copy).read_text()
    assert not orphans, f"{orphans} outlive dvc\n{said}"
    half = {name for name, bytes_ in _named(copy).items() if run.expected.get(name) != bytes_}
    assert not half, f"{sorted(half)} are not whole\n{said}"
    stage = _begun(copy)[-1].split("@")[0] if _begun(copy) else "none"
    recovery = _recover(copy)
    found = outputs(copy)
    names = found.keys() | run.expected.keys()
    differ = {name for name in names if found.get(name) != run.expected.get(name)}
    assert not differ, f"{sorted(differ)} differ\n{said}"
    return Outcome(stage, target, signal.Signals(how).name, recovery)


def _take_out(run: Undisturbed, stages: Sequence[str]) -> None:
    """Back to the finished run, but without these stages' outputs and what DVC keeps of them."""
    path = run.copy.path
    _copy(run.finished, path)
    shutil.rmtree(path / ".dvc/cache/runs", ignore_errors=True)
    yaml, lock = YAML(), path / "dvc.lock"
    data = yaml.load(lock)
    for stage in stages:
        for out in data["stages"][stage]["outs"]:
            _forget(path / ".dvc/cache/files/md5", out["md5"])
            # Another hash: dvc writes its lock anew, and may be killed meanwhile.
            out["md5"] = "0" * 32
            shutil.rmtree(path / out["path"], ignore_errors=True)
            (path / out["path"]).unlink(missing_ok=True)
    yaml.dump(data, lock)


def _forget(cache: Path, md5: str) -> None:
    """Takes a file out of the cache, or a folder and its files."""
    kept = cache / md5[:2] / md5[2:]
    if md5.endswith(".dir"):
        for file in json.loads(kept.read_text()):
            _forget(cache, file["md5"])
    kept.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    for name in PARTS:
        if (target / name).is_dir():
            shutil.rmtree(target / name)
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
        elif (source / name).exists():
            target.mkdir(exist_ok=True)
            shutil.copyfile(source / name, target / name)


def _named(copy: Clone) -> Contents:
    """What has its final name, but for dvc.lock, which dvc writes in place."""
    return {
        name: bytes_
        for name, bytes_ in outputs(copy).items()
        if name != "dvc.lock" and ".tmp" not in name
    }


def _log(copy: Clone) -> Path:
    return copy.path.with_name("log")


def _start(copy: Clone) -> "subprocess.Popen[bytes]":
    """`dvc repro`, in a session of its own, by which its processes are found."""
    with _log(copy).open("w") as out:
        return subprocess.Popen(
            ["dvc", "repro"],
            cwd=copy.path,
            env=copy.environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def _begun(copy: Clone) -> list[str]:
    lines = _log(copy).read_text().splitlines()
    return [line.split("'")[1] for line in lines if line.startswith("Running stage '")]


def _seconds(dvc: int) -> float:
    """The processor time of dvc and of its stages, those that have ended included."""
    try:
        processes = [psutil.Process(dvc), *psutil.Process(dvc).children(recursive=True)]
        times = [process.cpu_times() for process in processes]
    except psutil.Error:
        return 0.0
    return sum(sum(of[:4]) if not i else of[0] + of[1] for i, of in enumerate(times))


def _wait(process: "subprocess.Popen[bytes]", reached: Callable[[], bool]) -> bool:
    """Whether a moment came while the process was running."""
    while process.poll() is None:
        if reached():
            return True
        time.sleep(0.02)
    return False


def _kill(dvc: int, target: str, how: int) -> str:
    """Sends the signal; what it was sent to: dvc, where no stage was running."""
    stages = [process for process in _session(dvc) if process != dvc]
    if target == "group":
        _send(dvc, how, group=True)
        return target
    for process in stages if target == "stage" and stages else [dvc]:
        _send(process, how, group=False)
    return target if stages else "dvc"


def _send(process: int, how: int, *, group: bool) -> None:
    with suppress(ProcessLookupError):  # it was quicker
        os.killpg(process, how) if group else os.kill(process, how)


def _session(session: int) -> list[int]:
    """The living processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            state, _, _, of = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:4]
        except (OSError, ValueError):
            continue
        if entry.name.isdigit() and int(of) == session and state not in "ZX":
            found.append(int(entry.name))
    return found


def _wait_until_gone(session: int) -> list[int]:
    """The processes of a session that live on for five seconds."""
    for _ in range(100):
        left = _session(session)
        if not left:
            return []
        time.sleep(0.05)
    return left


def _recover(copy: Clone) -> str:
    """What makes the pipeline whole again: `dvc repro`, or `make repair` before it.

    `resumed` is a `dvc repro` in which a training went on from a checkpoint.
    """
    done = copy.run("dvc", "repro", check=False)
    if done.returncode == 0:
        return "resumed" if "going on from epoch" in done.stdout + done.stderr else "repro"
    said = copy.run("make", "repair").stdout
    copy.run("dvc", "repro")
    reason = " ".join(done.stderr.split())[:200]
    return f"repair ({' '.join(said.split())[:200]}; before: {reason})"


def main(count: int, seed: int) -> None:
    """`count` kills at random moments; a line for each, and how many were of which kind."""
    generator = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        run = undisturbed(Path(folder))
        names = [name for name in run.seconds if name != START]
        seen: Counter[str] = Counter()
        killed = 0
        while killed < count:
            first = generator.randrange(len(names))
            stages = names[first : first + generator.randint(1, MOST)]
            target, how = generator.choice(TARGETS), generator.choice(SIGNALS)
            at = generator.uniform(-0.1, 1)
            outcome = kill_once(run, stages, at=at, target=target, how=how)
            if outcome is None:
                continue
            killed += 1
            print(f"{killed}/{count} at {at:.2f} of {', '.join(stages)}: {outcome}", flush=True)
            hit = f"{outcome.target} {outcome.signal}"
            seen.update((outcome.stage, hit, outcome.recovery.split()[0]))
        print(f"{count} kills, all outputs the same afterwards:", dict(seen))


if __name__ == "__main__":
    main(*(int(given) for given in (sys.argv[1:] + ["100", "1"][len(sys.argv) - 1 :])))
