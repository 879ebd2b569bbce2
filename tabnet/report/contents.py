"""What the page's script finds in the page: arrays, and the facts that it reads them by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tabnet.report import heatmap, payload, store, words
from tabnet.report.explanation import Explanation, Floats
from tabnet.report.store import Store
from tabnet.votes import decisive

TRUTH_LEVELS = 254  # a bin's truth is the share of its rows; a half is one of them
UNKNOWN = 255  # of a label
SHARES = 100  # of a probability that is shown to two digits
FINE, COARSE = payload.LEVELS, 1023  # levels of what is drawn first, and of the rest


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

    # No levels of what rows are ordered by. In float32, of which dates in seconds have two minutes
    # in common, it is only where the reader orders by a feature that near ones change places; the
    # report's own order is that of the stored rows.
    arrays["key"] = held.key.astype(np.float32)
    for panel, mask in held.masks.items():
        add(f"mask:{panel}", mask, FINE if panel in explanation.panels else COARSE)
    if held.values is not None:
        arrays["values"] = held.values.T.astype(np.float32)
    if held.truth is not None:
        arrays["truth"] = held.truth.T.astype(np.uint8) * np.uint8(TRUTH_LEVELS)
    if (p := held.predictions) is not None:
        arrays["label"] = np.nan_to_num(p.label, nan=UNKNOWN).astype(np.uint8)
        arrays["probability"] = p.probability.astype(np.float32)
        arrays["agreement"] = p.agreement.astype(np.float32)
    if held.by_seed is not None:
        arrays["by_seed"] = np.rint(SHARES * held.by_seed.T).astype(np.uint8)
        scales["by_seed"] = 1 / SHARES
    if (bins := held.bins) is not None:
        arrays["bin_edges"] = bins.edges.astype(np.uint32)
        arrays["bin_key"] = bins.key.astype(np.float32)
        for panel in bins.peak:
            add(f"peak:{panel}", bins.peak[panel], FINE)
            add(f"mean:{panel}", bins.mean[panel], FINE)
        if bins.truth is not None:
            arrays["bin_truth"] = np.rint(bins.truth.T * TRUTH_LEVELS).astype(np.uint8)
    text, contents = payload.pack(arrays)
    return text, {name: {**part, "scale": scales.get(name, 1.0)} for name, part in contents.items()}


def order_value(explanation: Explanation, held: Store, sort_by: str) -> str:
    """What the page's script calls the report's order."""
    if sort_by not in explanation.keys:
        j = explanation.features.index(sort_by)
        return f"feature:{held.features.index(j)}" if j in held.features else "given"
    return sort_by


def orders(explanation: Explanation, held: Store, sort_by: str) -> list[tuple[str, str]]:
    """What the page can order by: a value for its script and a text for its reader."""
    found = [(key, "file order" if key == "row" else key) for key in explanation.keys]
    if held.values is not None:
        names = [words.shown(explanation.features[j]) for j in held.features]
        found += [(f"feature:{place}", name) for place, name in enumerate(names)]
    given = order_value(explanation, held, sort_by)
    return found if given in dict(found) else [(given, words.shown(sort_by)), *found]


def facts(
    explanation: Explanation, held: Store, *, sort_by: str, quantile: Mapping[str, float]
) -> dict[str, Any]:
    """What the page's script has to know beside the arrays."""
    order = order_value(explanation, held, sort_by)
    known = orders(explanation, held, sort_by)
    return {
        "name": explanation.name,
        "features": [explanation.features[j] for j in held.features],
        "unnamed": words.EMPTY,
        "panels": panel_facts(explanation),
        "seeds": explanation.seeds,
        "decisive": decisive(len(explanation.seeds)),
        "shown": explanation.shown,
        "rows": explanation.rows,
        "stored": len(held.row),
        "bins": 0 if held.bins is None else len(held.bins.edges) - 1,
        "sort_by": order,
        "sort_label": words.order_name(sort_by),
        "orders": known,
        "quantile": dict(quantile),
        "truth_levels": TRUTH_LEVELS,
        "unknown": UNKNOWN,
        "columns": heatmap.COLUMNS,
        "lowest": store.LOWEST,
    }
