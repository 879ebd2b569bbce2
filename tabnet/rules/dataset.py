"""A synthetic data set: features, the probability of its labels, and which features matter."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_LABELS = 1  # ends the key of the stream that the labels are drawn from


class Sample(NamedTuple):
    """B rows of a data set."""

    x: NDArray[np.float32]  # B x D
    y: Bools  # B, true for `yes`
    relevance: Bools  # B x D, true where a change of the feature can change the probability
    probability: Floats  # B, of `yes` given x: no model of x can do better than to state it


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A rule that labels independent standard normal features.

    Where `probability` is 0 or 1 throughout, the labels have no noise.
    """

    name: str
    features: tuple[str, ...]
    probability: Callable[[Floats], Floats]  # B x D -> B, P(yes | x)
    relevance: Callable[[Floats], Bools]  # B x D -> B x D

    def label(self, x: NDArray[np.float32], uniform: Floats) -> Sample:
        """The rule applied to features x (B x D), in float64 and thus true of the stored values.

        Args:
            uniform: B draws from [0, 1), independent of x: `yes` where one is below P(yes | x).
        """
        exact = x.astype(np.float64)
        probability = self.probability(exact)
        return Sample(
            x=x,
            y=uniform < probability,
            relevance=self.relevance(exact),
            probability=probability,
        )

    def samples(
        self, rows: int, *, seed: int, split: Split, chunk_rows: int = 2**16
    ) -> Iterator[Sample]:
        """Draws `rows` rows, in chunks that bound the memory and change no value.

        The rows depend on the data set, the seed and the split alone: a larger `rows` appends.
        Streams of different seeds and splits are independent, and so are features and label noise.
        """
        # The key separates the streams, a sum or a product with the seed would let them meet.
        key = (*self.name.encode(), SPLITS.index(split))
        features, labels = _stream(seed, key), _stream(seed, (*key, _LABELS))
        for start in range(0, rows, chunk_rows):
            count = min(chunk_rows, rows - start)
            # Drawn row by row, so that rows append; kept column by column, as all read them.
            x = features.standard_normal((count, len(self.features))).astype(np.float32, order="F")
            yield self.label(x, labels.random(count))

    def sample(self, rows: int, *, seed: int, split: Split = "train") -> Sample:
        """The rows of `samples` in one piece.

        >>> from tabnet.datasets import DATASETS
        >>> DATASETS["syn2"].sample(5, seed=1).x.shape
        (5, 10)
        """
        parts = self.samples(rows, seed=seed, split=split, chunk_rows=max(rows, 1))
        none = np.empty((0, len(self.features)), np.float32)
        return next(parts, self.label(none, np.empty(0)))


def _stream(seed: int, key: tuple[int, ...]) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def relevant(x: Floats, columns: dict[int, Bools | bool]) -> Bools:
    """Relevance (B x D) of which each named column holds everywhere, or where its mask (B) does."""
    relevance = np.zeros(x.shape, np.bool_, order="F")
    for column, where in columns.items():
        relevance[:, column] = where
    return relevance
