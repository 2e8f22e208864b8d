"""What `explain` says of the segments a customer went through."""

from __future__ import annotations

from pyspark.sql import functions as F

from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.explaining import PublishedCustomer


def history_lines(customer: PublishedCustomer) -> list[str]:
    """Their segment and code at every as-of date whose current run has its rows."""
    there = [run.run_id for run in customer.current if run.has_rows]
    rows = customer.tables.of_runs(SEGMENTS.name, there)
    mine = rows.where(F.col("customer_id") == F.lit(customer.row["customer_id"]))
    stays = mine.select("as_of_date", "segment", "rfm_code").orderBy("as_of_date").collect()
    path = ", then ".join(f"{stay['segment']} ({stay['rfm_code']}) on {stay['as_of_date']}" for stay in stays)
    gone = len(customer.current) - len(there)
    left_out = (
        f"; rows of {gone} other as-of date{'' if gone == 1 else 's'} were dropped, as `retention` says" if gone else ""
    )
    return [f"  history    {path}{left_out}"]


EXPLAIN = (history_lines,)
