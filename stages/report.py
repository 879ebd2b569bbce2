"""Draws the report of a data set: report.html, masks.png, masks.svg."""

import json
from pathlib import Path

from stages import run
from tabnet import files
from tabnet.params import Params
from tabnet.report import images, numbers, report
from tabnet.report.card import card
from tabnet.report.explanation import open_folder
from tabnet.report.provenance import of_pipeline

REPORTS = Path("reports")
DATA = Path("data")


def main(params: Params, dataset: str) -> None:
    """Writes into reports/<dataset>, and what the index shows into reports/index."""
    data, folder = DATA / dataset, REPORTS / dataset
    sort_by = params.report.sort_by.get(dataset, "row")
    quantile = params.report.quantile.of(dataset)
    explanation = open_folder(
        data / "explanation",
        name=dataset,
        values=data / f"{params.explain.split}.parquet",
        relevance=data / "relevance.parquet",
        split=params.explain.split,
    )
    read = numbers.read(folder, features=explanation.features)
    shown = card(explanation, read, sort_by=sort_by, quantile=quantile["aggregate"])
    drawn = report.collect(
        explanation,
        read,
        sort_by=sort_by,
        quantile=quantile,
    )
    svg = images.svg(report.picture(drawn))
    png = images.png(svg)
    html = report.html(drawn, provenance=of_pipeline(explanation, params.model_dump()))
    files.write_bytes(folder / "masks.png", images.squeezed(png.result()))
    files.write_text(folder / "masks.svg", svg.result())
    files.write_text(folder / "report.html", html)
    text = json.dumps(shown, indent=1, sort_keys=True, allow_nan=False)
    files.write_text(REPORTS / "index" / f"{dataset}.json", text)


if __name__ == "__main__":
    run(main)
