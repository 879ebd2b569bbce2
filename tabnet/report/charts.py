"""Figures about training and importance: tables in, plain Altair charts out."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from tabnet.report import theme, words

VALIDATION = "validation_loss"
KINDS = ["rows trained on", "rows held out"]  # of the lines, where there are two
# Of a feature's ground truth, so that colour alone does not carry it.
SIGNS = {"relevant": " ●", "to some rows": " ◐", "irrelevant": "", "unknown": ""}


def seed_columns(table: pd.DataFrame) -> list[str]:
    """The columns of a table that hold one seed each, in the table's order."""
    return [str(column) for column in table.columns if str(column).startswith("seed_")]


def training(history: pd.DataFrame) -> alt.LayerChart:
    """Loss per epoch: each seed, the mean over those that train, from the lowest to the highest.

    `history` has columns `epoch`, `seed`, `loss` and, where seeds held rows out, `validation_loss`,
    which is drawn as a dashed line of its own. The page's script makes the y axis logarithmic.

    >>> table = pd.DataFrame({"epoch": [1, 2], "seed": [7, 7], "loss": [1.0, 0.5]})
    >>> type(training(table)).__name__
    'LayerChart'
    """
    validated = VALIDATION in history
    losses = ["loss", *([VALIDATION] if validated else [])]
    data = history[["epoch", "seed", *losses]].copy()
    # Digits that count: of small losses, too, there is a logarithm.
    data[losses] = data[losses].map(lambda loss: float(f"{loss:.7g}"))
    x = alt.X(
        "epoch:Q",
        title="epoch",
        axis=alt.Axis(tickMinStep=1, labelExpr=theme.WHOLE, labelSeparation=6),
    )
    scale = alt.Scale(zero=False, nice=True)

    def y(field: str) -> alt.Y:
        title = "loss (mean cross entropy)"
        return alt.Y(field, title=title, scale=scale, axis=alt.Axis(tickCount=5, grid=True))

    base = alt.Chart(data)
    pick = alt.selection_point(
        name="epoch_at", fields=["epoch"], nearest=True, on="pointermove", empty=False
    )
    means: dict[str, Any] = {"mean": "mean(loss)"}
    means |= {"validation": f"mean({VALIDATION})"} if validated else {}
    bounds = base.transform_aggregate(low="min(loss)", high="max(loss)", **means, groupby=["epoch"])
    dots: dict[str, Any] = {"point": True} if data["epoch"].nunique() == 1 else {}  # no line
    seeds = base.mark_line(strokeWidth=0.7, opacity=0.45, color=theme.ACCENT, aria=False, **dots)
    band = bounds.mark_area(opacity=0.16, color=theme.ACCENT, aria=False)
    line = bounds.mark_line(strokeWidth=2, color=theme.ACCENT, **dots)
    tooltip = [
        alt.Tooltip("epoch:Q"),
        alt.Tooltip("mean:Q", title="mean loss", format=".4f"),
        alt.Tooltip("low:Q", title="lowest", format=".4f"),
        alt.Tooltip("high:Q", title="highest", format=".4f"),
    ]
    if validated:
        tooltip.append(alt.Tooltip("validation:Q", title="mean validation loss", format=".4f"))
    point = bounds.mark_point(filled=True, size=50, color=theme.ACCENT, aria=False)
    seen = alt.when(pick).then(alt.value(1)).otherwise(alt.value(0))
    layers = [
        band.encode(x=x, y=y("low:Q"), y2="high:Q"),
        seeds.encode(x=x, y=y("loss:Q"), detail="seed:N"),
        (_named(line, KINDS[0]) if validated else line).encode(x=x, y=y("mean:Q")),
    ]
    if validated:
        each = base.mark_line(strokeWidth=0.7, opacity=0.3, color=theme.SECOND, aria=False, **dots)
        mean = bounds.mark_line(strokeWidth=2, **dots)
        layers += [
            each.encode(x=x, y=y(f"{VALIDATION}:Q"), detail="seed:N"),
            _named(mean, KINDS[1]).encode(x=x, y=y("validation:Q")),
        ]
    layers.append(point.encode(x=x, y=y("mean:Q"), opacity=seen, tooltip=tooltip).add_params(pick))
    return alt.LayerChart(layer=layers, height=220)


