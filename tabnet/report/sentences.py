"""Sentences under the figures, each computed from what the figure shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabnet.report.charts import seed_columns
from tabnet.report.explanation import Explanation
from tabnet.report.groups import Group
from tabnet.report.store import Store
from tabnet.report.words import PATTERN, count, listed, named, percent, place
from tabnet.scores import area_under_roc

MOST_NAMED = 6  # features in a sentence


def size(explanation: Explanation) -> str:
    """How much was explained."""
    parts = [
        count(explanation.rows, f"{explanation.split} observation".lstrip()),
        count(len(explanation.features), "feature"),
    ]
    # Masks from elsewhere may come without those of steps or of seeds.
    rest = ((explanation.steps, "decision step"), (len(explanation.seeds), "seed"))
    parts += [count(number, noun) for number, noun in rest if number]
    return " · ".join(parts)


def comparison(scores: pd.DataFrame) -> list[str]:
    """What the consensus gains over single seeds, over all scores."""
    if scores.empty:
        return ["No scores are known."]
    less = scores["score"].str.contains("lower is better")
    gain = (scores["consensus"] - scores["mean"]).where(~less, scores["mean"] - scores["consensus"])
    several = scores["std"].notna()  # of one seed alone there is nothing to compare
    better = int((gain > 0)[several].sum())
    if not several.any():
        said = ["One seed alone is its own consensus: there is nothing to compare."]
    else:
        said = [
            f"The consensus is better than the mean of single seeds on {better} of"
            f" {count(int(several.sum()), 'score')}."
        ]
    if scores["limit"].notna().any():
        said.append(
            "Bars and Bayes limits: what the true probabilities score, and in brackets how far the"
            " consensus is from it."
        )
    return said


def heat(
    explanation: Explanation, held: Store, groups: Sequence[Group], *, order: str
) -> list[str]:
    """How to read the heatmap, what it holds, and where the consensus looks."""
    said = ["Each column is an observation, each row a feature: the brighter, the more attention."]
    hidden = len(explanation.features) - len(held.features)
    if hidden:
        shown = count(len(held.features), "feature")
        rest = "1 is not" if hidden == 1 else f"{hidden} are not"
        said.append(f"The {shown} of highest importance are drawn, {rest}.")
    if held.bins is not None:
        bins, rows = len(held.bins.edges) - 1, count(explanation.rows, "observation")
        lowest = "" if held.predictions is None else ", and those of lowest agreement"
        said.append(
            f"In the order of {order}, {rows} lie in {bins:,} bins. Other orders and other seeds"
            f" show a sample of {len(held.row):,}: every so many-th{lowest}."
        )
    said += [where(explanation.features, group) for group in groups[:2]]
    return said


def where(features: Sequence[str], group: Group) -> str:
    """Which features the consensus looks at on a group's rows."""
    share = np.array(group.share)
    rows = f"{place(group.label)} ({group.rows:,}{_pattern(features, group)})"
    if share.sum() == 0:
        return f"{rows}, the consensus is all zero."
    best = np.argsort(-share, kind="stable")
    enough = int(np.searchsorted(np.cumsum(share[best]), 0.9)) + 1
    top = [f"{named(features[j])} ({percent(share[j])})" for j in best[: min(enough, MOST_NAMED)]]
    word = "mostly at" if enough <= MOST_NAMED else "at many features, first of all"
    text = f"{rows}, the consensus looks {word} {listed(top)}"
    if group.relevant is None:
        return f"{text}."
    return f"{text}; {percent(_true_share(group))} of it lies on truly relevant features."


def _pattern(features: Sequence[str], group: Group) -> str:
    """What a group is whose label is a number: the features that are relevant to it."""
    if group.relevant is None or not PATTERN.fullmatch(group.label):
        return ""
    names = [named(name) for name, true in zip(features, group.relevant, strict=True) if true]
    if not names:
        return "; no feature is relevant"
    which = listed(names) if len(names) <= MOST_NAMED else count(len(names), "feature")
    return f"; {which} {'is' if len(names) == 1 else 'are'} relevant"


def _true_share(group: Group) -> float:
    """How much of a group's mask lies on what is truly relevant to it."""
    assert group.relevant is not None
    pairs = zip(group.share, group.relevant, strict=True)
    return sum(share for share, relevant in pairs if relevant) / sum(group.share)


