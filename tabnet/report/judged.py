"""What the stage `trust` wrote down: measures of masks that need no truth, and their curves."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

ORDERS = ("consensus", "seeds", "fixed", "random")
SIDES = ("keep", "remove")
NUMBERS = ["k", "auc", "log_loss", "drop"]

Number = float | None  # null: not defined, or not measured


class Part(BaseModel):
    """A part of trust.json; what a report does not show may be there as well."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class Spread(Part):
    """A measure of single seeds."""

    mean: Number
    std: Number


class Order(Part):
    """Of an order of features."""

    sufficiency_auc: Number
    comprehensiveness_auc: Number


class Consensus(Order):
    """Of the consensus mask."""

    noise_distance: Number
    noise_overlap: Number


class Seeds(Part):
    """Of single seeds' masks."""

    agreement: Spread
    sufficiency_auc: Spread
    comprehensiveness_auc: Spread
    noise_distance: Spread
    noise_overlap: Spread


class Bootstrap(Part):
    """Of masks of models that were trained on other rows."""

    resamples: int
    distance: Number
    distance_of_seeds: Number
    distance_by_chance: Number
    interprestability: Number
    interprestability_of_seeds: Number


class Trust(Part):
    """All of one data set."""

    rows: int
    consensus: Consensus
    seeds: Seeds
    fixed: Order
    random: Order
    bootstrap: Bootstrap


def trust(path: Path) -> Trust:
    """The trust.json of one data set. Raises ValueError, naming the file, if it is no such."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: must be JSON, however: {error}") from None
    if not isinstance(found, dict) or len(found) != 1:
        raise ValueError(f"{path}: must name one data set, however: {str(found)[:80]}")
    (measures,) = found.values()
    try:
        return Trust.model_validate(measures)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise ValueError(
            f"{path}: must have what the stage trust writes, however: {where}: {first['msg']}"
        ) from None


def curves(path: Path) -> pd.DataFrame:
    """The faithfulness.csv of a data set. Raises ValueError, naming the file, if it is no such."""
    try:
        table = pd.read_csv(path)
    except ValueError as error:
        raise ValueError(f"{path}: must be a table (CSV), however: {error}") from None
    for column in ("side", "order", *NUMBERS):
        if column not in table.columns:
            shown = ", ".join(map(str, table.columns[:20]))
            raise ValueError(f"{path}: must have a column {column!r}, however: it has {shown}")
    try:
        table = table.assign(**table[NUMBERS].apply(pd.to_numeric))
    except ValueError as error:
        raise ValueError(f"{path}: must be a table of numbers (CSV), however: {error}") from None
    k = table.groupby(["side", "order"])["k"].agg(tuple)
    if set(k.index) != {(side, order) for side in SIDES for order in ORDERS} or k.nunique() != 1:
        raise ValueError(
            f"{path}: must have the same k for each of {', '.join(ORDERS)}, kept and removed,"
            f" however: {len(table)} other rows"
        )
    return table