def _named(line: alt.Chart, name: str) -> alt.Chart:
    """The line with its colour and dashes, by its name in the legend."""
    legend = alt.Legend(orient="top", title=None)
    colours = alt.Scale(domain=KINDS, range=[theme.ACCENT, theme.SECOND])
    dashes = alt.Scale(domain=KINDS, range=[[1, 0], [6, 3]])
    return line.transform_calculate(kind=f"'{name}'").encode(
        color=alt.Color("kind:N", scale=colours, legend=legend),
        strokeDash=alt.StrokeDash("kind:N", scale=dashes, legend=legend),
    )


def _long(importance: pd.DataFrame) -> pd.DataFrame:
    """One row for each feature and seed (`consensus` among them), features by importance."""
    table = importance.sort_values("consensus", ascending=False, kind="stable")
    table = table.assign(_place=[f"{i:05d}" for i in range(len(table))])
    long = table.melt(
        id_vars=["_place", "feature", "relevant"],
        value_vars=["consensus", *seed_columns(table)],
        var_name="mask",
        value_name="share",
    )
    long["mask"] = long["mask"].str.replace("seed_", "seed ")
    long["truth"] = long["relevant"].map(_truth)
    return long.assign(share=long["share"].round(7)).drop(columns="relevant")


def _truth(share: float) -> str:
    if not share >= 0:
        return "unknown"
    return "irrelevant" if share == 0 else "relevant" if share == 1 else "to some rows"


def _marked_names(table: pd.DataFrame) -> list[str]:
    """Feature names with the sign of their truth."""
    pairs = zip(words.shortened(table["feature"]), table["truth"], strict=True)
    return [f"{name}{SIGNS[truth]}" for name, truth in pairs]


def names_axis(*, room: int = 110) -> alt.Axis:
    """The axis of rows that are numbered, by the chart's parameter `names`: no name is a value.

    A name that is longer than its room in pixels loses its end.
    """
    return alt.Axis(
        title=None,
        aria=False,  # a screen reader would say the numbers
        ticks=False,
        domain=False,
        labelPadding=6,
        labelLimit=room,
        labelExpr="names[+datum.value]",
    )


def importance(table: pd.DataFrame) -> alt.LayerChart:
    """Share of the consensus mask that each feature holds, with each seed's share as a dot.

    `table` has columns `feature`, `relevant` (share of rows, or missing), `consensus`, `seed_<k>`.

    >>> rows = {"feature": ["a"], "relevant": [1.0], "consensus": [1.0], "seed_1": [0.9]}
    >>> type(importance(pd.DataFrame(rows))).__name__
    'LayerChart'
    """
    data = _long(table)
    names = _marked_names(data.drop_duplicates("_place"))
    # Room for the signs, which stand at the ends of names.
    y = alt.Y("_place:N", axis=names_axis(room=130), sort=None)
    ticks = alt.Axis(format="%", tickCount=4, grid=True)
    x = alt.X("share:Q", title="share of the mask", axis=ticks)
    kinds = ["relevant", "to some rows", "irrelevant", "unknown"]
    present = [kind for kind in kinds if kind in set(data["truth"])]
    colours = dict(zip(kinds, [theme.ACCENT, theme.ACCENT, theme.MUTED, theme.ACCENT], strict=True))
    scale = alt.Scale(domain=present, range=[colours[kind] for kind in present])
    label = f"datum.label + ({SIGNS})[datum.label]"
    # Beside long names two columns of a narrow page would end outside of it; `width` changes when
    # the place does.
    beside = min(130, 12 + 7 * max(map(len, names), default=0))
    columns = alt.ExprRef(f"width > 0 && containerSize()[0] < {beside + 200} ? 1 : 2")
    legend = alt.Legend(orient="top", title=None, columns=columns, labelExpr=label)
    colour = alt.Color("truth:N", scale=scale, legend=legend if present != ["unknown"] else None)
    tooltip = [
        alt.Tooltip("feature:N"),
        alt.Tooltip("mask:N"),
        alt.Tooltip("share:Q", format=".2%"),
        alt.Tooltip("truth:N", title="ground truth"),
    ]
    base = alt.Chart(data).encode(y=y, x=x, tooltip=tooltip)
    is_consensus = alt.datum.mask == "consensus"
    bars = base.transform_filter(is_consensus).mark_bar(height=alt.RelativeBandSize(band=0.62))
    dots = base.transform_filter(~is_consensus).mark_circle(size=16, opacity=0.75, aria=False)
    bars = bars.encode(color=colour).add_params(alt.param(name="names", value=names))
    layers = [bars, dots.encode(color=alt.value(theme.INK))]
    return alt.LayerChart(layer=layers, height=21 * len(names))
