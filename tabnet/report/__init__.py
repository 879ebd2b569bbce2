"""Offline HTML reports: where a model looked, and whether that can be trusted."""
