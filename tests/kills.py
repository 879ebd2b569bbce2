"""Kills the running pipeline at random moments, repeats it, and compares every output.

    python tests/kills.py [COUNT] [SEED]

Each round wipes the results, runs `dvc repro`, kills the stage, dvc, or both at once by SIGKILL or
SIGTERM after a random time, and runs `dvc repro` again. No process of the killed run may live on,
and what it left under a final name must be whole. After the second run all outputs and dvc.lock
must have the bytes of an undisturbed run, and no temporary file may be left. A training is mostly
killed between two checkpoints, and goes on from one. Where dvc's own files were damaged,
`make repair` and another `dvc repro` must do.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.clones import Clone, clone

# A training of seconds, with seeds that stop, that is mostly killed between two of its checkpoints.
TRAINING = {
    "train__epochs": "400",
    "train__checkpoint_every": "5",
    "train__validation_share": "0.2",
    "train__patience": "150",
}
TARGETS = ("stage", "dvc", "group")
SIGNALS = (signal.SIGKILL, signal.SIGTERM)
Contents = dict[str, bytes]


@dataclass(frozen=True)
class Outcome:
    """What a kill hit, and what it took to recover."""

    stage: str
    target: str
    signal: str
    recovery: str


def pipeline(path: Path) -> Clone:
    """A copy to kill: small data, and a training long enough to be hit."""
    copy = clone(path, small=True)
    copy.set(**TRAINING)
    copy.commit("a longer training")
    return copy


def outputs(copy: Clone) -> Contents:
    """All that a run leaves where a person looks: data, reports and dvc.lock."""
    files = [copy.path / "dvc.lock"]
    files += [p for folder in ("data", "reports") for p in (copy.path / folder).rglob("*")]
    return {str(p.relative_to(copy.path)): p.read_bytes() for p in files if p.is_file()}


def _finished(copy: Clone) -> Contents:
    """What has its final name, but for dvc.lock, which dvc writes in place."""
    return {
        name: bytes_
        for name, bytes_ in outputs(copy).items()
        if name != "dvc.lock" and ".tmp" not in name
    }


def wipe(copy: Clone) -> None:
    """Back to before the first run, the cache included: every stage has to work again."""
    for name in ("data", "reports", ".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(copy.path / name, ignore_errors=True)
    (copy.path / "dvc.lock").unlink(missing_ok=True)


def kill_once(
    copy: Clone,
    expected: Contents,
    *,
    after: float,
    target: str,
    how: int,
    checkpoint: bool = False,
) -> Outcome:
    """One round; AssertionError if anything differs from an undisturbed run.

    It kills so many seconds after the start or, with `checkpoint`, after the first checkpoint.
    """
    wipe(copy)
    log = copy.path.parent / "killed.log"
    with log.open("w") as out:
        # In a session of its own, by which its processes are found.
        process = subprocess.Popen(
            ["dvc", "repro"],
            cwd=copy.path,
            env=copy.environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            if checkpoint:
                _wait_for_checkpoint(copy)
            time.sleep(after)
            _kill(process.pid, target, how)
            process.wait(60)
        finally:
            session = process.pid
            orphans = _wait_until_gone(session)
            for orphan in orphans:
                os.kill(orphan, signal.SIGKILL)
    assert not orphans, f"{orphans} outlive dvc\n{log.read_text()}"
    started = [line for line in log.read_text().splitlines() if line.startswith("Running stage")]
    stage = started[-1].split("'")[1].split("@")[0] if started else "none"
    half = {name for name, bytes_ in _finished(copy).items() if expected.get(name) != bytes_}
    assert not half, f"{sorted(half)} are not whole\n{log.read_text()}"
    recovery = _recover(copy)
    found = outputs(copy)
    differ = {name for name in found.keys() | expected if found.get(name) != expected.get(name)}
    assert not differ, f"{sorted(differ)} differ\n{log.read_text()}"
    return Outcome(stage, target, signal.Signals(how).name, recovery)


def _wait_for_checkpoint(copy: Clone) -> None:
    folder = copy.path / ".dvc/tmp/checkpoints"
    for _ in range(60_000):
        if any(folder.glob("*.checkpoint")):
            return
        time.sleep(0.002)
    raise AssertionError("no checkpoint in two minutes")


def _kill(dvc: int, target: str, how: int) -> None:
    if target == "group":
        _send(dvc, how, group=True)
        return
    stages = [process for process in _session(dvc) if process != dvc]
    for process in stages if target == "stage" else [dvc]:
        _send(process, how, group=False)


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
        copy = pipeline(Path(folder, "clone"))
        started = time.monotonic()
        copy.repro()
        length = time.monotonic() - started
        expected = outputs(copy)
        seen: Counter[str] = Counter()
        for i in range(1, count + 1):
            after = generator.uniform(0.3, length)
            target, how = generator.choice(TARGETS), generator.choice(SIGNALS)
            outcome = kill_once(copy, expected, after=after, target=target, how=how)
            print(f"{i}/{count} after {after:.1f} s: {outcome}", flush=True)
            seen.update((outcome.stage, f"{target} {outcome.signal}", outcome.recovery.split()[0]))
        print(f"{count} kills, all outputs the same afterwards:", dict(seen))


if __name__ == "__main__":
    main(*(int(given) for given in (sys.argv[1:] + ["100", "1"][len(sys.argv) - 1 :])))
