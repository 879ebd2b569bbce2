"""A report of one explanation: the figures, what the page holds, and the sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from tabnet.report import (
    charts,
    groups,
    heatmap,
    page,
    payload,
    pooling,
    predictions,
    scoreboard,
    sentences,
    store,
    trust,
)
from tabnet.report.explanation import Explanation, Floats, Numbers, Predictions
from tabnet.report.groups import Group
from tabnet.report.page import Figure
from tabnet.report.store import Store

TRUTH_LEVELS = 255  # a bin's truth is the share of its rows
FINE, COARSE = payload.LEVELS, 4095  # levels of what is drawn first, and of the rest


def importance_table(explanation: Explanation, numbers: Numbers) -> pd.DataFrame:
    """Each feature's share of the masks: as evaluated, or else computed from the masks."""
    if numbers.importance is not None:
        return numbers.importance
    columns = {"consensus": _mean(explanation, "consensus")}
    for seed in explanation.seeds:
        columns[f"seed_{seed}"] = _mean(explanation, f"aggregate_seed_{seed}")
    frame = pd.DataFrame({"feature": explanation.features, "relevant": np.nan})
    return frame.assign(**columns)


def _mean(explanation: Explanation, panel: str) -> npt.NDArray[np.floating]:
    one_bin = np.zeros(explanation.rows, dtype=np.int32)
    pool = pooling.Pool(one_bin, bins=1, width=len(explanation.features))
    pooling.scan(explanation.masks(panel), pool)
    return np.asarray(pool.mean[0])


def panel_facts(explanation: Explanation) -> list[dict[str, str]]:
    """The panels from top to bottom: mask, name, and whose quantile clips its colours."""
    steps = [
        {"mask": f"step_{s + 1}", "name": f"Step {s + 1}", "clip": "steps"}
        for s in range(explanation.steps)
    ]
    return [
        {"mask": "consensus", "name": "Consensus", "clip": "aggregate"},
        {"mask": "aggregate", "name": "Aggregate", "clip": "aggregate"},
        *steps,
    ]


def pack(held: Store, explanation: Explanation) -> tuple[str, dict[str, Any]]:
    """The store's arrays (feature-major) as text, and their table of contents with scales."""
    arrays: dict[str, npt.NDArray[np.generic]] = {"row": held.row.astype(np.uint32)}
    scales: dict[str, float] = {}

    def add(name: str, values: Floats, top: int) -> None:
        largest = float(values.max(initial=0.0)) or 1.0
        arrays[name] = payload.levels(values.T, largest, top=top)
        scales[name] = largest / top

    arrays["key"] = payload.rounded(held.key)
    for panel, mask in held.masks.items():
        add(f"mask:{panel}", mask, FINE if panel in store.panels(explanation) else COARSE)
    if held.values is not None:
        arrays["values"] = payload.rounded(held.values.T)
    if held.truth is not None:
        arrays["truth"] = held.truth.T.astype(np.uint8) * np.uint8(TRUTH_LEVELS)
    if (p := held.predictions) is not None:
        arrays["label"] = np.nan_to_num(p.label, nan=TRUTH_LEVELS).astype(np.uint8)
        arrays["probability"] = payload.rounded(p.probability)
        arrays["agreement"] = payload.rounded(p.agreement)
    if held.by_seed is not None:
        add("by_seed", held.by_seed, COARSE)
    if (bins := held.bins) is not None:
        arrays["bin_edges"] = bins.edges.astype(np.uint32)
        arrays["bin_key"] = payload.rounded(bins.key)
        for panel in bins.peak:
            add(f"peak:{panel}", bins.peak[panel], FINE)
            add(f"mean:{panel}", bins.mean[panel], FINE)
        if bins.truth is not None:
            arrays["bin_truth"] = np.rint(bins.truth.T * TRUTH_LEVELS).astype(np.uint8)
    text, contents = payload.pack(arrays)
    return text, {name: {**part, "scale": scales.get(name, 1.0)} for name, part in contents.items()}


def order_value(explanation: Explanation, held: Store, sort_by: str) -> str:
    """What the page's script calls the report's order."""
    if sort_by in explanation.features:
        j = explanation.features.index(sort_by)
        return f"feature:{held.features.index(j)}" if j in held.features else "given"
    return sort_by


