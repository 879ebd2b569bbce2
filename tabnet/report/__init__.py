"""Offline HTML reports: where a model looked, and whether that can be trusted."""

from contextlib import suppress

from tabnet.rendering import rendering

# Starts while the modules that describe charts are imported; if it cannot, the first call says so.
with suppress(OSError):
    rendering()