def importance(table: pd.DataFrame) -> list[str]:
    """Which features lead, whether those are the relevant ones, and how far seeds differ."""
    if table.empty or not table["consensus"].sum() > 0:
        of_seeds = table[seed_columns(table)]
        if of_seeds.to_numpy().any():
            return ["The consensus is empty: on no row have half of the seeds a feature in common."]
        return ["The masks are all zero: no feature has any importance."]
    # Of equal ones the irrelevant first, as in `scores.relevance_rank`; none is found at 0.
    true = table["relevant"] > 0
    ranked = table.assign(true=true).sort_values(
        ["consensus", "true"], ascending=[False, True], kind="stable"
    )
    relevant = int(true.sum())
    said = []
    if relevant:
        first_ones = ranked.iloc[:relevant]
        found = int((first_ones["true"] & (first_ones["consensus"] > 0)).sum())
        which = count(relevant, "feature")
        if relevant == 1:
            is_it = "is" if found else "is not"
            said.append(f"The feature of highest importance {is_it} the truly relevant one.")
        elif found == relevant:
            said.append(f"The {which} of highest importance are exactly the truly relevant ones.")
        else:
            are = "1 is" if found == 1 else f"{found} are"
            said.append(f"Of the {which} of highest importance, {are} truly relevant.")
    said.append(_leads(table))
    seeds = seed_columns(table)
    if len(seeds) > 1:
        spread = table[seeds].max(axis=1) - table[seeds].min(axis=1)
        widest = table.iloc[int(spread.to_numpy().argmax())]
        low, high = percent(widest[seeds].min()), percent(widest[seeds].max())
        if low != high:
            name = named(str(widest["feature"]))
            said.append(f"Seeds differ most on {name}: from {low} to {high}.")
    return said


def _leads(table: pd.DataFrame) -> str:
    """Which features have the highest importance: several, where it is equal."""
    most = table["consensus"].max()
    first = [named(name) for name in table.loc[table["consensus"] == most, "feature"]]
    if len(first) > MOST_NAMED:
        return f"{len(first)} features lead with {percent(most)} of the consensus each."
    verb, each = ("leads", "") if len(first) == 1 else ("lead", " each")
    return f"{listed(first)} {verb} with {percent(most)} of the consensus{each}."


def scores(table: pd.DataFrame, *, noise: bool) -> list[str]:
    """What the consensus gains over single seeds in what matters most here.

    `noise`: whether any true probability is other than 0 and 1. The AUC does not say so: by chance
    all rows of one label may come before those of the other.
    """
    several = bool(table["std"].notna().any())
    by_name = table.set_index("score")[["consensus", "mean"]].astype(float)
    spread = "Filled: the consensus; ring and line: mean and deviation of single seeds."
    said = [spread if several else "Filled: the one seed."]
    texts = {
        "mask mass on relevant features": (
            percent,
            "Averaged over rows, the consensus has {} of its mass on truly relevant features",
        ),
        "AUC": ("{:.3f}".format, "The mean of the seeds' probabilities has an AUC of {}"),
    }
    for name, (text, sentence) in texts.items():
        if name in by_name.index:
            both, alone = text(by_name["consensus"][name]), text(by_name["mean"][name])
            single = f", single seeds have {alone} on average" if several else ""
            said.append(f"{sentence.format(both)}{single}.")
    limit = table.set_index("score")["limit"].get("AUC", np.nan)
    if not np.isnan(limit):
        said.append(
            "Bar: the Bayes limit. Labels are noisy: the true probabilities have an AUC of"
            f" {limit:.3f}."
            if noise
            else "Labels have no noise: an AUC of 1 is possible."
        )
    return said


def agreement(values: npt.NDArray[np.floating], *, seeds: int) -> list[str]:
    """How far seeds look at the same features."""
    known = values[~np.isnan(values)]
    if seeds == 1:
        return ["One seed alone says nothing about agreement: train several to know."]
    if not len(known):
        return ["There are no rows whose agreement could be shown."]
    meaning = (
        "Agreement is 1 less the mean distance (total variation) of the seeds' masks from the"
        " consensus: at 1 all seeds give the same mask."
    )
    if len(known) == 1:
        return [meaning, f"The one row has {known[0]:.3f}."]
    middle, low = np.median(known), np.quantile(known, 0.05)
    return [
        meaning,
        f"Half of the rows have {middle:.3f} or more, one in twenty {low:.3f} or less; the lowest"
        f" has {known.min():.3f}.",
    ]


def empty(rows: int, of: int, *, seeds: int, scored: bool) -> str:
    """On how many of the rows the consensus is 0, why, and what comes of it."""
    why = {0: "the", 1: "no step contributes to the prediction: the"}
    what = why.get(seeds, "no feature has half of the seeds: their")
    loss = (
        "They count as 0 in the mass on relevant features, and as 0 in false discoveries, where"
        " less is better; importances"
        if scored
        else "Importances"
    )
    where = f"On {rows:,} of {count(of, 'observation')}"
    return f"{where} {what} consensus is empty. {loss} leave them out."


def by_group(groups: Sequence[Group]) -> list[str]:
    """How much of each group's mask lies where it should."""
    said = []
    for group in groups:
        if group.relevant is None or not any(group.relevant) or not any(group.share):
            continue
        said.append(
            f"{place(group.label)}, {percent(_true_share(group))} of the consensus lies on truly"
            " relevant features (framed)."
        )
    return said