def orders(explanation: Explanation, held: Store, sort_by: str) -> list[tuple[str, str]]:
    """What the page can order by: a value for its script and a text for its reader."""
    found = [("row", "file order")]
    if explanation.predictions is not None:
        found += [("label", "label"), ("prediction", "prediction"), ("agreement", "agreement")]
    if held.values is not None:
        names = [explanation.features[j] for j in held.features]
        found += [(f"feature:{place}", name) for place, name in enumerate(names)]
    given = order_value(explanation, held, sort_by)
    return found if given in dict(found) else [(given, sort_by), *found]


def facts(
    explanation: Explanation, held: Store, *, sort_by: str, quantile: Mapping[str, float]
) -> dict[str, Any]:
    """What the page's script has to know beside the arrays."""
    order = order_value(explanation, held, sort_by)
    known = orders(explanation, held, sort_by)
    return {
        "name": explanation.name,
        "features": [explanation.features[j] for j in held.features],
        "panels": panel_facts(explanation),
        "seeds": explanation.seeds,
        "shown": explanation.shown,
        "rows": explanation.rows,
        "stored": len(held.row),
        "bins": 0 if held.bins is None else len(held.bins.edges) - 1,
        "sort_by": order,
        "sort_label": dict(known)[order],
        "orders": known,
        "quantile": dict(quantile),
        "truth_levels": TRUTH_LEVELS,
    }


def tenths(explanation: Explanation, held: Store, order: str) -> dict[str, Any]:
    """The consensus for those who cannot see the heatmap: its mean by tenth of the rows."""
    mask = held.masks["consensus"] if held.bins is None else held.bins.mean["consensus"]
    count = min(10, len(mask))
    table = pooling.pool(mask, bins=count, how="mean") if count else np.zeros((0, mask.shape[1]))
    rows = [
        (explanation.features[j], [f"{share:.2f}" for share in table[:, place]])
        for place, j in enumerate(held.features)
    ]
    columns = [f"{100 * i // count} to {100 * (i + 1) // count} %" for i in range(count)]
    return {"mask": "consensus", "key": order, "columns": columns, "rows": rows}


