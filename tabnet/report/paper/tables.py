"""The page's tables: rows of formatted cells, the best of a column marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabnet.report.cells import MASKS, Cell, Table, best, mark, marked, number, spread
from tabnet.report.paper import methods, published, truth_free


def of(results: Mapping[str, Any]) -> dict[str, list[Table]]:
    """The tables of each section that has numbers."""
    found: dict[str, list[Table]] = {"masks": [masks(results["masks"])]}
    if results["prediction"]:
        found["masks"].append(selections(results["masks"]))
        predicted = results["prediction"]
        found["auc"] = [prediction(predicted)]
        found["prediction"] = [limits(predicted), training(predicted)]
    if results["peers"]:
        measured = results["peers"]
        found["methods"] = [methods.by_dataset(measured, score) for score in methods.HEADLINE]
        found["methods"] += [methods.times(measured, key) for key in methods.TIMES]
        found["peers"] = [methods.all_scores(name, one) for name, one in measured.items()]
    if results["truth_free"]:
        found["truth_free"] = correlations(results["truth_free"])
    return found


def prediction(predicted: Mapping[str, Any]) -> Table:
    """AUC: a row a method, the paper's as it has them, ours, and the limit; the best one marked."""
    scores = {
        **{f"{m} (paper)": [p["published"][m] for p in predicted.values()] for m in published.AUC},
        "single seeds, here": [one["seeds"] for one in predicted.values()],
    }
    ours = [one["consensus"] for one in predicted.values()]
    known = zip(*([score["mean"] for score in row] for row in scores.values()), ours, strict=True)
    tops = [best(each, "auc") for each in known]
    rows = [
        (
            name,
            [
                Cell(spread(score), marked(score["mean"], top).best)
                for score, top in zip(row, tops, strict=True)
            ],
        )
        for name, row in scores.items()
    ]
    rows += [
        ("consensus, here", [*map(marked, ours, tops)]),
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
        tops = {key: best([consensus[key], seeds[key]["mean"]], key, sparse=True) for key in MASKS}
        rows.append((f"{name}: consensus", [marked(consensus[key], tops[key]) for key in MASKS]))
        singles = [
            marked(seeds[key]["mean"], tops[key])._replace(text=spread(seeds[key])) for key in MASKS
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


CAPTIONS = {
    "within": "Over the seeds of a data set (mean of the data sets)",
    "between": "Over the data sets (their consensus)",
}


def correlations(found: Mapping[str, Any]) -> list[Table]:
    """Rank correlations as shaded cells: a row a measure, a column a true score."""
    names = {score: _turned(score, MASKS[score]) for score in truth_free.SCORES}
    ranked = sorted(found["measures"], key=lambda name: -(found["within"][name]["rma"] or 0))

    def known(key: str, name: str) -> bool:
        """Votes, for instance, no single seed has."""
        return any(found[key][name][score] is not None for score in names)

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
                if known(key, name)
            ],
        )
        for key, caption in CAPTIONS.items()
    ]


def _turned(name: str, text: str) -> str:
    return f"less {text}" if name in truth_free.LOWER_IS_BETTER else text


def _shaded(value: float | None) -> Cell:
    best = value is not None and value >= truth_free.BELIEVED
    return Cell(number(value, 2), best, max(value or 0, 0))
