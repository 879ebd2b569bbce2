"""How the files of an explanation are called, and the columns of its predictions.

`explanation/` has `consensus`, `aggregate` (the shown seed's), `step_1` ... and each seed's own
aggregate masks, and `predictions` with each seed's probability and total.
"""

PREDICTIONS = "predictions.parquet"
AGGREGATE_OF_SEED = "aggregate_seed_"
PROBABILITY_OF_SEED = "probability_seed_"
TOTAL_OF_SEED = "total_seed_"
