"""A report of one explanation: read, then drawn as a page or as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from tabnet.explanation_files import AGGREGATE_OF_SEED
from tabnet.report import (
    contents,
    figures,
    groups,
    heatmap,
    page,
    pooling,
    scoreboard,
    sentences,
    store,
    without_truth,
    words,
)
from tabnet.report.explanation import Explanation
from tabnet.report.numbers import Numbers
from tabnet.report.store import Store
from tabnet.scores import importance

# Masks compress to a fifth where they are sparse, hardly where they are not.
ARRAYS = 1_650_000  # characters that a page's arrays may have


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that a report is drawn from."""

    explanation: Explanation
    numbers: Numbers
    importance: pd.DataFrame
    store: Store
    arrays: str
    sections: dict[str, Any]
    sort_by: str
    quantile: Mapping[str, float]

    @property
    def names(self) -> list[str]:
        """The names of the features that are drawn."""
        return [self.explanation.features[j] for j in self.store.features]


def collect(
    explanation: Explanation, numbers: Numbers, *, sort_by: str, quantile: Mapping[str, float]
) -> Report:
    """Reads what a report needs; `quantile` has `aggregate` and `steps`.

    Raises:
        OSError, ValueError: a file of the explanation is missing or foreign.
    """
    importance = importance_table(explanation, numbers)
    shown = store.shown_features(importance["consensus"])
    held, arrays, sections = _fitting(explanation, sort_by, shown)
    return Report(
        explanation=explanation,
        numbers=numbers,
        importance=importance,
        store=held,
        arrays=arrays,
        sections=sections,
        sort_by=sort_by,
        quantile=quantile,
    )


def _fitting(
    explanation: Explanation, sort_by: str, features: tuple[int, ...]
) -> tuple[Store, str, dict[str, Any]]:
    """As much of the explanation as a page has room for."""
    share = 1.0
    while True:
        held = store.collect(explanation, sort_by=sort_by, features=features, share=share)
        arrays, sections = contents.pack(held, explanation)
        if len(arrays) <= ARRAYS or share < 1e-3:
            return held, arrays, sections
        share /= 2


def importance_table(explanation: Explanation, numbers: Numbers) -> pd.DataFrame:
    """Each feature's share of the masks: as evaluated, or else computed from the masks."""
    if numbers.importance is not None:
        return numbers.importance
    columns = {"consensus": _share(explanation, "consensus")}
    for seed in explanation.seeds:
        columns[f"seed_{seed}"] = _share(explanation, f"{AGGREGATE_OF_SEED}{seed}")
    known = explanation.relevance is not None and explanation.rows
    relevant = _column_means(explanation, explanation.truths()) if known else np.nan
    frame = pd.DataFrame({"feature": explanation.features, "relevant": relevant})
    return frame.assign(**columns)


def _share(explanation: Explanation, panel: str) -> npt.NDArray[np.floating]:
    return importance(_column_means(explanation, explanation.masks(panel))[None])


def _column_means(
    explanation: Explanation, batches: Iterable[pooling.Array]
) -> npt.NDArray[np.floating]:
    one_bin = np.zeros(explanation.rows, dtype=np.int32)
    pool = pooling.Pool(one_bin, bins=1, width=len(explanation.features))
    pooling.scan(batches, pool)
    return np.asarray(pool.mean[0])


def html(report: Report, *, provenance: Sequence[Mapping[str, Any]] = ()) -> str:
    """The report as one HTML file that needs nothing else."""
    explanation, held = report.explanation, report.store
    grouped = groups.groups(explanation, sort_by=report.sort_by)
    known = contents.facts(explanation, held, sort_by=report.sort_by, quantile=report.quantile)
    order = words.order_name(report.sort_by)
    below = figures.below(
        explanation,
        report.numbers,
        importance=report.importance,
        grouped=grouped,
        held=held,
    )
    return page.render(
        title=f"TabNet masks · {explanation.name}",
        subtitle=sentences.size(explanation),
        headline=headline(report.numbers),
        notes=notes(explanation, report.numbers),
        truth=explanation.relevance is not None,
        steps=explanation.steps > 0,
        sentences={"heat": sentences.heat(explanation, held, grouped, order=order)},
        tenths=tenths(explanation, held, order),
        heat=figures.heat(explanation, report.names),
        strip=figures.strip(report.names, order),
        figures=list(below),
        without_truth=judged_section(report.numbers),
        provenance=provenance,
        facts={**known, "arrays": report.sections},
        arrays=report.arrays,
    )


