"""Which features truly matter to each row, read from `relevance.parquet`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabnet import tables


def relevance(path: Path, features: Sequence[str], *, split: str) -> NDArray[np.bool_]:
    """The truth of a split's rows, B x D.

    Raises OSError or ValueError, as `tables.read` does.
    """
    schema = pa.schema([("split", pa.string()), *((name, pa.bool_()) for name in features)])
    table = tables.read(path, columns=schema)
    table = table.filter(pc.equal(table["split"], split))
    return np.stack([table[name].to_numpy() for name in features], axis=1)
