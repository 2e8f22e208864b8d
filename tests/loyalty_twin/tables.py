"""A table that another declares."""

from __future__ import annotations

from rfm_spark.core.table import run_table

TABLES = (run_table("loyalty_points", "One row per customer with points", ("customer_id", "STRING", "Customer")),)
