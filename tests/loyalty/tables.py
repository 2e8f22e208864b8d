"""The table of points."""

from __future__ import annotations

from rfm_spark.core.table import run_table

POINTS = run_table(
    "loyalty_points", "One row per customer with points",
    ("customer_id", "STRING", "Customer"),
    ("points", "BIGINT", "Points booked"),
)  # fmt: skip

TABLES = (POINTS,)