def judged_section(numbers: Numbers) -> page.Section | None:
    """The section on what can be said without the truth, if that was measured."""
    if numbers.trust is None or numbers.curves is None:
        return None
    return without_truth.section(numbers.trust, numbers.curves)


def picture(report: Report) -> alt.LayerChart:
    """The plain heatmap of all panels, for PNG and SVG."""
    held, bins = report.store, report.store.bins
    order = words.order_name(report.sort_by)
    panels = contents.panel_facts(report.explanation)
    masks = held.masks if bins is None else bins.peak
    truth = held.truth
    if bins is not None:
        truth = None if bins.truth is None else bins.truth > 0.5
    return heatmap.heatmap(
        {panel["name"]: masks[panel["mask"]] for panel in panels},
        report.names,
        quantile={panel["name"]: report.quantile[panel["clip"]] for panel in panels},
        relevance=truth,
        size=report.explanation.rows,
        title=f"observations of {report.explanation.name}, in the order of {order}",
    )


def tenths(explanation: Explanation, held: Store, order: str) -> dict[str, Any]:
    """The consensus for those who cannot see the heatmap: its mean by tenth of the rows."""
    mask = held.masks["consensus"] if held.bins is None else held.bins.mean["consensus"]
    count = min(10, len(mask))
    table = np.zeros((0, mask.shape[1]))
    if count:
        # Bins have one row more or less.
        sizes = np.ones(len(mask)) if held.bins is None else np.diff(held.bins.edges)
        weighted = pooling.pool(mask * sizes[:, None], bins=count, how="mean")
        table = weighted / pooling.pool(sizes[:, None], bins=count, how="mean")
    rows = [
        (words.shown(explanation.features[j]), [f"{share:.2f}" for share in table[:, place]])
        for place, j in enumerate(held.features)
    ]
    ends = [f"{100 * i / max(count, 1):.0f}" for i in range(count + 1)]
    columns = [f"{low} to {high} %" for low, high in pairwise(ends)]
    return {"mask": "consensus", "key": order, "columns": columns, "rows": rows}


def headline(numbers: Numbers) -> list[tuple[str, str]]:
    """The scores at the top of the page; with the true probabilities' where labels are noisy."""
    metrics = numbers.metrics
    scores, limits = (metrics["consensus"], metrics.get("bayes", {})) if metrics else ({}, {})
    shown = []
    for name, text in scoreboard.HEADLINE.items():
        if scores.get(name) is not None:
            limit = limits.get(name)
            noisy = limit is not None and limit < 1
            shown.append((f"{text}, Bayes limit {limit:.3f}" if noisy else text, scores[name]))
    return [(text, f"{score:.3f}") for text, score in shown]


def notes(explanation: Explanation, numbers: Numbers) -> list[str]:
    """What a reader should know before looking."""
    said = []
    if explanation.rows == 0:
        said.append("There are no observations: the figures of masks are empty.")
    if explanation.relevance is None and numbers.metrics is None:
        said.append("The true relevance is not known: masks are shown without a judgement.")
    elif explanation.relevance is None:
        said.append("Which cells are truly relevant is not given: the heatmap marks none.")
    empty = sum(int((~mask.any(1)).sum()) for mask in explanation.masks("consensus"))
    if empty:
        seeds, scored = len(explanation.seeds), numbers.metrics is not None
        said.append(sentences.empty(empty, explanation.rows, seeds=seeds, scored=scored))
    if numbers.metrics is not None and numbers.metrics.get("diverged"):
        said.append(sentences.diverged(numbers.metrics["diverged"]))
    return said
