"""How the files of an explanation are called, and the columns of its predictions.

`explanation/` has `consensus`, `aggregate` (the shown seed's), `step_1` ... and each seed's own
aggregate masks, and `predictions` with each seed's probability and total.
"""

from pathlib import Path

from tabnet.errors import InputError
from tabnet.params import MAX_SEED
from tabnet.plain_yaml import show

PREDICTIONS = "predictions.parquet"
AGGREGATE_OF_SEED = "aggregate_seed_"
PROBABILITY_OF_SEED = "probability_seed_"
TOTAL_OF_SEED = "total_seed_"


def seed_number(source: Path, text: str) -> int:
    """The seed that a file's name, a column's or metadata say; ValueError if it is no number.

    >>> seed_number(Path("predictions.parquet"), "12")
    12
    """
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_SEED))):
        raise InputError(f"{source}: its seed must be a whole number, however: {show(text)}")
    return int(text)
