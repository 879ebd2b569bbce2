"""Figures about the predictions: how they rank, how honest they are, how they spread."""

from __future__ import annotations

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from tabnet.report import theme

POINTS = 101  # of a curve; an odd number has the corner of a perfect one
BINS = 20  # of a histogram
GROUPS = 10  # of the calibration
FIFTHS = [0, 0.2, 0.4, 0.6, 0.8, 1]  # ticks of an axis

Floats = npt.NDArray[np.floating]


def roc_table(label: Floats, probability: Floats) -> pd.DataFrame:
    """The ROC curve, `fpr` and `tpr`, thinned to 101 points evenly spaced along it.

    Rows of unknown label (NaN) are left out; without both labels there is no curve.

    >>> roc_table(np.array([0.0, 1.0]), np.array([0.2, 0.9]))["tpr"].tolist()
    [0.0, 1.0, 1.0]
    """
    known = ~np.isnan(label) & ~np.isnan(probability)
    truth, score = label[known] > 0.5, probability[known]
    if not (truth.any() and (~truth).any()):
        return pd.DataFrame({"fpr": [], "tpr": []})
    by_score = np.argsort(-score, kind="stable")
    last_of_tie = np.append(np.diff(score[by_score]) != 0, True)
    tpr = np.append(0, np.cumsum(truth[by_score])[last_of_tie]) / truth.sum()
    fpr = np.append(0, np.cumsum(~truth[by_score])[last_of_tie]) / (~truth).sum()
    along = tpr + fpr
    kept = np.unique(np.searchsorted(along, np.linspace(0, 2, POINTS)).clip(max=len(along) - 1))
    return pd.DataFrame({"fpr": fpr[kept].round(7), "tpr": tpr[kept].round(7)})


def roc(curve: pd.DataFrame) -> alt.LayerChart:
    """A ROC curve (a `roc_table`) above the diagonal of guessing.

    >>> curve = roc_table(np.array([0.0, 1.0]), np.array([0.2, 0.9]))
    >>> type(roc(curve)).__name__
    'LayerChart'
    """
    axis = alt.Axis(values=FIFTHS)
    x = alt.X("fpr:Q", title="false positive rate", scale=alt.Scale(domain=[0, 1]), axis=axis)
    y = alt.Y("tpr:Q", title="true positive rate", scale=alt.Scale(domain=[0, 1]), axis=axis)
    tooltip = [alt.Tooltip("fpr:Q", format=".3f"), alt.Tooltip("tpr:Q", format=".3f")]
    line = alt.Chart(curve).mark_line(color=theme.ACCENT, strokeWidth=2, order=False)
    dots = alt.Chart(curve).mark_point(size=60, opacity=0, aria=False)
    layers = [
        _diagonal("fpr", "tpr"),
        line.encode(x=x, y=y),
        dots.encode(x=x, y=y, tooltip=tooltip),
    ]
    return alt.LayerChart(layer=layers, height=230)


def _diagonal(x: str, y: str) -> alt.Chart:
    ends = alt.Chart(pd.DataFrame({x: [0, 1], y: [0, 1]}))
    line = ends.mark_line(color=theme.MUTED, strokeDash=[4, 4], aria=False)
    chart: alt.Chart = line.encode(x=f"{x}:Q", y=f"{y}:Q")
    return chart


