"""The sections of params.yaml as frozen models: the one place that says what is valid."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    model_validator,
)

from tabnet.datasets import DATASETS
from tabnet.errors import InputError
from tabnet.plain_yaml import join, parse, problem, show

# Above these a value is a slip of the finger, and would exhaust the memory or never end.
MAX_ROWS = 10**9
MAX_BATCH = 10**6
MAX_WIDTH = 1024
MAX_DEPTH = 64
MAX_SEEDS = 1000
MAX_EPOCHS = 10**6
MAX_THREADS = 1024
MAX_DRAWS = 1000
MAX_SEED = 2**32 - 1
MAX_NUMBER = 1e6  # float32 holds what comes of it
MAX_PRIOR = 1e37  # and of this, times some ten standard deviations

Schedule = Literal["one_cycle", "cosine", "staircase", "constant"]
Device = Literal["auto", "cpu", "cuda", "mps"]

CLIP = 0.995  # the colours' quantile, as in the R package's vignette

# What `report.sort_by` may name beside a feature.
SORT_KEYS = ("row", "label", "prediction", "agreement")

T = TypeVar("T")
C = TypeVar("C", bound=Iterable[object])
S = TypeVar("S", bound="Section")


def _distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    if not values:
        raise InputError("must have at least one entry, however: []")
    for value in values:
        if values.count(value) > 1:
            raise InputError(f"must have no entry twice, however: {show(value)} is repeated")
    return values


def _few(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(seeds) > MAX_SEEDS:
        raise InputError(f"must have at most {MAX_SEEDS} entries, however: {len(seeds)}")
    return seeds


def _known(names: C) -> C:
    for name in names:
        if name not in DATASETS:
            raise InputError(f"must name data sets ({join(DATASETS)}), however: {show(name)}")
    return names


def _apart(names: tuple[T, ...]) -> tuple[T, ...]:
    """`_distinct`, of a list that may be empty."""
    return _distinct(names) if names else names


def _clip(value: object) -> float | dict[str, float]:
    if not isinstance(value, Mapping):
        return _share(value, "")
    _known(value)
    return {name: _share(share, f".{name}") for name, share in value.items()}


def _share(value: object, key: str) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 1:
        return float(value)
    raise InputError(
        f"{key} must be a number greater than 0 and at most 1, however: {show(value)}".strip()
    )


def _threads(value: object) -> int | Literal["auto"]:
    if value == "auto":
        return "auto"
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"must be auto or a whole number, however: {show(value)}")
    if value < 1:
        raise InputError(f"must be at least 1, however: {value}")
    if value > MAX_THREADS:
        raise InputError(f"must be at most {MAX_THREADS}, however: {value}")
    return value


def _seed_or_auto(value: object) -> int | Literal["auto"]:
    if value == "auto":
        return "auto"
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise InputError(f"must be auto or one of train.seeds, however: {show(value)}")


Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Rows = Annotated[int, Field(ge=1, le=MAX_ROWS)]
Positive = Annotated[float, Field(gt=0, le=MAX_NUMBER)]
NotNegative = Annotated[float, Field(ge=0, le=MAX_NUMBER)]
Width = Annotated[int, Field(ge=1, le=MAX_WIDTH)]
Layers = Annotated[int, Field(ge=0, le=MAX_DEPTH)]
Share = Annotated[float, Field(gt=0, le=1)]
Clip = Annotated[float | dict[str, float], PlainValidator(_clip)]
# A list in the file, a tuple here: the outer check is lax, that of the entries is not.
Names = Annotated[
    tuple[str, ...], Field(strict=False), AfterValidator(_known), AfterValidator(_distinct)
]
SomeNames = Annotated[
    tuple[str, ...], Field(strict=False), AfterValidator(_known), AfterValidator(_apart)
]
Tables = Annotated[tuple[Literal["paper"], ...], Field(strict=False), AfterValidator(_apart)]
Seeds = Annotated[
    tuple[Seed, ...], Field(strict=False), AfterValidator(_few), AfterValidator(_distinct)
]


def _first_problem(
    error: ValidationError, kind: type[BaseModel], *, under: tuple[str, ...] = ()
) -> str:
    first, *others = error.errors(include_url=False)
    more = f" (and {len(others)} more)" if others else ""
    return f"{problem(first, kind, under=under)}{more}"


class Section(BaseModel):
    """A section: frozen, of known keys, `3` is no `"3"` and no `true`, numbers are finite.

    Made of keywords, it raises ValueError, in one line, for what is not valid.

    >>> Train(epochs=0)
    Traceback (most recent call last):
    tabnet.errors.InputError: epochs must be at least 1, however: 0
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def __init__(self, /, **values: object) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InputError(_first_problem(error, type(self))) from None

    # For pydantic, which else calls it for a section within another one: then what is wrong would
    # no longer know where it lies.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


class Generate(Section):
    """How the data sets are drawn."""

    seed: Seed = 1
    train_rows: Annotated[int, Field(ge=2, le=MAX_ROWS)] = 5000
    test_rows: Rows = 5000


