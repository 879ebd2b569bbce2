"""TabNet compiled for the CPU: one ghost batch at a time, from input to gradient, in its cache.

The mathematics is that of `tabnet.layers` and `tabnet.model`, with gradients written out, and the
parameters are the same; nothing that those cover is left out. To be read beside them, in the order
`layers`, `masks`, `attention`, `network` (on `plan` and `tape`, what they are given, and on
`parameters`, `products`, `support`, `functions`, `bits`, `memory`, `vectors`, `compiled`); then
`iteration`, `validation`, `explanation` and `medians`, in which Python enters.

Python's side imports none of these: `engine` trains, `explainer` and `consensus` explain, by
`entry_points`, on the memory that `batches`, `plan` and `tape` lay out. `python -m tabnet.kernel`
compiles ahead of time; after that, no process needs Numba.
"""
