"""What the stage `trust` wrote down: measures of masks that need no truth, and their curves."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict

from tabnet import plain_csv, plain_json
from tabnet.errors import InputError
from tabnet.report import faithfulness
from tabnet.report.measured import LARGEST, Count, OneDataset, Score

ORDERS = tuple(faithfulness.ORDERS)
SIDES = ("keep", "remove")
NUMBERS = ["k", "auc", "log_loss", "drop"]


class Part(BaseModel):
    """A part of trust.json; what a report does not show may be there as well."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class Spread(Part):
    """A measure of single seeds."""

    mean: Score
    std: Score


class Order(Part):
    """Of an order of features."""

    sufficiency_auc: Score
    comprehensiveness_auc: Score


class Consensus(Order):
    """Of the consensus mask."""

    noise_distance: Score
    noise_overlap: Score
    undecided: Score = None


class Seeds(Part):
    """Of single seeds' masks."""

    agreement: Spread
    sufficiency_auc: Spread
    comprehensiveness_auc: Spread
    noise_distance: Spread
    noise_overlap: Spread


class Bootstrap(Part):
    """Of masks of models that were trained on other rows."""

    resamples: Count
    distance: Score
    distance_of_seeds: Score
    distance_by_chance: Score
    distance_of_seeds_by_chance: Score
    interprestability: Score
    interprestability_of_seeds: Score


class Trust(Part):
    """All of one data set."""

    rows: Count
    consensus: Consensus
    seeds: Seeds
    fixed: Order
    random: Order
    bootstrap: Bootstrap


def trust(path: Path) -> Trust:
    """The trust.json of one data set. Raises ValueError, naming the file, if it is no such."""
    kind = OneDataset[Trust]
    (found,) = plain_json.read(path, kind, what="what the stage trust writes").values()
    return found


def curves(path: Path) -> pd.DataFrame:
    """The faithfulness.csv of a data set. Raises ValueError, naming the file, if it is no such."""
    table = plain_csv.read(path, NUMBERS, texts=["side", "order"])
    plain_csv.whole(path, table, ["k"])
    plain_csv.within(path, table, ["k"], 0, LARGEST)
    plain_csv.within(path, table, NUMBERS[1:], -LARGEST, LARGEST)
    k = table.groupby(["side", "order"])["k"].agg(tuple)
    if set(k.index) != {(side, order) for side in SIDES for order in ORDERS} or k.nunique() != 1:
        raise InputError(
            f"{path}: must have the same k for each of {', '.join(ORDERS)}, kept and removed,"
            f" however: {len(table)} other rows"
        )
    if not (table["k"] > 0).any():
        raise InputError(f"{path}: must have a k above 0, however: none")
    return table
