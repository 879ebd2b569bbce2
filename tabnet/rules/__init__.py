"""The rules of the synthetic data sets, each source of rules in a module of its own."""
