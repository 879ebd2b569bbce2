"""JSON for people and for `dvc metrics`: sorted keys, six digits, null for what is not defined."""

import json
import math
from collections.abc import Mapping


def text(value: Mapping[str, object]) -> str:
    """Nested mappings of numbers and texts as JSON, the same text each time, a newline at its end.

    >>> print(text({"b": 1 / 3, "a": {"n": 2, "nothing": float("nan")}}), end="")
    {
      "a": {
        "n": 2,
        "nothing": null
      },
      "b": 0.333333
    }
    """
    return json.dumps(_readable(value), indent=2, sort_keys=True, allow_nan=False) + "\n"


def _readable(value: object) -> object:
    """Six significant digits; null where a score is not defined, since JSON has no NaN."""
    if isinstance(value, Mapping):
        return {key: _readable(inner) for key, inner in value.items()}
    if value is None or isinstance(value, int | str):
        return value
    assert isinstance(value, float)
    return float(f"{value:.6g}") if math.isfinite(value) else None
