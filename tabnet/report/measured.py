"""What the stages' JSON files hold, as far as the pages read it: types that pydantic checks.

Dicts, as JSON has them; what no page shows may be there as well, and is left out.
"""

from typing import Annotated, Any, NotRequired, TypeVar

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

LARGEST = 1e9  # more than any score, or time

T = TypeVar("T")

Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-LARGEST, le=LARGEST)]
Score = Number | None  # null: not defined
Count = Annotated[int, Field(strict=True, ge=0, le=10**12)]
Text = Annotated[str, Field(strict=True)]
Named = dict[str, Score]
MASKS = ("rma", "rra", "tpr", "fdr", "mask_average_precision")


def _one(found: dict[str, T]) -> dict[str, T]:
    if len(found) != 1:
        names = ", ".join(repr(name[:40]) for name in list(found)[:5]) or "none"
        raise ValueError(f"not one data set, but {names}")
    return found


def _spreads(metrics: dict[str, Any]) -> dict[str, Any]:
    """Of each of the consensus' scores the seeds have one as well."""
    if missing := sorted(metrics["consensus"].keys() - metrics["seeds"].keys()):
        raise ValueError(f"the seeds' {missing[0][:40]} is missing")
    return metrics


def _having(*names: str) -> AfterValidator:
    """A mapping that has these keys among others."""

    def check(found: dict[str, T]) -> dict[str, T]:
        if missing := [name for name in names if name not in found]:
            raise ValueError(f"{missing[0]} is missing")
        return found

    return AfterValidator(check)


OneDataset = Annotated[dict[str, T], AfterValidator(_one)]


class Spread(TypedDict):
    """A score over seeds."""

    mean: Score
    std: Score


class Scores(TypedDict):
    """metrics.json, of one data set: of the consensus, of single seeds, of the true probability.

    `diverged`: the seeds that training left out (`seed_<seed>`), and the epoch in which it did.
    """

    consensus: Named
    seeds: dict[str, Spread]
    bayes: NotRequired[Named]
    agreement: NotRequired[Score]
    diverged: NotRequired[dict[str, Count]]


Metrics = Annotated[Scores, AfterValidator(_spreads)]


class Card(TypedDict):
    """What the index shows of a data set: texts, metrics, and a small heatmap as SVG."""

    name: Text
    subtitle: Text
    sentences: list[Text]
    metrics: Metrics | None
    picture: Text


class Compared(TypedDict):
    """The part of metrics.json that the page beside the paper needs."""

    consensus: Annotated[Named, _having("auc", *MASKS)]
    seeds: dict[str, Spread]
    bayes: NotRequired[Named]
    agreement: Score


class Scored(TypedDict):
    """<dataset>.scores.json: metrics.json, and the scores of each member."""

    metrics: Annotated[Compared, AfterValidator(_spreads)]
    members: Annotated[dict[str, Annotated[Named, _having("rma")]], _having("consensus")]


class Method(TypedDict):
    """Of peers.json."""

    scores: Annotated[Named, _having("auc", *MASKS, "mask_auroc", "selected")]
    train_seconds: Number
    explain_seconds: Number
    settings: Text


class Peers(TypedDict):
    """peers.json, of one data set."""

    methods: Annotated[dict[str, Method], _having("consensus", "single_seed")]
    threads: Count


Measures = Annotated[dict[str, Named], _having("consensus")]  # <dataset>.trust.json
