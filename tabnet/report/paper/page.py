"""The page: tables, two figures drawn beforehand, and sentences that say what they show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from tabnet.report import page
from tabnet.report.images import drawn, inline
from tabnet.report.paper import charts, methods, published, sentences, tables
from tabnet.report.provenance import Blocks


def html(results: Mapping[str, Any], *, provenance: Blocks) -> str:
    """The page as one HTML file, of the numbers that `results.collect` gives."""
    predicted, peers = results["prediction"], results["peers"]
    figures = {}
    if predicted:
        chart = charts.prediction(predicted, published.DATASETS)
        figures["prediction"] = inline(
            drawn(chart, "AUC of all methods on each data set"), prefix="a"
        )
    if peers:
        chart = charts.methods(peers, "rma", title="mask mass on relevant features")
        figures["peers"] = inline(
            drawn(chart, "Mask mass of all methods on each data set"), prefix="b"
        )
    return (
        page.environment()
        .get_template("paper/page.html.jinja")
        .render(
            style=Markup(page.asset("style.css")),
            headline=sentences.headline(results["target"]),
            figures=figures,
            sentences={
                "prediction": sentences.prediction(predicted),
                "masks": sentences.masks(results["masks"]),
                "peers": sentences.peers(peers),
                "truth_free": sentences.truth_free(results["truth_free"]),
            },
            tables=tables.of(results),
            settings=methods.settings(peers),
            provenance=provenance,
        )
    )
