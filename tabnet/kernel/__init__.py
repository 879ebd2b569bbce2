"""TabNet compiled for the CPU: one ghost batch at a time, from input to gradient, in its cache.

The mathematics is that of `tabnet.layers` and `tabnet.model`, with gradients written out, and the
parameters are the same; nothing that those cover is left out. To be read beside them, in the order
`layers`, `masks`, `network` (on `tape`, `products`, `functions` and `vectors`); then `iteration`
with `engine`, which train, `explanation` with `explainer`, and `consensus`. `python -m
tabnet.kernel` compiles it ahead of time.
"""
