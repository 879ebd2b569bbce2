"""TabNet here: its own masks, by consensus and by one seed, and the same models from outside."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pandas as pd

from tabnet import labelled
from tabnet.explain import consensus, explain
from tabnet.labelled import Rows
from tabnet.params import Model, Train
from tabnet.peers import post_hoc
from tabnet.peers.measured import Floats, Measured, timed
from tabnet.train import fit
from tabnet.weights import Fitted

ONE = "the representative seed, whose masks are nearest to the consensus"


def measure(
    fitted: Fitted, train: Rows, test: Rows, *, model: Model, settings: Train
) -> Iterator[Measured]:
    """The consensus and the representative seed of `fitted`: by masks, and from outside.

    Training is timed by doing it again with the same `settings`: what the pipeline stores carries
    no times, so that it is the same at each run.
    """
    shown = explain(fitted, test.x).shown  # which also loads the compiled code
    one = fitted.only(shown)
    all_seconds = _train_seconds(fitted, train, fitted.seeds, model=model, settings=settings)
    one_seconds = _train_seconds(fitted, train, (shown,), model=model, settings=settings)

    def by(name: str, member: Fitted, mask: Callable[[], Floats], settings: str) -> Measured:
        found, seconds = timed(mask)
        return Measured(
            name=name,
            mask=found,
            probability=_probability(member, test.x),
            train_seconds=one_seconds if member is one else all_seconds,
            explain_seconds=seconds,
            settings=settings,
        )

    gradients = partial(post_hoc.integrated_gradients, x=test.x, baseline=train.x.mean(axis=0))
    yield by(
        "consensus",
        fitted,
        lambda: explain(fitted, test.x).consensus,
        f"{len(fitted.seeds)} seeds; the median of their aggregate masks, their mean probability",
    )
    yield by(
        "single_seed", one, lambda: explain(one, test.x).consensus, f"{ONE}; its aggregate mask"
    )
    yield by(
        "integrated_gradients_seeds",
        fitted,
        lambda: consensus(gradients(fitted)),
        f"the same {len(fitted.seeds)} seeds; the median of each one's {post_hoc.GRADIENTS}",
    )
    yield by("integrated_gradients", one, lambda: gradients(one)[0], f"{ONE}; {post_hoc.GRADIENTS}")
    yield by(
        "permutation",
        one,
        lambda: post_hoc.permutation_mask(one, train, size=len(test.x), seed=shown),
        f"{ONE}; {post_hoc.PERMUTATIONS}",
    )


def _probability(fitted: Fitted, x: Floats) -> Floats:
    return explain(fitted, x).probability[:, fitted.classes.index(labelled.POSITIVE)]


def _train_seconds(
    fitted: Fitted, rows: Rows, seeds: Sequence[int], *, model: Model, settings: Train
) -> float:
    table = pd.DataFrame(rows.x, columns=list(fitted.features))
    labels = labelled.words(rows.y)
    chosen = settings.afresh(seeds)
    return timed(lambda: fit(table, labels, model=model, train=chosen))[1]
