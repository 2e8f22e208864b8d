"""What a customer's row says of their rule segment, and for how long they have been in it."""

from __future__ import annotations

from rfm_spark.core.columns import CustomerColumn

COLUMNS = (
    CustomerColumn("segment", "STRING", "Rule segment", interval="segment"),
    CustomerColumn(
        "confirmed_segment", "STRING", "Segment after flapping control; equal to segment without it",
        interval="confirmed_segment",
    ),
    CustomerColumn("segment_runs", "INT", "Runs in a row, this one included, that found the customer in this segment"),
    CustomerColumn("segment_before", "STRING", "Segment they came from, before these; null since their first run"),
)  # fmt: skip
