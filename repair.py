"""Repairs what a killed `dvc` leaves behind, and nothing else: `make repair`.

DVC writes two files in place: dvc.lock, and .dvc/tmp/rwlock, where it notes which process uses
which file. Killed while it writes, it leaves half a file; killed at work, the notes of a process
that is gone, which DVC itself takes for living where its number is used again.
"""

import json
import subprocess
import sys
from pathlib import Path

from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from voluptuous import Invalid

LOCK, NOTES = Path("dvc.lock"), Path(".dvc", "tmp", "rwlock")


def main() -> None:
    """Say what was repaired; exit status 1, and nothing done, while a dvc runs here."""
    running = [process for process in _noted() if _is_dvc(process)]
    if running:
        sys.exit(f"dvc is running here as process {running[0]}: wait for it, or end it first")
    done = []
    if NOTES.exists() and not _says_nothing(NOTES):
        NOTES.unlink()
        done.append(f"removed {NOTES}")
    if LOCK.exists() and not _whole(LOCK):
        tracked = subprocess.run(["git", "checkout", "-q", "--", LOCK], capture_output=True)
        if tracked.returncode:
            LOCK.unlink()
        done.append(f"{'removed' if tracked.returncode else 'restored'} {LOCK}")
    print(f"Repaired: {', '.join(done) or 'nothing to do'}. Now run: dvc repro")


def _says_nothing(notes: Path) -> bool:
    """Whether the notes can be read and name no process, as a dvc leaves them that has ended."""
    try:
        return not any(json.loads(notes.read_text()).values())
    except (ValueError, AttributeError):
        return False


def _noted() -> set[int]:
    """The processes that .dvc/tmp/rwlock names, if it can be read."""
    try:
        notes = json.loads(NOTES.read_text())
        written = list(notes.get("write", {}).values())
        read = [info for infos in notes.get("read", {}).values() for info in infos]
        return {int(info["pid"]) for info in written + read}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return set()


def _is_dvc(process: int) -> bool:
    """Whether a living process is a dvc; a killed one that nobody waits for has no arguments."""
    try:
        return b"dvc" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def _whole(lock: Path) -> bool:
    """Whether dvc can read it. Half of it may be whole YAML, of which dvc still refuses a part."""
    try:
        data = YAML(typ="safe", pure=True).load(lock.read_bytes())
        COMPILED_LOCKFILE_SCHEMA(data)
    except (YAMLError, ValueError, Invalid):
        return False
    return bool(data["stages"])


if __name__ == "__main__":
    main()
