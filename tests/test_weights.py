"""Model files: what is saved is what is loaded, and what cannot be a model is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import numpy as safetensors_numpy

from tabnet import weights
from tabnet.params import Model, Train
from tabnet.train import fit
from tabnet.weights import METADATA_KEY, Fitted


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    x = np.random.default_rng(0).standard_normal((60, 3))
    model = Model.model_validate({"n_steps": 2, "n_d": 3, "mask_type": "entmax15"})
    return fit(x, x[:, 0] > 0, model=model, train=Train(seeds=(4, 2), epochs=1))[0]


@pytest.fixture
def path(fitted: Fitted, tmp_path: Path) -> Path:
    weights.save(fitted, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def rewrite(path: Path, *, description: object = None, **tensors: Any) -> None:
    """The file again, with another description or other tensors (None takes one away)."""
    found = safetensors_numpy.load(path.read_bytes())
    found |= {k.replace("__", "."): v for k, v in tensors.items()}
    length = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + length])
    text = header["__metadata__"][METADATA_KEY] if description is None else description
    arrays = {k: v for k, v in found.items() if v is not None}
    path.write_bytes(safetensors_numpy.save(arrays, {METADATA_KEY: str(text)}))


def test_what_is_loaded_is_what_was_saved(fitted: Fitted, path: Path) -> None:
    loaded = weights.load(path)
    assert (loaded.model, loaded.features, loaded.classes, loaded.seeds) == (
        fitted.model,
        fitted.features,
        fitted.classes,
        fitted.seeds,
    )
    assert loaded.weights.keys() == fitted.weights.keys()
    for name, array in fitted.weights.items():
        np.testing.assert_array_equal(loaded.weights[name], array)


def test_the_same_model_gives_the_same_bytes(fitted: Fitted, path: Path) -> None:
    before = path.read_bytes()
    weights.save(weights.load(path), path)
    assert path.read_bytes() == before


def test_every_truncation_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for stop in {0, 1, 7, 8, 9, 100, len(whole) // 2, len(whole) - 1}:
        path.write_bytes(whole[:stop])
        with pytest.raises(ValueError, match=r"model.safetensors must be a whole safetensors file"):
            weights.load(path)


def describe(path: Path, **changes: object) -> str:
    length = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + length])
    return json.dumps(json.loads(header["__metadata__"][METADATA_KEY]) | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "must have model format 1, however: 2"),
        ({"features": []}, "must name features, classes and seeds"),
        ({"features": ["a", "b"]}, "must be float32 of shape"),
        ({"seeds": [1, 2, 3]}, "must be float32 of shape"),
        ({"surprise": 1}, "must be a TabNet model of this project"),
        ({"model": {"n_d": "many"}}, "must be a TabNet model of this project"),
        ({"model": {"n_steps": 7}}, "must have exactly its model's tensors"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(
    path: Path, changes: dict[str, object], message: str
) -> None:
    rewrite(path, description=describe(path, **changes))
    with pytest.raises(ValueError, match=message) as error:
        weights.load(path)
    assert "\n" not in str(error.value)


def test_tensors_that_do_not_fit_are_refused(path: Path) -> None:
    before = path.read_bytes()
    cases: list[tuple[dict[str, Any], str]] = [
        ({"output": None}, "exactly its model's tensors, however: output"),
        ({"output": np.zeros((2, 3, 2))}, "output must be float32"),
        ({"output": np.zeros((2, 2, 3), np.float32)}, "output must be float32 of shape"),
        ({"output": np.full((2, 3, 2), np.nan, np.float32)}, "output must be finite"),
        ({"more": np.zeros(1, np.float32)}, "exactly its model's tensors, however: more"),
    ]
    for change, message in cases:
        path.write_bytes(before)
        rewrite(path, **change)
        with pytest.raises(ValueError, match=message):
            weights.load(path)


def test_a_foreign_file_is_refused(path: Path, tmp_path: Path) -> None:
    path.write_bytes(safetensors_numpy.save({"a": np.zeros(3)}))
    with pytest.raises(ValueError, match="must be a TabNet model of this project"):
        weights.load(path)
    path.write_text("PAR1 hello")
    with pytest.raises(ValueError, match="must be a whole safetensors file"):
        weights.load(path)
    with pytest.raises(FileNotFoundError, match="must be a model file, however: no such file"):
        weights.load(tmp_path / "missing.safetensors")


def test_one_seed_of_a_model(fitted: Fitted) -> None:
    one = fitted.only(2)
    assert one.seeds == (2,)
    np.testing.assert_array_equal(one.weights["output"][0], fitted.weights["output"][1])
    with pytest.raises(ValueError, match=r"one of \[4, 2\], however: 3"):
        fitted.only(3)


def test_a_folder_is_no_model(tmp_path: Path, fitted: Fitted) -> None:
    with pytest.raises(IsADirectoryError, match="must be a model file, however: a folder"):
        weights.load(tmp_path)
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError, match="Is a directory; choose another name"):
        weights.save(fitted, tmp_path / "taken")
