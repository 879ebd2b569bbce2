"""The pipeline killed a few times; `make kills` kills it a hundred times, at random moments."""

import signal
from collections.abc import Sequence

import pytest

from tests.kills import Undisturbed, kill_once, undisturbed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return undisturbed(tmp_path_factory.mktemp("kills"))


@pytest.mark.parametrize(
    ("stages", "at", "target", "how"),
    [
        (["check", "generate@syn2"], 0.7, "group", signal.SIGTERM),
        (["explain@syn2", "evaluate@syn2"], 0.5, "dvc", signal.SIGKILL),
        (["evaluate@syn2", "trust@syn2"], 0.6, "stage", signal.SIGTERM),
        (["report@syn2", "index"], 0.4, "group", signal.SIGKILL),
    ],
)
def test_a_killed_pipeline_ends_as_an_undisturbed_one(
    run: Undisturbed, stages: Sequence[str], at: float, target: str, how: int
) -> None:
    assert kill_once(run, stages, at=at, target=target, how=how)


@pytest.mark.parametrize("target", ["stage", "dvc"])
def test_a_training_killed_after_a_checkpoint_goes_on(run: Undisturbed, target: str) -> None:
    how = signal.SIGKILL
    outcome = kill_once(run, ["train@syn2"], at=0, target=target, how=how, checkpoint=True)
    assert outcome
    assert (outcome.stage, outcome.recovery) == ("train", "resumed")
