"""The pipeline killed a few times; `make kills` kills it a hundred times, at random moments."""

import signal
from pathlib import Path

import pytest

from tests.clones import Clone
from tests.kills import Contents, kill_once, outputs, pipeline

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, Contents]:
    copy = pipeline(Path(tmp_path_factory.mktemp("kills"), "clone"))
    copy.repro()
    return copy, outputs(copy)


@pytest.mark.parametrize(
    ("after", "target", "how"),
    [
        (0.5, "group", signal.SIGTERM),
        (2.5, "dvc", signal.SIGKILL),
        (4.5, "stage", signal.SIGTERM),
        (7.0, "group", signal.SIGKILL),
    ],
)
def test_a_killed_pipeline_ends_as_an_undisturbed_one(
    undisturbed: tuple[Clone, Contents], after: float, target: str, how: int
) -> None:
    kill_once(*undisturbed, after=after, target=target, how=how)


@pytest.mark.parametrize(("target", "how"), [("stage", signal.SIGKILL), ("dvc", signal.SIGKILL)])
def test_a_training_killed_after_a_checkpoint_goes_on(
    undisturbed: tuple[Clone, Contents], target: str, how: int
) -> None:
    outcome = kill_once(*undisturbed, after=0.0, target=target, how=how, checkpoint=True)
    assert (outcome.stage, outcome.recovery) == ("train", "resumed")
