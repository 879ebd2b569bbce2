"""The section that judges masks without the truth: two figures, a table, and what each sees."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from tabnet.report import faithfulness
from tabnet.report.judged import Bootstrap, Spread, Trust
from tabnet.report.measured import Score
from tabnet.report.page import Figure, Section
from tabnet.report.words import count

Text = Callable[[float], str]
Row = tuple[str, ...]

# What each measure sees, and what it does not.
NOTES = (
    (
        "Agreement of seeds",
        "Sees what depends on where training started: how far masks are apart, and which cells"
        " other seeds may outvote. Does not see what all seeds get wrong together.",
    ),
    (
        "Keep and remove",
        "See whether a mask names what the model itself uses, row by row: sufficiency and"
        " comprehensiveness (DeYoung et al. 2020). A seed's mask is judged with that seed's own"
        " model, all else with all seeds together. They do not see whether the model is right."
        " Replaced values come from a row that was trained on: where features are correlated, the"
        " model meets rows unlike any that it was trained on. Features that a mask leaves at 0 come"
        " in random order.",
    ),
    (
        "Small noise",
        "Sees masks that change at the slightest push. Does not see masks that are wrong and never"
        " move.",
    ),
    (
        "Other rows",
        "Sees what depends on which rows happened to be drawn to train on: models are trained"
        " again on bootstrap resamples. Does not see what is wrong in all of them, such as a bias"
        " of the rows themselves. Resamples have few seeds: compare with as many other seeds on the"
        " same rows. InterpreStability (Wa et al. 2023) correlates importances, whatever the rows"
        " and the sign: of two features it is 1, and where all have the same importance 0.",
    ),
)


def section(trust: Trust, curves: pd.DataFrame) -> Section:
    """The section of a data set's trust.json and faithfulness.csv."""
    score = "auc" if curves["auc"].notna().all() else "drop"
    titles = {
        "keep": "Keep each row's first features, replace the others",
        "remove": "Remove each row's first features",
    }
    figures = tuple(
        Figure(
            name=side,
            title=title,
            chart=faithfulness.curves(curves, side=side, score=score),
            sentences=(_said(curves, side),) if score == "auc" else (),
        )
        for side, title in titles.items()
    )
    head = ("measure", "consensus", "single seeds", "for comparison")
    said = (
        "What can be asked of any data, also where nobody knows which features truly matter: do"
        " the masks name what the model uses, and do they stay when seeds, rows or the rows to"
        f" train on change a little? Measured on {count(trust.rows, 'row')}.",
    )
    unmeasured = {"Agreement of seeds": _alone(trust), "Other rows": not _compared(trust)}
    notes = tuple((title, text) for title, text in NOTES if not unmeasured.get(title))
    return Section(
        sentences=said, figures=figures, head=head, rows=tuple(_rows(trust)), notes=notes
    )


def _alone(trust: Trust) -> bool:
    """Whether there is one seed only: then nothing is spread over seeds."""
    return trust.seeds.agreement.std is None


def _compared(trust: Trust) -> bool:
    """Whether there are resamples, and seeds on all of them, to compare with each other."""
    return trust.bootstrap.resamples > 0 and trust.bootstrap.distance is not None


def enough(curves: pd.DataFrame) -> int:
    """The fewest of each row's first features, by the consensus, that keep 95 % of the AUC's gain.

    Its gain over chance, with all features; one at least.
    """
    kept = curves[(curves["side"] == "keep") & (curves["order"] == "consensus")]
    kept = kept[kept["k"] > 0].sort_values("k")
    reached = kept["auc"] >= 0.5 + 0.95 * (float(kept["auc"].iloc[-1]) - 0.5)
    return int(kept["k"].iloc[int(reached.to_numpy().argmax())])


