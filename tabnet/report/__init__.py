"""Offline HTML reports: where a model looked, and whether that can be trusted."""

from tabnet.rendering import rendering

rendering()  # starts while the modules that describe charts are imported
