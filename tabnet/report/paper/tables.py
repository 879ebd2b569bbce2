"""The page's tables: rows of formatted cells, the best of a column marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tabnet.report.paper import published, truth_free
from tabnet.report.paper.charts import METHODS
from tabnet.report.scoreboard import NAMES


class Cell(NamedTuple):
    """A text; whether it is the best of its column; the share of the cell that is shaded."""

    text: str
    best: bool = False
    share: float = 0.0


class Table(NamedTuple):
    """Rows with a name each, the cells in the order of `columns`."""

    caption: str
    columns: list[str]
    rows: list[tuple[str, list[Cell]]]


MISSING = "–"
MASKS = {
    "rma": "mass on relevant",
    "rra": "top relevant",
    "tpr": "relevant found",
    "fdr": "false discoveries",
    "mask_average_precision": "average precision",
}
assert MASKS.keys() <= NAMES.keys()


def of(results: Mapping[str, Any]) -> dict[str, list[Table]]:
    """The tables of each section that has numbers."""
    found: dict[str, list[Table]] = {"masks": [masks(results["masks"])]}
    if results["prediction"]:
        found["masks"].append(selections(results["masks"]))
        predicted = results["prediction"]
        found["auc"] = [prediction(predicted)]
        found["prediction"] = [limits(predicted), training(predicted)]
    if results["peers"]:
        found["methods"] = [by_dataset(results["peers"], score) for score in HEADLINE]
        found["methods"] += [times(results["peers"], key) for key in TIMES]
        found["peers"] = [peers(name, one) for name, one in results["peers"].items()]
    if results["truth_free"]:
        found["truth_free"] = correlations(results["truth_free"])
    return found


def number(value: float | None, digits: int = 3) -> str:
    """A number with a fixed count of decimals, or a dash.

    >>> number(0.81449), number(None)
    ('0.814', '–')
    """
    return MISSING if value is None else f"{value:.{digits}f}"


def spread(score: Mapping[str, float | None]) -> str:
    """A mean and its standard deviation."""
    return MISSING if score["mean"] is None else f"{score['mean']:.3f} ± {score['std'] or 0:.3f}"


def prediction(predicted: Mapping[str, Any]) -> Table:
    """AUC: a row a method, the paper's as it has them, ours, and the limit; the best one marked."""
    tops = {
        name: max([one["consensus"] or 0, *(score["mean"] for score in one["published"].values())])
        for name, one in predicted.items()
    }
    rows = [
        (
            f"{method} (paper)",
            [
                Cell(
                    spread(one["published"][method]), one["published"][method]["mean"] >= tops[name]
                )
                for name, one in predicted.items()
            ],
        )
        for method in published.AUC
    ]
    ours = predicted.items()
    rows += [
        ("single seeds, here", [Cell(spread(one["seeds"])) for one in predicted.values()]),
        (
            "consensus, here",
            [
                Cell(number(one["consensus"]), (one["consensus"] or 0) >= tops[name])
                for name, one in ours
            ],
        ),
        ("limit", [Cell(number(one["limit"])) for one in predicted.values()]),
        (
            "limit on these rows",
            [Cell(number(one["limit_of_these_rows"])) for one in predicted.values()],
        ),
    ]
    return Table("AUC", [published.DATASETS[name] for name in predicted], rows)


def limits(predicted: Mapping[str, Any]) -> Table:
    """How far below the limit, and the marks of what is reached."""

    def row(key: str) -> list[Cell]:
        return [Cell(number(one[key], 4)) for one in predicted.values()]

    def marks(key: str) -> list[Cell]:
        return [Cell(mark(one[key])) for one in predicted.values()]

    return Table(
        "Below the limit",
        [published.DATASETS[name] for name in predicted],
        [
            ("best row of the paper", [Cell(one["best_published"]) for one in predicted.values()]),
            ("its AUC below the limit", row("best_published_below_limit")),
            ("consensus below the limit on these rows", row("below_limit")),
            ("AUC above every row of the paper", marks("above_every_row")),
            ("nearer to the limit than every row", marks("nearer_the_limit")),
        ],
    )


def mark(reached: bool | None) -> str:
    """A sign that says whether something is reached.

    >>> mark(True), mark(False), mark(None)
    ('✓ yes', '✗ no', '–')
    """
    return MISSING if reached is None else "✓ yes" if reached else "✗ no"