def _said(curves: pd.DataFrame, side: str) -> str:
    """What is left of the AUC at the same number of features, by order."""
    # With all of them, or none, every order is the same.
    some = [k for k in curves["k"].tolist() if 0 < k < curves["k"].max()]
    k = min(enough(curves), max(some, default=enough(curves)))
    here = curves[(curves["side"] == side) & (curves["k"] == k)]
    auc = {order: f"{value:.3f}" for order, value in zip(here["order"], here["auc"], strict=True)}
    word = {"keep": "With only", "remove": "Without"}[side]
    first = "feature" if k == 1 else f"{k} features"
    return (
        f"{word} the first {first} of each row by the consensus mask, the AUC is"
        f" {auc['consensus']}; {word.lower()} {count(k, 'feature')} of highest importance, the same"
        f" on all rows, {auc['fixed']}; {word.lower()} {count(k, 'random feature')},"
        f" {auc['random']}."
    )


def _rows(trust: Trust) -> list[Row]:
    """The table: each measure of the consensus, of single seeds, and what it compares with."""
    consensus, seeds = trust.consensus, trust.seeds

    def row(name: str, of: Score, single: Spread, text: Text, others: str = "") -> Row:
        return name, _one(of, text), _several(single, text), others

    def compared(fixed: Score, random: Score) -> str:
        return f"same order on all rows {_one(fixed, _plain)}, random {_one(random, _plain)}"

    agreement = row("Agreement of seeds (best 1)", None, seeds.agreement, _plain)
    undecided = (
        "Undecided cells: share of what the consensus selects (best 0 %)",
        _one(consensus.undecided, _percent),
        _one(None, _percent),
        "",
    )
    return [
        *([] if _alone(trust) else [agreement]),
        *([] if consensus.undecided is None else [undecided]),
        row(
            "Keep: mean AUC of the curve (high is good)",
            consensus.sufficiency_auc,
            seeds.sufficiency_auc,
            _plain,
            compared(trust.fixed.sufficiency_auc, trust.random.sufficiency_auc),
        ),
        row(
            "Remove: mean AUC of the curve (low is good)",
            consensus.comprehensiveness_auc,
            seeds.comprehensiveness_auc,
            _plain,
            compared(trust.fixed.comprehensiveness_auc, trust.random.comprehensiveness_auc),
        ),
        row(
            "Small noise: share of a mask that moves (best 0 %)",
            consensus.noise_distance,
            seeds.noise_distance,
            _percent,
        ),
        row(
            "Small noise: overlap of the top features (best 100 %)",
            consensus.noise_overlap,
            seeds.noise_overlap,
            _percent,
        ),
        *(_bootstrap(trust.bootstrap) if _compared(trust) else []),
    ]


def _bootstrap(boot: Bootstrap) -> list[Row]:
    chance, of_seeds = (
        _one(value, _percent)
        for value in (boot.distance_by_chance, boot.distance_of_seeds_by_chance)
    )
    return [
        (
            "Other rows: share of a mask that moves (best 0 %)",
            _one(boot.distance, _percent),
            _one(boot.distance_of_seeds, _percent),
            f"same rows, other seeds: consensus {chance}, single seeds {of_seeds}",
        ),
        (
            "Other rows: InterpreStability (best 1)",
            _one(boot.interprestability, _plain),
            _one(boot.interprestability_of_seeds, _plain),
            "",
        ),
    ]


def _plain(value: float) -> str:
    return f"{value:.3f}"


def _percent(value: float) -> str:
    """Nothing and all only of what is: they are the best that there is."""
    if 0 < value < 0.0005:
        return "less than 0.1 %"
    if 0.9995 <= value < 1:
        return "more than 99.9 %"
    return f"{100 * value:.1f} %"


def _one(value: Score, text: Text) -> str:
    return "–" if value is None else text(value)


def _several(values: Spread, text: Text) -> str:
    if values.mean is None or values.std is None:
        return _one(values.mean, text)
    return f"{text(values.mean)} ± {text(values.std)}"
