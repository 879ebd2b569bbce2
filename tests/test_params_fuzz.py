"""Whatever params.yaml holds: valid parameters or one line, soon, and within little memory."""

import math
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tabnet.errors import InputError
from tabnet.params import Params, load
from tabnet.plain_yaml import parse
from tests.params_fuzz import DOCUMENTS, KEYS, TEXTS, dumped, filled
from tests.stage_runs import environment

FILES = 1000  # drawn ones; those below are tried as well
SECONDS = 10  # of the processor, for the worst file; a tenth of that on a machine without a load
MEGABYTES = 300

pytestmark = pytest.mark.slow


def leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for inner in (*value, *value.values()):
            yield from leaves(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


def check(path: Path) -> bool:
    """Whether the file is accepted; the law of this file."""
    started = time.process_time()
    try:
        params = load(path)
    except (InputError, OSError) as error:
        text = str(error)
        assert text.startswith(f"{path}: ")
        assert len(text.splitlines()) == 1
        assert len(text) < len(str(path)) + 500
        return False
    finally:
        assert time.process_time() - started < SECONDS
    again = path.with_name("again.yaml")
    again.write_text(dumped(params.model_dump(mode="json")))
    assert load(again) == params
    for leaf in leaves(params.model_dump()):
        assert isinstance(leaf, (str, int, float, bool, type(None)))
        assert not isinstance(leaf, float) or math.isfinite(leaf)
    return True


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "params.yaml"


@pytest.fixture(scope="module", autouse=True)
def _little_memory() -> Iterator[None]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEGABYTES * 1024


def test_drawn_files(path: Path) -> None:
    tried = accepted = 0

    @settings(
        max_examples=FILES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(content=DOCUMENTS)
    def try_one(content: bytes) -> None:
        nonlocal tried, accepted
        path.write_bytes(content)
        accepted += check(path)
        tried += 1

    try_one()
    assert tried >= FILES
    assert FILES / 50 < accepted < FILES / 2


def test_odd_texts_at_every_key(path: Path) -> None:
    """Each text at a third of the keys, and the long ones, which cost the parser time, at few."""
    for at, key in enumerate(KEYS):
        for number, text in enumerate(TEXTS):
            if (at + number) % (3 if len(text) < 1000 else 24) == 0:
                path.write_text(filled(key, text))
                check(path)


def test_the_keys_are_those_of_the_file() -> None:
    """The walk finds new keys by itself: it must find all that are there now."""

    def dotted(model: type[BaseModel], value: object, *above: str) -> Iterator[tuple[str, ...]]:
        for name, inner in value.items() if isinstance(value, dict) else ():
            yield (*above, name)
            field = model.model_fields[name].annotation
            if isinstance(field, type) and issubclass(field, BaseModel):
                yield from dotted(field, inner, *above, name)

    file = Path(__file__).parents[1] / "params.yaml"
    content = YAML(typ="safe", pure=True).load(file.read_text())
    assert set(dotted(Params, content)) <= set(KEYS)


@pytest.mark.parametrize("text", [text for text in TEXTS if len(text) < 1000])
def test_dvc_reads_what_we_read(text: str, path: Path) -> None:
    """DVC takes the parser in C: it may refuse more, and never understand something else."""
    path.write_text(f"key: {text}\n")
    with suppress(ValueError):
        ours = parse(path)
        with suppress(YAMLError):
            assert repr(YAML(typ="safe").load(path)) == repr(ours)


@pytest.mark.parametrize("text", TEXTS[::7])
def test_the_check_before_every_run_ends_in_one_line_too(text: str, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(filled(("train", "learning_rate"), text))
    done = subprocess.run(
        [sys.executable, "-m", "stages.check"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    valid = check(file)
    assert (done.returncode, done.stdout) == (0 if valid else 1, "")
    assert len(done.stderr.splitlines()) == (0 if valid else 1), done.stderr
    assert (tmp_path / "data" / "code").exists() == valid