def training(predicted: Mapping[str, Any]) -> Table:
    """What was trained for how long, here and in the paper."""
    ours = [one["training"] for one in predicted.values()]
    theirs = [published.TRAINING[name] for name in predicted]

    def seconds(kind: str) -> list[Cell]:
        return [Cell(number(one["seconds"] and one["seconds"][kind], 1)) for one in ours]

    return Table(
        "Training",
        [published.DATASETS[name] for name in predicted],
        [
            ("seeds, here", [Cell(str(one["seeds"])) for one in ours]),
            ("parameters of a seed, here", [Cell(f"{one['parameters']:,}") for one in ours]),
            ("parameters, paper", [Cell(f"{one['parameters']:,}") for one in theirs]),
            ("epochs at most, here", [Cell(str(one["epochs"])) for one in ours]),
            ("rows a step, here", [Cell(f"{one['batch_size']:,}") for one in ours]),
            ("iterations, paper", [Cell(f"{one['iterations']:,}") for one in theirs]),
            ("rows a step, paper", [Cell(f"{one['batch_size']:,}") for one in theirs]),
            ("seconds for all seeds, here", seconds("all")),
            ("seconds for one seed, here", seconds("one")),
        ],
    )


def masks(found: Mapping[str, Any]) -> Table:
    """Mask scores of the consensus and of single seeds, the better of both marked."""
    rows = []
    for name, one in found.items():
        consensus, seeds = one["consensus"], one["seeds"]
        best = {key: _best([consensus[key], seeds[key]["mean"]], key, sparse=True) for key in MASKS}
        rows.append((f"{name}: consensus", [_marked(consensus[key], best[key]) for key in MASKS]))
        singles = [
            _marked(seeds[key]["mean"], best[key])._replace(text=spread(seeds[key]))
            for key in MASKS
        ]
        rows.append(("single seeds", singles))
    return Table("Masks", list(MASKS.values()), rows)


def selections(found: Mapping[str, Any]) -> Table:
    """TPR and FDR on the paper's data sets: those that INVASE's paper has, and ours."""
    known = {published.DATASETS[name]: one for name, one in found.items() if one["published"]}
    ones = known.values()
    rows = [
        (f"{method} (Yoon et al.)", [_rates(one["published"][method]) for one in ones])
        for method in published.SELECTION
    ]
    means = [{key: score["mean"] for key, score in one["seeds"].items()} for one in ones]
    rows.append(("single seeds, here", list(map(_rates, means))))
    rows.append(("consensus, here", [_rates(one["consensus"]) for one in ones]))
    return Table("TPR / FDR", list(known), rows)


def _rates(scores: Mapping[str, float | None]) -> Cell:
    return Cell(f"{number(scores['tpr'])} / {number(scores['fdr'])}")


HEADLINE = ("rma", "mask_average_precision", "auc")
PEERS = {"auc": "AUC", **MASKS, "mask_auroc": "AUROC of cells", "selected": "cells selected"}


def _best(scores: Sequence[float | None], score: str, *, sparse: bool = False) -> float | None:
    """The best, as it is printed; none of what no mask is the better for.

    A dense mask finds all cells by selecting all: only between `sparse` masks is TPR a merit.
    """
    known = [round(value, 3) for value in scores if value is not None]
    if not known or score == "selected" or (score == "tpr" and not sparse):
        return None
    return min(known) if score == "fdr" else max(known)


def _marked(value: float | None, best: float | None) -> Cell:
    return Cell(number(value), value is not None and round(value, 3) == best)


def by_dataset(found: Mapping[str, Any], score: str) -> Table:
    """One score of all methods, a column a data set."""
    columns = []
    for one in found.values():
        values = [
            one["methods"][key]["scores"][score] if key in one["methods"] else None
            for key in METHODS
        ]
        columns.append([_marked(value, _best(values, score)) for value in values])
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


def peers(name: str, one: Mapping[str, Any]) -> Table:
    """All scores of all methods on one data set, and how long they took."""
    measured = {key: one["methods"][key] for key in METHODS if key in one["methods"]}
    best = {
        score: _best([method["scores"][score] for method in measured.values()], score)
        for score in PEERS
    }
    rows = []
    for key, method in measured.items():
        cells = [_marked(method["scores"][score], best[score]) for score in PEERS]
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


CAPTIONS = {
    "within": "Over the seeds of a data set (mean of the data sets)",
    "between": "Over the data sets (their consensus)",
}


def correlations(found: Mapping[str, Any]) -> list[Table]:
    """Rank correlations as shaded cells: a row a measure, a column a true score."""
    names = {score: _turned(score, MASKS[score]) for score in truth_free.SCORES}
    ranked = sorted(found["measures"], key=lambda name: -(found["within"][name]["rma"] or 0))
    return [
        Table(
            caption,
            list(names.values()),
            [
                (
                    _turned(name, name.replace("_", " ")),
                    [_shaded(found[key][name][score]) for score in names],
                )
                for name in ranked
            ],
        )
        for key, caption in CAPTIONS.items()
    ]


def _turned(name: str, text: str) -> str:
    return f"less {text}" if name in truth_free.LOWER_IS_BETTER else text


def _shaded(value: float | None) -> Cell:
    best = value is not None and value >= truth_free.BELIEVED
    return Cell(number(value, 2), best, max(value or 0, 0))