class Model(Section):
    """TabNet's architecture, in the paper's symbols (arXiv 1908.07442, section 3)."""

    n_d: Width = 8
    n_a: Width = 8
    n_steps: Annotated[int, Field(ge=1, le=MAX_DEPTH)] = 4
    gamma: Annotated[float, Field(ge=1, le=MAX_NUMBER)] = 1.0
    n_independent: Layers = 1
    n_shared: Layers = 1
    virtual_batch_size: Annotated[int, Field(ge=2, le=MAX_BATCH)] = 1000
    momentum: Share = 0.05
    mask_type: Literal["sparsemax", "entmax15"] = "sparsemax"

    @model_validator(mode="after")
    def _has_layers(self) -> Self:
        if self.n_independent + self.n_shared < 1:
            raise InputError("must have n_independent + n_shared of at least 1, however: 0")
        return self

    @model_validator(mode="after")
    def _has_finite_priors(self) -> Self:
        """The last one is up to gamma^(n_steps - 1)."""
        most = MAX_PRIOR ** (1 / max(1, self.n_steps - 1))
        if self.gamma > most:
            allowed = f"{math.floor(100 * most) / 100:.10g}"
            raise InputError(
                f"must have a gamma of at most {allowed} with n_steps of {self.n_steps}, however:"
                f" {self.gamma:g}"
            )
        return self


class Train(Section):
    """How the models are trained, one a seed, all together."""

    seeds: Seeds = tuple(range(1, 26))
    epochs: Annotated[int, Field(ge=1, le=MAX_EPOCHS)] = 100
    batch_size: Annotated[int, Field(ge=2, le=MAX_BATCH)] = 1000
    buffer_rows: Annotated[int, Field(ge=2, le=MAX_ROWS)] = 10**6
    learning_rate: Positive = 0.12
    schedule: Schedule = "one_cycle"
    lambda_sparse: NotNegative = 0.3
    clip_norm: Positive = 1.0
    validation_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    patience: Annotated[int, Field(ge=1, le=MAX_EPOCHS)] = 15
    warm_start: bool = False
    device: Device = "auto"
    threads: Annotated[int | Literal["auto"], PlainValidator(_threads)] = "auto"
    checkpoint_every: Annotated[int, Field(ge=1, le=MAX_EPOCHS)] = 10

    @model_validator(mode="after")
    def _holds_a_batch(self) -> Self:
        if self.buffer_rows < self.batch_size:
            raise InputError(
                f".buffer_rows must be at least batch_size ({self.batch_size}), however: "
                f"{self.buffer_rows}"
            )
        return self

    def afresh(self, seeds: Sequence[int]) -> Self:
        """The same training of these seeds, from its start."""
        return self.model_copy(update={"seeds": tuple(seeds), "warm_start": False})


class Explain(Section):
    """Which rows are explained, and whose aggregate and step masks are shown."""

    split: Literal["test", "train"] = "test"
    batch_rows: Annotated[int, Field(ge=1, le=MAX_BATCH)] = 8192
    seed: Annotated[int | Literal["auto"], PlainValidator(_seed_or_auto)] = "auto"


class Evaluate(Section):
    """When a mask cell counts as selected."""

    threshold: Annotated[float, Field(ge=0, lt=1)] = 1e-6


class Trust(Section):
    """How masks are judged without the truth."""

    rows: Annotated[int, Field(ge=1, le=MAX_BATCH)] = 1000
    draws: Annotated[int, Field(ge=1, le=MAX_DRAWS)] = 2
    noise: NotNegative = 0.05
    resamples: Annotated[int, Field(ge=0, le=MAX_SEEDS)] = 3
    resample_seeds: Annotated[int, Field(ge=1, le=MAX_SEEDS)] = 3
    seed: Seed = 1


class Quantile(Section):
    """The quantiles of the mask cells at which the colours are clipped.

    Each is one number for all data sets, or a mapping from data sets to numbers; one that the
    mapping leaves out has the default.
    """

    aggregate: Clip = CLIP
    steps: Clip = CLIP

    def of(self, dataset: str) -> dict[str, float]:
        """The quantiles of a data set.

        >>> Quantile.model_validate({"aggregate": {"syn2": 1}}).of("syn2")
        {'aggregate': 1.0, 'steps': 0.995}
        """
        clips = {"aggregate": self.aggregate, "steps": self.steps}
        return {
            name: clip if isinstance(clip, float) else clip.get(dataset, CLIP)
            for name, clip in clips.items()
        }


class Report(Section):
    """How the reports are drawn."""

    quantile: Quantile = Quantile()
    sort_by: Mapping[str, str] = {
        "syn2": "row",
        "syn4": "V10",
        "paper_syn4": "x11",
        "paper_syn5": "x11",
        "paper_syn6": "x11",
    }

    @model_validator(mode="after")
    def _sorts_by_columns(self) -> Self:
        for name, key in self.sort_by.items():
            if name not in DATASETS:
                raise InputError(
                    f".sort_by must name data sets ({join(DATASETS)}), however: {show(name)}"
                )
            allowed = (*SORT_KEYS, *DATASETS[name].features)
            if key not in allowed:
                raise InputError(
                    f".sort_by.{name} must be one of {join(allowed)}, however: {show(key)}"
                )
        return self