def roc(label: npt.NDArray[np.floating], probability: npt.NDArray[np.floating]) -> list[str]:
    """What the area under the curve means; rows of unknown label (NaN) are left out."""
    known = ~np.isnan(label) & ~np.isnan(probability)
    area = area_under_roc(probability[known], label[known] > 0.5)
    if np.isnan(area):
        return ["A curve needs rows of both labels."]
    return [
        f"Of a yes and a no drawn at random, the yes has the higher probability {percent(area)} of"
        " the time (equal ones count half)."
    ]


def calibration(table: pd.DataFrame) -> list[str]:
    """Whether probabilities mean what they say."""
    if table.empty:
        return ["No labels are known."]
    outside = table[(table["predicted"] < table["low"]) | (table["predicted"] > table["high"])]
    said = [
        f"In {len(table) - len(outside)} of {count(len(table), 'bin')} the predicted probability"
        " agrees with the observed share (95 % interval)."
    ]
    if len(outside):
        observed, predicted = outside["observed"] - 0.5, outside["predicted"] - 0.5
        right_side = observed * predicted >= 0
        ways = {
            "too cautious": right_side & (observed.abs() > predicted.abs()),
            "too bold": right_side & (observed.abs() < predicted.abs()),
            "on the wrong side of 0.5": observed * predicted < 0,
        }
        said += [
            f"Where it does not, it is mostly {word}."
            for word, of in ways.items()
            if of.mean() > 0.5
        ]
    return said


def spread(probability: npt.NDArray[np.floating]) -> list[str]:
    """How decided the predictions are."""
    known = probability[~np.isnan(probability)]
    if not len(known):
        return ["There are no predictions."]
    sure = float(((known < 0.1) | (known > 0.9)).mean())
    return [f"{percent(sure)} of the rows have a P(yes) below 0.1 or above 0.9."]


def training(history: pd.DataFrame) -> list[str]:
    """From where to where the loss goes, and how far seeds are apart at the end."""
    if history.empty:
        return ["No epoch was trained."]
    first, last = history["epoch"].min(), history["epoch"].max()
    end = _ends(history)
    history = of_survivors(history)
    begin = history[history["epoch"] == first]
    where = f"epoch {last}" if (end["epoch"] == last).all() else "each seed's last epoch"
    whose, loss = f"The mean loss of {count(len(end), 'seed')}", _loss(end["loss"].mean())
    said = [
        f"{whose} goes from {_loss(begin['loss'].mean())} (epoch {first}) to {loss} ({where})."
        if first < last
        else f"{whose} is {loss} in the one epoch."
    ]
    if len(end) > 1:
        low, high = _loss(end["loss"].min()), _loss(end["loss"].max())
        said.append(f"At the end the seeds lie between {low} and {high}.")
    if end["epoch"].nunique() > 1:
        said.append(
            "Some seeds stopped early: in each epoch the line is the mean of those still training."
        )
    if "validation_loss" in history:
        said.append(_validation(history))
    return said


def of_survivors(history: pd.DataFrame) -> pd.DataFrame:
    """The epochs of the seeds that did not diverge; of all, if there is none else."""
    return history[history["seed"].isin(_ends(history)["seed"])]


def _loss(value: float) -> str:
    return f"{value:.3f}" if 0.01 <= value < 1e4 or value == 0 else f"{value:.3g}"


def diverged(epochs: Mapping[str, int]) -> str:
    """Which seeds training left out, and in which epoch.

    >>> diverged({"seed_3": 2, "seed_7": 5})
    'Training left out what diverged: seed 3 (in epoch 2) and seed 7 (in epoch 5).'
    """
    seeds = [f"{name.replace('_', ' ')} (in epoch {epoch})" for name, epoch in epochs.items()]
    return f"Training left out what diverged: {listed(seeds)}."


def _ends(history: pd.DataFrame) -> pd.DataFrame:
    """Each seed's last row, without those that diverged; of all, if there is none else."""
    ends = history.sort_values("epoch", kind="stable").groupby("seed").tail(1)
    return ends if ends["loss"].isna().all() else ends[ends["loss"].notna()]


def _validation(history: pd.DataFrame) -> str:
    """How low the loss on the rows held out became, and when."""
    known = history[history["validation_loss"].notna()]
    if known.empty:
        return "No loss of rows held out is known."
    best = known.loc[known.groupby("seed")["validation_loss"].idxmin()]
    first, last = best["epoch"].min(), best["epoch"].max()
    when = f"in epoch {first}" if first == last else f"in epochs {first} to {last}"
    return (
        f"On the rows that each seed held out it was lowest {when},"
        f" {_loss(best['validation_loss'].mean())} in the mean; those epochs' weights were kept."
    )
