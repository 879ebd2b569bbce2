"""Draws the index of all data sets' reports: reports/index.html."""

from pathlib import Path

from stages import run
from tabnet import tables
from tabnet.params import Params
from tabnet.report import index
from tabnet.report.explanation import numbers, open_folder

REPORTS = Path("reports")
DATA = Path("data")


def main(params: Params) -> None:
    """Writes reports/index.html."""
    entries = [entry(params, dataset) for dataset in params.datasets]
    tables.write_text(REPORTS / "index.html", index.html(entries))


def entry(params: Params, dataset: str) -> index.Entry:
    """What the index shows of a data set."""
    explanation = open_folder(
        DATA / dataset / "explanation",
        name=dataset,
        values=DATA / dataset / f"{params.explain.split}.parquet",
        split=params.explain.split,
    )
    return index.Entry(
        explanation=explanation,
        numbers=numbers(REPORTS / dataset),
        sort_by=params.report.sort_by.get(dataset, "row"),
        quantile=params.report.quantile.aggregate,
    )


if __name__ == "__main__":
    run(main)
