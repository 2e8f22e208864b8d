"""How long a customer has been in their segment, and the segment that flapping control shows."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

SPELL_COLUMNS = ("segment", "confirmed_segment", "segment_runs", "segment_before")


def with_spells(now: DataFrame, before: DataFrame | None, confirm_runs: int) -> DataFrame:
    """Add segment_runs, segment_before and confirmed_segment.

    Cuts a few days apart send customers back and forth from one day to the next. `confirmed_segment` follows when a
    segment was found `confirm_runs` runs in a row; a customer's first one is confirmed at once.

    Args:
        now: with customer_id and segment.
        before: customer_id and `SPELL_COLUMNS` of the previous run; None where there is none, or where rules or
            scoring differ, so that its segments mean something else.
        confirm_runs: runs in a row that a segment has to hold.

    Returns:
        The frame with segment_runs INT, segment_before STRING and confirmed_segment STRING.
    """
    if before is None:
        return now.withColumns(
            {
                "segment_runs": F.lit(1),
                "segment_before": F.lit(None).cast("string"),
                "confirmed_segment": F.col("segment"),
            }
        )
    earlier = before.select("customer_id", *(F.col(name).alias(f"_{name}") for name in SPELL_COLUMNS))
    held = F.col("_segment") == F.col("segment")
    runs = F.when(held, F.coalesce("_segment_runs", F.lit(1)) + 1).otherwise(1)
    confirmed = F.when(F.col("segment_runs") >= confirm_runs, F.col("segment"))
    return (
        now.join(earlier, "customer_id", "left")
        .withColumns(
            {
                "segment_runs": runs.cast("int"),
                "segment_before": F.when(held, F.col("_segment_before")).otherwise(F.col("_segment")),
            }
        )
        .withColumn("confirmed_segment", F.coalesce(confirmed, "_confirmed_segment", "_segment", "segment"))
        .drop(*(f"_{name}" for name in SPELL_COLUMNS))
    )
