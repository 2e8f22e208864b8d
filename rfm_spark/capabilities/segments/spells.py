"""How long a customer has been in their segment, and the segment that flapping control shows."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

SPELL_COLUMNS = ("segment", "confirmed_segment", "segment_runs", "segment_before")


def with_spells(customers: DataFrame, confirm_runs: int, *, goes_on: bool) -> DataFrame:
    """Add segment_runs, segment_before and confirmed_segment.

    Cuts a few days apart send customers back and forth from one day to the next. `confirmed_segment` follows when a
    segment was found `confirm_runs` runs in a row; a customer's first one is confirmed at once.

    Args:
        customers: with segment, and where spells go on `SPELL_COLUMNS` of the previous run, under names that begin
            with `was_`.
        confirm_runs: runs in a row that a segment has to hold.
        goes_on: False without a previous run, and where rules or scoring differ, so that its segments mean something
            else.

    Returns:
        The frame with segment_runs INT, segment_before STRING and confirmed_segment STRING.
    """
    segment = F.col("segment")
    if not goes_on:
        blank = F.lit(None).cast("string")
        return customers.withColumns({"segment_runs": F.lit(1), "segment_before": blank, "confirmed_segment": segment})
    held = F.col("was_segment") == segment
    runs = F.when(held, F.coalesce("was_segment_runs", F.lit(1)) + 1).otherwise(1).cast("int")
    return customers.withColumns(
        {
            "segment_runs": runs,
            "segment_before": F.when(held, F.col("was_segment_before")).otherwise(F.col("was_segment")),
            "confirmed_segment": F.coalesce(
                F.when(runs >= confirm_runs, segment), "was_confirmed_segment", "was_segment", "segment"
            ),
        }
    )
