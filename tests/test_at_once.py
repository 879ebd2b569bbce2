"""A stage run several times at once in one folder: whole outputs, those of one run alone."""

import shutil
from pathlib import Path

import pytest

from tests.stage_runs import STAGES, at_once, files

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", STAGES)
def test_processes_that_write_the_same_files(
    name: str, before: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(before[name], tmp_path / "run")
    assert at_once(name, folder, count=3) == [0, 0, 0]
    following = [*STAGES, "end"][STAGES.index(name) + 1]
    assert files(folder) == files(before[following])
