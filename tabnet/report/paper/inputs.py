"""What the page is made from: the scores of each data set, and what else was measured on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabnet import layout, plain_json
from tabnet.datasets import DATASETS
from tabnet.errors import InputError
from tabnet.params import Params
from tabnet.report.measured import Compared, Measures, OneDataset, Peers, Scored

SEED = "seed_"

Scores = Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Input:
    """One data set: its scores, how it was trained, and what else was measured on it, if it was.

    `metrics` are those of metrics.json. `members` and `trust` hold, for `consensus` and each
    `seed_<seed>`, the scores against the truth and those that need no truth. `peers` is the content
    of peers.json.
    """

    name: str
    metrics: Mapping[str, Any]
    members: Mapping[str, Scores]
    training: Mapping[str, int]
    peers: Mapping[str, Any] | None = None
    trust: Mapping[str, Scores] | None = None


def read(folder: Path, params: Params) -> list[Input]:
    """The data sets of `params.datasets`, from the files that their stages left in `folder`.

    Raises OSError if a file cannot be read, ValueError if it is not what they write.
    """
    return [_input(folder, name, params) for name in params.datasets]


def files(folder: Path, one: Input) -> list[Path]:
    """The files that an input was read from."""
    kinds = {"scores": one.members, "trust": one.trust, "peers": one.peers}
    return [folder / f"{one.name}.{kind}.json" for kind, found in kinds.items() if found]


def _input(folder: Path, name: str, params: Params) -> Input:
    path = folder / f"{name}.scores.json"
    scored = plain_json.read(path, Scored, what="what the stage evaluate writes")
    trust = folder / f"{name}.trust.json"
    return Input(
        name=name,
        metrics=scored["metrics"],
        members=scored["members"],
        training=training(params.of(name), n_features=len(DATASETS[name].features)),
        # A list shrinks, and its files stay: only what is listed is measured.
        peers=_peers(folder, name) if name in params.peers else None,
        trust=_trust(trust, scored["metrics"]) if trust.exists() else None,
    )


def _peers(folder: Path, name: str) -> Peers:
    path, kind = folder / f"{name}.peers.json", OneDataset[Peers]
    ((found, peers),) = plain_json.read(path, kind, what="what the stage peers writes").items()
    if found != name:
        raise InputError(f"{path}: must be of {name}, however: of {found[:40]!r}")
    return peers


def _trust(path: Path, metrics: Compared) -> dict[str, Any]:
    """The measures of each member; how far the seeds agree is the consensus' agreement."""
    found = plain_json.read(path, Measures, what="what the stage trust writes")
    return {**found, "consensus": {"agreement": metrics["agreement"], **found["consensus"]}}


def training(params: Params, *, n_features: int) -> dict[str, int]:
    """What was trained: seeds, the parameters of each, and for how many epochs of what batches.

    >>> training(Params(), n_features=10)["seeds"]
    25
    """
    shapes = layout.parameters(params.model, n_features=n_features, n_classes=2)
    return {
        "seeds": len(params.train.seeds),
        "epochs": params.train.epochs,
        "batch_size": params.train.batch_size,
        "parameters": sum(math.prod(shape) for shape in shapes.values()),
    }