class Override(Section):
    """What differs for one data set, by key of the section."""

    generate: Mapping[str, object] = {}
    model: Mapping[str, object] = {}
    train: Mapping[str, object] = {}


def rows_held_out(rows: int, share: float, *, key: str = "train.validation_share") -> int:
    """How many of so many rows to validate on, a share of them.

    Raises ValueError unless there are 1 row to validate on and 2 to train on; or share is 0.
    """
    found = round(share * rows)
    if share and not 1 <= found <= rows - 2:
        raise InputError(
            f"{key} must leave at least 2 of {rows} rows to train on and 1 to "
            f"validate on, however: {share} leaves {rows - found} and {found}"
        )
    return found


def _merged(section: S, changes: Mapping[str, object], *, under: tuple[str, ...]) -> S:
    """The section with some keys replaced, valid as a whole; ValueError in one line."""
    kind = type(section)
    try:
        return kind.model_validate({**section.model_dump(), **changes})
    except ValidationError as error:
        raise InputError(_first_problem(error, kind, under=under)) from None


class Params(Section):
    """The whole of params.yaml; `Params()` has the file's defaults, and no overrides."""

    datasets: Names = ("syn2", "syn4")
    peers: SomeNames = ()
    seed_counts: SomeNames = ()
    tables: Tables = ()
    generate: Generate = Generate()
    model: Model = Model()
    train: Train = Train()
    explain: Explain = Explain()
    evaluate: Evaluate = Evaluate()
    trust: Trust = Trust()
    report: Report = Report()
    overrides: Annotated[Mapping[str, Override], AfterValidator(_known)] = {}

    def of(self, dataset: str) -> Self:
        """The parameters of a data set: its overrides in the sections, and no other's left.

        >>> Params(overrides={"syn2": Override(train={"epochs": 5})}).of("syn2").train.epochs
        5
        """
        sections = self._overridden(dataset, self.overrides.get(dataset, Override()))
        return self.model_copy(update={**sections, "overrides": {}})

    def where(self, dataset: str, key: str) -> str:
        """Where the value of `section.key` is written that this data set has.

        >>> Params(overrides={"syn2": Override(train={"epochs": 5})}).where("syn2", "train.epochs")
        'overrides.syn2.train.epochs'
        """
        section, name = key.split(".")
        own = name in getattr(self.overrides.get(dataset, Override()), section)
        return f"overrides.{dataset}.{key}" if own else key

    def _overridden(self, dataset: str, override: Override) -> dict[str, Section]:
        return {
            name: _merged(getattr(self, name), changes, under=("overrides", dataset, name))
            for name, changes in override
        }

    @model_validator(mode="after")
    def _overrides_are_valid(self) -> Self:
        for dataset, override in self.overrides.items():
            try:
                self._overridden(dataset, override)
            except InputError:
                if dataset in self.datasets:
                    raise
                # What is not run need not go with what is: beside the defaults it has to be valid.
                Params()._overridden(dataset, override)
        return self

    @model_validator(mode="after")
    def _leaves_rows_to_train_on(self) -> Self:
        for dataset in self.datasets:
            own = self.of(dataset)
            key = self.where(dataset, "train.validation_share")
            rows_held_out(own.generate.train_rows, own.train.validation_share, key=key)
        return self

    @model_validator(mode="after")
    def _measures_what_is_drawn(self) -> Self:
        for key in ("peers", "seed_counts"):
            for name in getattr(self, key):
                if name not in self.datasets:
                    allowed = join(self.datasets)
                    raise InputError(
                        f"{key} must be of datasets ({allowed}), however: {show(name)}"
                    )
        return self

    @model_validator(mode="after")
    def _shows_a_trained_seed(self) -> Self:
        seed = self.explain.seed
        for dataset in self.datasets:
            seeds = self.of(dataset).train.seeds
            if seed != "auto" and seed not in seeds:
                where = self.where(dataset, "train.seeds")
                raise InputError(
                    f"explain.seed must be auto or one of {where} ({join(seeds)}), however: {seed}"
                )
        return self


def load(path: str | os.PathLike[str]) -> Params:
    """The validated parameters of a YAML file.

    A key that the file leaves out has its default; a section that it leaves out is an error,
    since the pipeline tracks whole sections.

    Raises:
        OSError: the file cannot be read.
        ValueError: the first problem, in one line that names key, requirement and value.
    """
    data = parse(path)
    try:
        params = Params.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{path}: {_first_problem(error, Params)}") from None
    for section in Params.model_fields:
        if section not in data:
            raise InputError(f"{path}: must have the section {section}, however: it is missing")
    for dataset in params.datasets:
        override = params.overrides.get(dataset, Override())
        for name in Override.model_fields:
            # DVC tracks each of them, also where it is empty.
            if name not in override.model_fields_set:
                key = f"overrides.{dataset}.{name}"
                raise InputError(f"{path}: must have {key} ({{}} for none), however: it is missing")
    return params
