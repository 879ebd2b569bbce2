"""Copies of the project to run the pipeline in, away from the person's own."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from ruamel.yaml import YAML

from tabnet.params import load
from tests.imports import ROOT

# Small enough for seconds, large enough for every stage to have something to do.
SMALL = {
    "generate.train_rows": "300",
    "generate.test_rows": "200",
    "train.seeds": "[1,2,3]",
    "train.epochs": "2",
    "train.checkpoint_every": "1",
    "trust.rows": "100",
    "trust.resamples": "1",
}


# Of the data sets whose overrides would make them large again.
for _name, _override in load(ROOT / "params.yaml").overrides.items():
    for _section, _changes in _override:
        SMALL |= {
            f"overrides.{_name}.{_section}.{key}": SMALL[f"{_section}.{key}"]
            for key in _changes
            if f"{_section}.{key}" in SMALL
        }

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Clone:
    """A copy of the project with a git history and a DVC cache of its own."""

    path: Path

    def run(self, *command: str, check: bool = True, **env: str) -> Done:
        """Run a command in the copy, as in an activated environment."""
        # Into files: the workers of DVC's queue inherit a pipe, and hold it while they live.
        with TemporaryFile("w+") as stdout, TemporaryFile("w+") as stderr:
            process = subprocess.run(
                command,
                cwd=self.path,
                env=self.environment() | env,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                timeout=1200,
            )
            stdout.seek(0)
            stderr.seek(0)
            done = Done(command, process.returncode, stdout.read(), stderr.read())
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def finish_queue(self) -> str:
        """Wait until the started queue's experiments are done; what `dvc queue status` says then.

        The workers are stopped: one of two can miss the word that nothing is left to do, since both
        make the file at once which says whom to tell.
        """
        for _ in range(600):
            # Where a worker is writing what it reads, it fails.
            told = self.run("dvc", "queue", "status", check=False)
            if told.returncode == 0 and not any(s in told.stdout for s in ("Queued", "Running")):
                break
            time.sleep(1)
        self.run("dvc", "queue", "stop", check=False)
        return told.stdout

    @staticmethod
    def environment() -> dict[str, str]:
        """The variables of an activated environment."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1"}

    def repro(self, *arguments: str) -> list[str]:
        """`dvc repro`; the stages that ran, in their order, the check of params.yaml left out."""
        lines = self.run("dvc", "repro", *arguments).stdout.splitlines()
        stages = [line.split("'")[1] for line in lines if line.startswith("Running stage '")]
        return [stage for stage in stages if stage != "check"]

    def set(self, **params: str) -> None:
        """Change params.yaml, by `section__key=value` in YAML."""
        yaml = YAML()
        file = self.path / "params.yaml"
        data = yaml.load(file)
        for name, value in params.items():
            *parents, key = name.replace("__", ".").split(".")
            inner = data
            for parent in parents:
                inner = inner[parent]
            inner[key] = YAML(typ="safe").load(value)
        yaml.dump(data, file)

    def commit(self, message: str = "change") -> None:
        """Commit everything that git does not ignore."""
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", message, "--allow-empty")


def clone(path: Path, *, small: bool) -> Clone:
    """The working tree's files, tracked and new, without results, in a new git repository."""
    names = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")
    for name in names:
        file = ROOT / name
        if name and file.is_file() and not name.startswith("reports/") and name != "dvc.lock":
            target = path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    copy = Clone(path)
    copy.run("git", "init", "-q", "-b", "main")
    copy.run("git", "config", "user.email", "someone@example.org")
    copy.run("git", "config", "user.name", "Someone")
    if small:
        copy.set(**SMALL)
    copy.commit("start")
    return copy
