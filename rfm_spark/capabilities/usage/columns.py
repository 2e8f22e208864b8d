"""What a customer's row says of measures that are none of purchases."""

from __future__ import annotations

from rfm_spark.core.columns import CustomerColumn

COLUMNS = (
    CustomerColumn("recency_date", "DATE", "Day that recency_days counts from, where rfm.measures is not of purchases"),
)
