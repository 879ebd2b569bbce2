"""Draws the index of all data sets' reports: reports/index.html."""

import json
from pathlib import Path

from stages import run
from tabnet import files
from tabnet.params import Params
from tabnet.report import index

REPORTS = Path("reports")


def main(params: Params) -> None:
    """Collects the cards that the reports' stage left in reports/index."""
    paths = [REPORTS / "index" / f"{dataset}.json" for dataset in params.datasets]
    cards = [json.loads(path.read_text("utf-8")) for path in paths]
    files.write_text(REPORTS / "index.html", index.html(cards))


if __name__ == "__main__":
    run(main)
