"""Gradient-boosted trees (LightGBM), explained by TreeSHAP."""

import lightgbm
import numpy as np

from tabnet.labelled import Rows
from tabnet.peers.measured import Measured, as_mask, held_out, timed

ROUNDS, PATIENCE = 2000, 50
LEARNING_RATE = 0.05
SETTINGS = (
    f"LightGBM, up to {ROUNDS} trees at learning rate {LEARNING_RATE}, as many as the log loss on a"
    f" fifth of the training rows asks for (patience {PATIENCE}); other settings its defaults."
    " |SHAP value| of the log-odds (TreeSHAP, Lundberg et al. 2020), rows divided by their sums"
)


def measure(train: Rows, test: Rows, *, seed: int, threads: int = 1) -> Measured:
    """Train one ensemble on `train`, and explain `test` by its SHAP values."""
    model, train_seconds = timed(lambda: _fit(train, seed=seed, threads=threads))
    values, explain_seconds = timed(
        lambda: np.asarray(model.predict(test.x, pred_contrib=True, num_threads=threads))
    )
    return Measured(
        name="boosted_trees",
        mask=as_mask(values[:, :-1]),  # the last column is the mean prediction
        probability=np.asarray(model.predict(test.x, num_threads=threads)),
        train_seconds=train_seconds,
        explain_seconds=explain_seconds,
        settings=SETTINGS,
    )


def _fit(rows: Rows, *, seed: int, threads: int) -> lightgbm.Booster:
    fit, stop = held_out(rows)
    data = lightgbm.Dataset(fit.x, fit.y.astype(np.float32), params={"verbosity": -1})
    return lightgbm.train(
        {
            "objective": "binary",
            "learning_rate": LEARNING_RATE,
            "seed": seed,
            "num_threads": threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        },
        data,
        num_boost_round=ROUNDS,
        valid_sets=[data.create_valid(stop.x, stop.y.astype(np.float32))],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