def calibration_table(label: Floats, probability: Floats) -> pd.DataFrame:
    """Rows by tenth of P(yes): `predicted` (mean), `observed` (share of yes), `rows`.

    `low` and `high` bound the observed share (Wilson's interval, 95 %).

    >>> calibration_table(np.array([0.0, 1.0]), np.array([0.05, 0.95]))["observed"].tolist()
    [0.0, 1.0]
    """
    known = ~np.isnan(label) & ~np.isnan(probability)
    truth, score = label[known].astype(float), probability[known].astype(float)
    tenth = np.minimum((score * GROUPS).astype(int), GROUPS - 1)
    rows = np.bincount(tenth, minlength=GROUPS)
    some = rows > 0
    n = rows[some]
    predicted = np.bincount(tenth, weights=score, minlength=GROUPS)[some] / n
    observed = np.bincount(tenth, weights=truth, minlength=GROUPS)[some] / n
    z = 1.96
    middle = (observed + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z * np.sqrt(observed * (1 - observed) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    columns = {"predicted": predicted, "observed": observed, "rows": n}
    # Of no yes, and of nothing else, a bound is the share itself: by rounding it lies beside it.
    low, high = np.minimum(middle - reach, observed), np.maximum(middle + reach, observed)
    bounds = {"low": low, "high": high}
    return pd.DataFrame({**columns, **bounds})


def calibration(table: pd.DataFrame) -> alt.LayerChart:
    """Observed share of yes against predicted probability (a `calibration_table`).

    >>> table = calibration_table(np.array([0.0, 1.0]), np.array([0.05, 0.95]))
    >>> type(calibration(table)).__name__
    'LayerChart'
    """
    scale, axis = alt.Scale(domain=[0, 1]), alt.Axis(values=FIFTHS)
    x = alt.X("predicted:Q", title="predicted P(yes)", scale=scale, axis=axis)

    def y(field: str) -> alt.Y:
        return alt.Y(field, title="observed share of yes", scale=scale, axis=axis)

    tooltip = [
        alt.Tooltip("rows:Q", format=","),
        alt.Tooltip("predicted:Q", format=".3f"),
        alt.Tooltip("observed:Q", format=".3f"),
    ]
    base = alt.Chart(table)
    bars = base.mark_rule(color=theme.ACCENT, aria=False).encode(x=x, y=y("low:Q"), y2="high:Q")
    dots = base.mark_circle(color=theme.ACCENT, opacity=1, size=60)
    layers = [
        _diagonal("predicted", "observed"),
        bars,
        dots.encode(x=x, y=y("observed:Q"), tooltip=tooltip),
    ]
    return alt.LayerChart(layer=layers, height=230)


def histogram(values: Floats, *, bins: int = BINS) -> pd.DataFrame:
    """Counts of values in equal bins of [0, 1]: `low`, `high`, `rows`; missing values left out.

    What is outside by rounding counts as in the bin beside it.

    >>> histogram(np.array([0.1, 0.9, 1.0]), bins=2)["rows"].tolist()
    [1, 2]
    """
    known = values[~np.isnan(values)].astype(np.float64).clip(0, 1)
    counts, cuts = np.histogram(known, bins=bins, range=(0.0, 1.0))
    return pd.DataFrame({"low": cuts[:-1].round(4), "high": cuts[1:].round(4), "rows": counts})


def binned(title: str) -> alt.X:
    """The x axis of a histogram of [0, 1]."""
    axis = alt.Axis(values=FIFTHS, title=title)
    return alt.X("low:Q", bin="binned", scale=alt.Scale(domain=[0, 1]), axis=axis)


def spread_table(label: Floats, probability: Floats) -> pd.DataFrame:
    """The histogram of P(yes) for each label: `label`, `low`, `high`, `rows`."""
    kinds = {"yes": label > 0.5, "no": label <= 0.5, "unknown": np.isnan(label)}
    parts = [
        histogram(probability[rows]).assign(label=kind)
        for kind, rows in kinds.items()
        if rows.any()
    ]
    return pd.concat(parts) if parts else histogram(probability[:0]).assign(label="unknown")


def spread(table: pd.DataFrame) -> alt.LayerChart:
    """Predicted probabilities by label (a `spread_table`): yes above the axis, others below.

    >>> table = spread_table(np.array([0.0, 1.0]), np.array([0.2, 0.9]))
    >>> type(spread(table)).__name__
    'LayerChart'
    """
    data = table.assign(_drawn=table["rows"].where(table["label"] == "yes", -table["rows"]))
    kinds = [kind for kind in ("yes", "no", "unknown") if kind in set(data["label"])]
    colours = {"yes": theme.ACCENT, "no": theme.SECOND, "unknown": theme.MUTED}
    scale = alt.Scale(domain=kinds, range=[colours[kind] for kind in kinds])
    rows = alt.Axis(labelExpr=theme.WHOLE_SIZE, tickMinStep=1, tickCount=5, grid=True)
    tooltip = [
        alt.Tooltip("label:N"),
        alt.Tooltip("low:Q", title="P(yes) from", format=".2f"),
        alt.Tooltip("high:Q", title="to", format=".2f"),
        alt.Tooltip("rows:Q", format=","),
    ]
    bars = alt.Chart(data).mark_bar(binSpacing=1)
    layer = bars.encode(
        x=binned("predicted P(yes)"),
        x2="high:Q",
        y=alt.Y("_drawn:Q", title="rows: yes above, others below", stack=True, axis=rows),
        order=alt.Order("label:N"),  # those of unknown label below those of no
        color=alt.Color("label:N", scale=scale, legend=alt.Legend(orient="top", title=None)),
        tooltip=tooltip,
    )
    return alt.LayerChart(layer=[layer], height=200)
