"""What all tests share: settings of libraries, and runs of the pipeline that several look at."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# OpenMP's threads would spin while they wait: beside another test that has a core, for minutes.
# Read when torch is loaded, hence before all other imports of the project.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from tests import stage_runs
from tests.clones import Clone, clone

# No test fails because the machine was busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever opens a browser takes seconds: `make quick` leaves it out."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The pipeline with small data and short training, run once; tests restore what they change."""
    copy = clone(tmp_path_factory.mktemp("small") / "clone", small=True)
    copy.repro()
    copy.commit("results")
    return copy


@pytest.fixture(scope="session")
def default_run(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The pipeline with the default parameters, run once."""
    copy = clone(Path(tmp_path_factory.mktemp("default"), "clone"), small=False)
    copy.repro()
    return copy


@pytest.fixture(scope="session")
def before(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each stage, as the stages before it leave it, and `end`; copied, not changed."""
    folder = tmp_path_factory.mktemp("stages") / "now"
    folder.mkdir()
    return stage_runs.folders(folder)
