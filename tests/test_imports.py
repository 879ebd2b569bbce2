"""Which module may import which, and that dvc.yaml says what the stages really read."""

import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from tabnet.params import Override
from tabnet.stage_code import imported, modules, reached, source
from tests.imports import ROOT, external

# Each may import the ones before it, and nothing of what comes after.
CORE = ["sparsemax", "fused", "layers", "model", "engine", "train"]
WITHOUT_TORCH = ["arrays", "datasets", "files", "params", "plain_yaml", "report", "rules"]
WITHOUT_TORCH += ["scores", "stage_code", "tables"]
SECTIONS = {"generate", "model", "train", "explain", "evaluate", "trust", "report"}

DVC: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")
STAGES = sorted(DVC["stages"])


def test_there_is_a_stage_for_every_script() -> None:
    scripts = {file.stem for file in (ROOT / "stages").glob("[!_]*.py")}
    assert scripts == set(STAGES)
    for name, stage in DVC["stages"].items():
        assert stage["cmd"].startswith(f"exec python -m stages.{name}")
        assert stage["desc"]


def test_a_stage_depends_on_the_note_of_its_own_code() -> None:
    """What the note says of it is tested in test_stage_code.py."""
    code = {
        name: [dep for dep in stage["deps"] if dep.startswith(("stages", "tabnet", "data/code"))]
        for name, stage in DVC["stages"].items()
    }
    assert code.pop("check") == ["stages", "tabnet"]
    assert code == {name: [f"data/code/{name}.txt"] for name in code}


def read_parameters(name: str) -> set[str]:
    """`section` or `section.key` for each `params.section.key` in the stage's script.

    A stage of one data set reads that one's overrides of such a section as well.
    """
    text = source(f"stages.{name}").read_text()
    found = set(re.findall(r"\bparams\.(\w+(?:\.\w+)?)", text))
    found = (found - {"model_dump"}) | (SECTIONS if "model_dump" in found else set())
    if "dataset" not in DVC["stages"][name].get("matrix", {}):
        return found
    own = {parameter.split(".")[0] for parameter in found} & set(Override.model_fields)
    return found | {f"overrides.${{item.dataset}}.{section}" for section in own}


@pytest.mark.parametrize("name", STAGES)
def test_the_params_of_a_stage_are_those_that_it_reads(name: str) -> None:
    if "params.yaml" in DVC["stages"][name]["deps"]:
        return  # the whole of it
    declared = set(DVC["stages"][name].get("params", []))
    read = read_parameters(name)
    for parameter in read:
        section = parameter.split(".")[0]
        # Of one data set's overrides, all would be those of the others as well.
        wider = set() if parameter.startswith("overrides.$") else {section}
        assert declared & ({parameter} | wider), f"{parameter} is not declared"
    for parameter in declared:
        assert any(r == parameter or r.split(".")[0] == parameter for r in read), parameter


@pytest.mark.parametrize("module", modules())
def test_imports_point_one_way(module: str) -> None:
    package, _, name = module.partition(".")
    if package == "tabnet":
        assert not {m for m in imported(module) if m.startswith("stages")}
    elif name:
        assert not {m for m in imported(module) if m.startswith("stages.")}
    if package == "tabnet" and name in CORE:
        later = {f"tabnet.{m}" for m in CORE[CORE.index(name) :]}
        assert not imported(module) & later
    if package == "tabnet" and name.split(".")[0] in WITHOUT_TORCH:
        assert not {m for m in reached(module) if "torch" in external(m)}


@pytest.mark.parametrize("module", modules())
def test_nothing_imports_dvc_or_pickle(module: str) -> None:
    assert not external(module) & {"dvc", "dvclive", "joblib", "pickle", "shelve"}