def headline(numbers: Numbers) -> list[tuple[str, str]]:
    """The scores at the top of the page."""
    scores = (numbers.metrics or {}).get("consensus", {})
    known = [(text, scores[name]) for name, text in scoreboard.HEADLINE.items() if name in scores]
    return [(text, f"{score:.3f}") for text, score in known]


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that a report is drawn from."""

    explanation: Explanation
    numbers: Numbers
    importance: pd.DataFrame
    store: Store
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
    return Report(
        explanation=explanation,
        numbers=numbers,
        importance=importance,
        store=store.collect(explanation, sort_by=sort_by, features=shown),
        sort_by=sort_by,
        quantile=quantile,
    )


def html(report: Report, *, provenance: Sequence[Mapping[str, Any]] = ()) -> str:
    """The report as one HTML file that needs nothing else."""
    explanation, held = report.explanation, report.store
    grouped = groups.groups(explanation, sort_by=report.sort_by)
    arrays, contents = pack(held, explanation)
    known = facts(explanation, held, sort_by=report.sort_by, quantile=report.quantile)
    order = known["sort_label"]
    return page.render(
        title=f"TabNet masks · {explanation.name}",
        subtitle=sentences.size(explanation),
        headline=headline(report.numbers),
        notes=notes(explanation),
        truth=explanation.relevance is not None,
        sentences={"heat": sentences.heat(explanation, held, grouped, order=order)},
        tenths=tenths(explanation, held, order),
        heat=heat_figure(explanation, report.names),
        strip=strip_figure(report.names, order),
        figures=list(figures(report, grouped)),
        provenance=provenance,
        facts={**known, "arrays": contents},
        arrays=arrays,
    )


def picture(report: Report) -> alt.LayerChart:
    """The plain heatmap of all panels, for PNG and SVG."""
    held, bins = report.store, report.store.bins
    panels = panel_facts(report.explanation)
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
        title=f"observations of {report.explanation.name}, in the order of {report.sort_by}",
    )


def notes(explanation: Explanation) -> list[str]:
    """What a reader should know before looking."""
    said = []
    if explanation.rows == 0:
        said.append("There are no observations: the figures of masks are empty.")
    if explanation.relevance is None:
        said.append("The true relevance is not known: masks are shown without a judgement.")
    return said


def heat_figure(explanation: Explanation, names: Sequence[str]) -> Figure:
    panels = [panel["name"] for panel in panel_facts(explanation)]
    truth = explanation.relevance is not None
    chart = heatmap.painted(panels, names, size=explanation.rows, truth=truth)
    description = (
        f"Heatmap of {sentences.count(len(panels), 'mask panel')}, {sentences.listed(panels)}:"
        f" {explanation.rows:,} observations along x, {len(names)} features in each panel."
    )
    return Figure(name="heat", title="Where the model looks", chart=chart, description=description)


def strip_figure(names: Sequence[str], order: str) -> Figure:
    chart = heatmap.strip([0], [0], size=1, label=heatmap.label_width(names))
    description = f"The sort key, {order} at first, along the observations; drag to zoom"
    return Figure(name="strip", title="Sort key", chart=chart, description=description)


def figures(report: Report, grouped: Sequence[Group]) -> Iterator[Figure]:
    """The figures below the heatmap, as far as their numbers are known."""
    numbers, p = report.numbers, report.explanation.predictions
    yield Figure(
        name="importance",
        title="Importance",
        chart=charts.importance(shown_rows(report.importance)),
        sentences=tuple(sentences.importance(report.importance)),
    )
    if grouped:
        groups_shown = [_restricted(group, report.store.features) for group in grouped]
        yield Figure(
            name="groups",
            title="Mask against ground truth",
            chart=trust.by_group(groups_shown, report.names),
            sentences=tuple(sentences.by_group(grouped)),
        )
    if numbers.metrics is not None:
        yield score_figure(numbers.metrics, report.explanation)
    if p is not None:
        yield Figure(
            name="agreement",
            title="Can it be trusted: agreement of seeds",
            chart=trust.agreement(p.agreement),
            sentences=tuple(sentences.agreement(p.agreement, seeds=len(report.explanation.seeds))),
        )
    if numbers.history is not None:
        yield Figure(
            name="training",
            title="Training",
            chart=charts.training(numbers.history),
            sentences=tuple(sentences.training(numbers.history)),
        )
    if p is not None:
        yield from prediction_figures(p)


def shown_rows(importance: pd.DataFrame) -> pd.DataFrame:
    """The rows of the importance table that its figure has room for."""
    ranked = importance.sort_values("consensus", ascending=False, kind="stable")
    return ranked.head(store.FEATURES)


def _restricted(group: Group, features: Sequence[int]) -> Group:
    relevant = group.relevant
    return replace(
        group,
        share=tuple(group.share[j] for j in features),
        relevant=None if relevant is None else tuple(relevant[j] for j in features),
    )


def score_figure(metrics: Mapping[str, Any], explanation: Explanation) -> Figure:
    """The scores of the consensus and of single seeds, as a figure and a table."""
    scores = scoreboard.table({explanation.name: metrics})
    rows = [
        [score, *(f"{value:.4f}" for value in values)]
        for score, *values in scores.drop(columns="dataset").to_numpy().tolist()
    ]
    head = ["score", "consensus", "mean of seeds", "deviation"]
    return Figure(
        name="scores",
        title="Can it be trusted: scores",
        chart=scoreboard.comparison(scores),
        sentences=tuple(sentences.scores(scores, seeds=len(explanation.seeds))),
        table={"head": [head], "rows": rows},
    )


def prediction_figures(p: Predictions) -> Iterator[Figure]:
    """ROC, calibration and distribution of the mean predicted probability."""
    if not np.isnan(p.label).all():
        curve = predictions.roc_table(p.label, p.probability)
        yield Figure(
            name="roc",
            title="Predictions: ROC curve",
            chart=predictions.roc(curve),
            sentences=tuple(sentences.roc(curve, predictions.area(curve))),
        )
        calibrated = predictions.calibration_table(p.label, p.probability)
        yield Figure(
            name="calibration",
            title="Predictions: calibration",
            chart=predictions.calibration(calibrated),
            sentences=tuple(sentences.calibration(calibrated)),
        )
    yield Figure(
        name="spread",
        title="Predictions: distribution",
        chart=predictions.spread(predictions.spread_table(p.label, p.probability)),
        sentences=tuple(sentences.spread(p.probability)),
    )
