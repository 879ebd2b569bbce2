"""Tables of all methods: their scores on the same rows, and how long they took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabnet.report.cells import MASKS, Cell, Table, best, marked, number
from tabnet.report.paper.charts import METHODS

HEADLINE = ("rma", "mask_average_precision", "auc")
PEERS = {"auc": "AUC", **MASKS, "mask_auroc": "AUROC of cells", "selected": "cells selected"}


def by_dataset(found: Mapping[str, Any], score: str) -> Table:
    """One score of all methods, a column a data set."""
    columns = []
    for one in found.values():
        values = [
            one["methods"][key]["scores"][score] if key in one["methods"] else None
            for key in METHODS
        ]
        columns.append([marked(value, best(values, score)) for value in values])
    names = [kind.name for kind in METHODS.values()]
    rows = list(zip(names, map(list, zip(*columns, strict=True)), strict=True))
    return Table(f"{PEERS[score]}, by method", list(found), rows)


TIMES = {"train_seconds": "seconds to train", "explain_seconds": "seconds to explain"}


def times(found: Mapping[str, Any], key: str) -> Table:
    """How long all methods took, a column a data set."""
    rows = [
        (
            kind.name,
            [Cell(number(one["methods"].get(name, {}).get(key), 2)) for one in found.values()],
        )
        for name, kind in METHODS.items()
    ]
    return Table(f"{TIMES[key]}, by method", list(found), rows)


def all_scores(name: str, one: Mapping[str, Any]) -> Table:
    """All scores of all methods on one data set, and how long they took."""
    measured = {key: one["methods"][key] for key in METHODS if key in one["methods"]}
    tops = {
        score: best([method["scores"][score] for method in measured.values()], score)
        for score in PEERS
    }
    rows = []
    for key, method in measured.items():
        cells = [marked(method["scores"][score], tops[score]) for score in PEERS]
        seconds = [Cell(number(method[part], 2)) for part in TIMES]
        rows.append((METHODS[key].name, [*cells, *seconds]))
    return Table(name, [*PEERS.values(), *TIMES.values()], rows)


def settings(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What each method was, as the first data set has it."""
    for one in found.values():
        return [
            (METHODS[key].name, one["methods"][key]["settings"])
            for key in METHODS
            if key in one["methods"]
        ]
    return []
