"""Trained models: what they consist of, and `model.safetensors`, which holds all of their seeds."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import safetensors
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import numpy as safetensors_numpy

from tabnet import files, layout
from tabnet.errors import InputError
from tabnet.params import Model

FORMAT = 1
# Several keys would be written in an order that changes from run to run: everything is in one.
METADATA_KEY = "tabnet"


@dataclass(frozen=True)
class Fitted:
    """Trained TabNets, one a seed.

    `weights` maps the names of `tabnet.layout`, which are those of `TabNet.state_dict`, to float32
    arrays with a leading K = len(seeds); `classes` are the labels as text, in the order of the
    logits' last dimension. `diverged` names the seeds that were left out of training, each with
    the epoch in which its numbers were no longer finite; `best_epochs`, with validation, the epoch
    of each seed's weights; `warm_starts` the epochs after which training went on from a finished
    run, on whose result it then depends.
    """

    model: Model
    features: tuple[str, ...]
    classes: tuple[str, ...]
    seeds: tuple[int, ...]
    weights: Mapping[str, NDArray[np.float32]]
    diverged: Mapping[int, int] = field(default_factory=dict)
    best_epochs: Mapping[int, int] = field(default_factory=dict)
    warm_starts: tuple[int, ...] = ()

    def only(self, seed: int) -> "Fitted":
        """The same model with one of its seeds (K = 1). Raises ValueError if it has no such."""
        if seed not in self.seeds:
            gone = (
                f", which diverged in epoch {self.diverged[seed]}" if seed in self.diverged else ""
            )
            raise InputError(f"seed must be one of {list(self.seeds)}, however: {seed!r}{gone}")
        k = self.seeds.index(seed)
        weights = {name: array[k : k + 1] for name, array in self.weights.items()}
        best = {name: epoch for name, epoch in self.best_epochs.items() if name == seed}
        return replace(self, seeds=(seed,), weights=weights, best_epochs=best)


def initial(
    model: Model, seeds: Sequence[int], *, n_features: int, n_classes: int
) -> dict[str, NDArray[np.float32]]:
    """Each seed's weights before training, from its own generator; norms start as the identity.

    Weights are normal with standard deviation sqrt(2) I^(-1/4) in GLU layers and I^(-1/4)
    elsewhere, I the input width: pytorch-tabnet's Xavier gains, written out. A seed's weights do
    not depend on which other seeds are there.
    """
    streams = [np.random.SeedSequence(seed, spawn_key=(0,)) for seed in seeds]
    generators = [np.random.default_rng(stream) for stream in streams]
    shapes = layout.parameters(model, n_features=n_features, n_classes=n_classes)
    shapes |= layout.statistics(model, n_features=n_features)
    weights = {}
    for name, shape in shapes.items():
        if "norm" in name:
            start = float(name.endswith(("weight", "var")))
            weights[name] = np.full((len(seeds), *shape), start, np.float32)
        else:
            glu = name.startswith(("shared", "transformers"))
            std = (2.0 if glu else 1.0) ** 0.5 * shape[0] ** -0.25
            drawn = [std * generator.standard_normal(shape) for generator in generators]
            weights[name] = np.stack(drawn).astype(np.float32)
    return weights


class _Config(BaseModel):
    """What the file says about itself, beside its tensors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    model: Model
    features: tuple[str, ...]
    classes: tuple[str, ...]
    seeds: tuple[int, ...]
    diverged: dict[int, int] = {}
    best_epochs: dict[int, int] = {}
    warm_starts: tuple[int, ...] = ()
    digest: str = ""

    def text(self) -> str:
        """As it is in the file, without best epochs and warm starts where there are none."""
        empty = {name for name in ("best_epochs", "warm_starts") if not getattr(self, name)}
        return self.model_dump_json(exclude=empty)

    def with_digest(self, weights: Mapping[str, NDArray[np.float32]]) -> "_Config":
        """With the SHA-256 of all else in the file: a flipped bit makes no other model of it."""
        found = hashlib.sha256(self.model_copy(update={"digest": ""}).text().encode())
        for name in sorted(weights):
            found.update(name.encode() + weights[name].tobytes())
        return self.model_copy(update={"digest": found.hexdigest()})


def save(fitted: Fitted, path: Path | str) -> None:
    """Write a model file; the same model always gives the same bytes."""
    config = _Config(
        format=FORMAT,
        model=fitted.model,
        features=fitted.features,
        classes=fitted.classes,
        seeds=fitted.seeds,
        diverged=dict(fitted.diverged),
        best_epochs=dict(fitted.best_epochs),
        warm_starts=fitted.warm_starts,
    )
    weights = {name: np.ascontiguousarray(array) for name, array in fitted.weights.items()}
    metadata = {METADATA_KEY: config.with_digest(weights).text()}
    files.write_bytes(Path(path), safetensors_numpy.save(weights, metadata))


def load(path: Path | str) -> Fitted:
    """Read a model file.

    Raises OSError or ValueError, each with one line that names the file, if it is missing,
    truncated, not a model of this project, or if its tensors are not those of its configuration.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} must be a model file, however: a folder")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} must be a model file, however: no such file") from None
    except (safetensors.SafetensorError, OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} must be a whole safetensors file, however: {error}") from None
    config = _config(path, metadata)
    fitted = Fitted(
        config.model,
        config.features,
        config.classes,
        config.seeds,
        weights,
        diverged=config.diverged,
        best_epochs=config.best_epochs,
        warm_starts=config.warm_starts,
    )
    _check_shapes(path, fitted)
    if config != config.with_digest(weights):
        raise InputError(f"{path} must have the digest of its content, however: it is damaged")
    return fitted


def _config(path: Path, metadata: Mapping[str, str]) -> _Config:
    try:
        config = _Config.model_validate_json(metadata.get(METADATA_KEY, ""))
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise InputError(
            f"{path} must be a TabNet model of this project, however, its description says: "
            f"{where} {problem['msg']}".replace("\n", " ")
        ) from None
    if config.format != FORMAT:
        raise InputError(f"{path} must have model format {FORMAT}, however: {config.format}")
    if not (config.features and config.classes and config.seeds):
        raise InputError(f"{path} must name features, classes and seeds, however: one is empty")
    return config


def _check_shapes(path: Path, fitted: Fitted) -> None:
    n_features, n_classes = len(fitted.features), len(fitted.classes)
    shapes = layout.parameters(fitted.model, n_features=n_features, n_classes=n_classes)
    shapes |= layout.statistics(fitted.model, n_features=n_features)
    expected = {name: (len(fitted.seeds), *shape) for name, shape in shapes.items()}
    if missing := expected.keys() ^ fitted.weights.keys():
        raise InputError(f"{path} must have exactly its model's tensors, however: {min(missing)}")
    for name, shape in expected.items():
        array = fitted.weights[name]
        if array.shape != shape or array.dtype != np.float32:
            raise InputError(
                f"{path}: {name} must be float32 of shape {shape}, "
                f"however: {array.dtype} of shape {array.shape}"
            )
        if not np.isfinite(array).all():
            raise InputError(f"{path}: {name} must be finite, however: it has NaN or infinity")
