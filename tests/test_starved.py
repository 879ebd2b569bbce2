"""A full disk, no permission, too few open files, no memory: one line, nothing half-written."""

import ctypes
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.imports import ROOT
from tests.stage_runs import STAGES, check_next_run, check_refusal, environment, files, stage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="these limits are Linux's"),
]
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


@pytest.mark.parametrize("name", STAGES)
def test_files_that_may_not_grow(name: str, before: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(before[name], tmp_path / "run")
    done = stage(name, folder, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)))
    parts = ("must be writable, however: File too large; allow larger files (ulimit -f)", "syn2")
    check_refusal(done, folder, files(before[name]), *parts)
    check_next_run(name, folder, before)


@pytest.mark.parametrize("name", STAGES)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk(name: str, before: dict[str, Path], tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this root may not mount a small disk")
    try:
        folder = shutil.copytree(before[name], disk / "run")
        with (disk / "filler").open("wb", buffering=0) as filler:
            for size in (2**16, 2**12):
                while True:
                    try:
                        filler.write(bytes(size))
                    except OSError:
                        break
        done = stage(name, folder)
        check_refusal(
            done,
            folder,
            files(before[name]),
            "must be writable, however: No space left on device; free disk space, then run again",
        )
        (disk / "filler").unlink()
        check_next_run(name, folder, before)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("name", ["generate", "explain"])
def test_too_few_open_files(name: str, before: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(before[name], tmp_path / "run")
    few = 5 if name == "generate" else 10
    done = stage(name, folder, lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (few, few)))
    parts = ("however: Too many open files; allow more open files (ulimit -n)", "data/syn2/")
    check_refusal(done, folder, files(before[name]), *parts)
    check_next_run(name, folder, before)


def without_privileges() -> None:
    """Root is refused as anybody is, once it may not have the capability to override."""
    if os.geteuid() == 0:
        assert ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE) == 0


@pytest.mark.parametrize("name", STAGES)
def test_a_folder_that_may_not_be_written(
    name: str, before: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(before[name], tmp_path / "run")
    inner = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in inner:
        path.chmod(0o555)
    done = stage(name, folder, without_privileges)
    for path in inner:
        path.chmod(0o755)
    parts = ("must be writable, however: Permission denied; allow writing in its folder",)
    check_refusal(done, folder, files(before[name]), *parts)
    check_next_run(name, folder, before)


def test_memory_that_does_not_suffice(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    code = (
        "import numpy, stages, sys; sys.argv = ['stages/train.py', 'syn2']\n"
        "def main(params, dataset): numpy.ones(2**40)\n"
        "stages.run(main)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("train@syn2 must fit into memory, however: Unable to allocate")
    assert "fewer train.seeds" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_memory_limit_and_no_standard_error(before: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(before["generate"], tmp_path / "run")
    command = f"ulimit -v 8000000; exec {sys.executable} -m stages.generate syn2 2>&-"
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment(), check=False)
    assert done.returncode == 0
    assert files(folder) == files(before["train"])
