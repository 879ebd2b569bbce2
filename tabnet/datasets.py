"""Synthetic data whose truly relevant features are known, after the TabNet paper's section 5.1.

NOTE[DIFF] As in the R package's vignette, and unlike the paper: 10 features, a linear logit, and a
label without noise, `yes` where the logit is above 0.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")


class Sample(NamedTuple):
    """B rows of a data set."""

    x: NDArray[np.float32]  # B x D
    y: NDArray[np.bool_]  # B, true for `yes`
    relevance: NDArray[np.bool_]  # B x D, true where a change of the feature can change the logit


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A rule that labels independent standard normal features."""

    name: str
    features: tuple[str, ...]
    logit: Callable[[NDArray[np.float64]], NDArray[np.float64]]  # B x D -> B
    relevance: Callable[[NDArray[np.float64]], NDArray[np.bool_]]  # B x D -> B x D

    def label(self, x: NDArray[np.float32]) -> Sample:
        """The rule applied to features x (B x D), in float64 and thus true of the stored values."""
        exact = x.astype(np.float64)
        return Sample(x=x, y=self.logit(exact) > 0, relevance=self.relevance(exact))

    def samples(
        self, rows: int, *, seed: int, split: Split, chunk_rows: int = 2**16
    ) -> Iterator[Sample]:
        """Draws `rows` rows, in chunks that bound the memory and change no value.

        The rows depend on the data set, the seed and the split alone: a larger `rows` appends.
        Streams of different seeds and splits are independent.
        """
        # The key separates the streams, a sum or a product with the seed would let them meet.
        key = (*self.name.encode(), SPLITS.index(split))
        generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
        for start in range(0, rows, chunk_rows):
            shape = (min(chunk_rows, rows - start), len(self.features))
            yield self.label(generator.standard_normal(shape).astype(np.float32))

    def sample(self, rows: int, *, seed: int, split: Split = "train") -> Sample:
        """The rows of `samples` in one piece.

        >>> DATASETS["syn2"].sample(5, seed=1).x.shape
        (5, 10)
        """
        parts = self.samples(rows, seed=seed, split=split, chunk_rows=max(rows, 1))
        return next(parts, self.label(np.empty((0, len(self.features)), np.float32)))


def _columns(*names: str) -> list[int]:
    return [VIGNETTE.index(name) for name in names]


VIGNETTE = tuple(f"V{number:02d}" for number in range(1, 11))
SUM = _columns("V03", "V04", "V05", "V06")
SWITCH = _columns("V10")
ABOVE, BELOW = _columns("V01", "V02"), _columns("V05", "V06")


def _syn2_logit(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """V03 + V04 + V05 + V06."""
    return np.asarray(x[:, SUM].sum(axis=1))


def _syn2_relevance(x: NDArray[np.float64]) -> NDArray[np.bool_]:
    relevance = np.zeros(x.shape, np.bool_)
    relevance[:, SUM] = True
    return relevance


def _syn4_logit(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """V01 + V02 where V10 > 0, else V05 + V06."""
    above = x[:, SWITCH[0]] > 0
    return np.asarray(np.where(above, x[:, ABOVE].sum(axis=1), x[:, BELOW].sum(axis=1)))


def _syn4_relevance(x: NDArray[np.float64]) -> NDArray[np.bool_]:
    above = x[:, SWITCH] > 0  # B x 1
    relevance = np.zeros(x.shape, np.bool_)
    relevance[:, SWITCH] = True  # a change of V10 can change the branch, on either side
    relevance[:, ABOVE] = above
    relevance[:, BELOW] = ~above
    return relevance


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(name="syn2", features=VIGNETTE, logit=_syn2_logit, relevance=_syn2_relevance),
        Dataset(name="syn4", features=VIGNETTE, logit=_syn4_logit, relevance=_syn4_relevance),
    )
}
