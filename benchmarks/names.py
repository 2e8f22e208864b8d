"""Names of what is measured: the first column of the tables."""

from __future__ import annotations

SCAN, GROUPBY, ORDERS, TUTORIAL, TUTORIAL_KMEANS = "scan", "groupby", "orders", "tutorial", "tutorial + KMeans"
DUCKDB, DUCKDB_SKLEARN = "duckdb", "duckdb + scikit-learn"
POLARS_SKLEARN, PANDAS_SKLEARN = "polars + scikit-learn", "pandas + scikit-learn"
FIRST, THE_NIGHT, NEXT, FULL, CORRECTION, COMPARE = (
    f"rfm-spark: {what}"
    for what in ("first run", "a night", "next date", "next date, full measures", "corrected prices", "compare runs")
)
CLUSTERED_FIRST, CLUSTERED_NIGHT, CLUSTERED_NEXT = (
    f"rfm-spark + clusters: {what}" for what in ("first run", "a night", "next date")
)
MONTH_ONE, MONTH = "rfm-spark: first month of a backfill", "rfm-spark: each further month"
SMALL_DRIVER_FIRST, SMALL_DRIVER_NIGHT = "rfm-spark, driver of 2 GiB: first run", "rfm-spark, driver of 2 GiB: a night"
SKEWED_FIRST, SKEWED_NIGHT = "rfm-spark, one customer a tenth: first run", "rfm-spark, one customer a tenth: a night"
BASKETS_FIRST, BASKETS_NIGHT = "rfm-spark, baskets of ten: first run", "rfm-spark, baskets of ten: a night"
HISTORY_FIRST, HISTORY_NIGHT = "rfm-spark, history: first run", "rfm-spark, history: a night"
STAGES_FIRST, STAGES_NIGHT = "rfm-spark + stages, cohorts: first run", "rfm-spark + stages, cohorts: a night"
SCOPES_FIRST, SCOPES_NIGHT = "rfm-spark, five scopes: first run", "rfm-spark, five scopes: a night"

SCOPES = (SCOPES_FIRST, SCOPES_NIGHT)
STAGES = (STAGES_FIRST, STAGES_NIGHT)
SMALL_DRIVER = (SMALL_DRIVER_FIRST, SMALL_DRIVER_NIGHT)
SKEWED = (SKEWED_FIRST, SKEWED_NIGHT)
BASKETS = (BASKETS_FIRST, BASKETS_NIGHT)
HISTORY = (HISTORY_FIRST, HISTORY_NIGHT)

YARDSTICKS = {
    "scan": (SCAN,),
    "groupby": (GROUPBY,),
    "tutorial": (TUTORIAL,),
    "first run": (FIRST, HISTORY_FIRST, SKEWED_FIRST, BASKETS_FIRST),
}
"""What seconds are set against: heading to names, of which a table has one at most."""
