"""The index of all reports: a page without a script, its figures drawn beforehand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup

from tabnet.report import images, page, scoreboard, sentences, words
from tabnet.report.measured import Card


def html(cards: Sequence[Card]) -> str:
    """The index as one HTML file; reports are expected in folders of the data sets' names."""
    metrics = {card["name"]: card["metrics"] for card in cards if card["metrics"]}
    scores = scoreboard.table(metrics)
    return (
        page.environment()
        .get_template("index.html.jinja")
        .render(
            style=Markup(page.asset("style.css")),
            scores=images.inline(
                images.drawn(scoreboard.comparison(scores), "Scores of the data sets"), prefix="s"
            ),
            sentences=sentences.comparison(scores),
            rows=_rows(scores, [card["name"] for card in cards]),
            cards=[
                {
                    **card,
                    "link": f"{page.address(card['name'])}/report.html",
                    "picture": images.inline(card["picture"], prefix=f"c{i}"),
                }
                for i, card in enumerate(cards)
            ],
        )
    )


def _rows(scores: pd.DataFrame, names: Sequence[str]) -> list[tuple[str, list[str]]]:
    cells = {
        (
            score,
            dataset,
        ): f"{consensus:.3f} (seeds {words.deviating(mean, std)}){_limit(consensus, limit)}"
        for dataset, score, consensus, mean, std, limit in scores.to_numpy().tolist()
    }
    kept = [score for score in scoreboard.NAMES.values() if score in set(scores["score"])]
    return [(score, [cells.get((score, name), "") for name in names]) for score in kept]


def _limit(score: float, limit: float) -> str:
    """The limit that the labels' noise sets, and how far a score is from it; none, nothing."""
    if np.isnan(limit):
        return ""
    text = f"Bayes limit {limit:.3f} ({scoreboard.to_limit(score, limit)})"
    return "; " + text.replace(" ", "\N{NO-BREAK SPACE}")  # whole on a line of its own
