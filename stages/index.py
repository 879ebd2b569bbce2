"""Draws the index of all data sets' reports: reports/index.html."""

from pathlib import Path

from stages import run
from tabnet import files, plain_json
from tabnet.errors import InputError
from tabnet.params import Params
from tabnet.report import index
from tabnet.report.measured import Card

REPORTS = Path("reports")


def main(params: Params) -> None:
    """Collects the cards that the reports' stage left in reports/index.

    Others go: DVC notes the whole folder, which is then the same whatever was there before.
    """
    cards = [_card(dataset) for dataset in params.datasets]
    files.remove_others(REPORTS / "index", [_path(dataset) for dataset in params.datasets])
    files.write_text(REPORTS / "index.html", index.html(cards))


def _path(dataset: str) -> Path:
    return REPORTS / "index" / f"{dataset}.json"


def _card(dataset: str) -> Card:
    path = _path(dataset)
    card = plain_json.read(path, Card, what="what the stage report writes")
    if card["name"] != dataset:
        raise InputError(f"{path}: must be of {dataset}, however: of {card['name'][:40]!r}")
    return card


if __name__ == "__main__":
    run(main)
