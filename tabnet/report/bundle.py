"""The script that draws the pages' charts: Vega, bundled once a machine and kept between processes.

It is in the user's cache folder (~/.cache/tabnet on Linux), named after the versions that made it,
with a digest, so that a damaged one is made anew; where that cannot be written, nothing is kept.
"""

import functools
import hashlib
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import platformdirs
import vl_convert

from tabnet import files
from tabnet.report import payload


@functools.cache
def vega() -> str:
    """Vega alone, compressed: the page's charts are compiled before they get there."""
    kept = _path()
    with suppress(OSError, ValueError):
        digest, text = files.read_bytes(kept).decode("ascii").split("\n")
        if digest == _digest(text):
            return text
    text = _bundled()
    with suppress(OSError):
        files.write_text(kept, f"{_digest(text)}\n{text}")
    return text


def _path() -> Path:
    versions = f"{vl_convert.get_vega_version()}-{version('vl-convert-python')}"
    return platformdirs.user_cache_path("tabnet") / f"vega-{versions}.gzip.base64"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _bundled() -> str:
    # vl-convert ships Vega under this address, and bundles it without a request.
    address = f"https://cdn.jsdelivr.net/npm/vega@{vl_convert.get_vega_version()}/+esm"
    script = vl_convert.javascript_bundle(f"import * as all from '{address}'; window.vega = all;")
    # The bundle declares some two thousand names, none of which the page needs.
    return payload.compress(f"(function(){{{script}}})()".encode(), level=9)
