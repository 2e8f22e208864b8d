"""What a rejected row is known by, from run to run."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.intake.counts import ANONYMOUS
from rfm_spark.intake.mapping import FILTERED


def interaction_rejects(rows: DataFrame, source: str) -> DataFrame:
    """Rejected rows of events or messages; those without a customer are counted, not kept.

    Args:
        rows: of `events.judged_events` or `messages.judged_messages`.
        source: which of them.

    Returns:
        source, reason, detail (the customer and the time, as far as they were read), record (JSON).
    """
    kept = rows.where(~F.col("reason").isin(ANONYMOUS, FILTERED))
    parts = (F.coalesce(F.col(name).cast("string"), F.lit("null")) for name in ("customer_id", "event_ts"))
    customer, moment = parts
    return kept.select(
        F.lit(source).alias("source"),
        "reason",
        F.concat(F.lit("customer_id = "), customer, F.lit(", event_ts = "), moment).alias("detail"),
        F.to_json("record", {"ignoreNullFields": "false"}).alias("record"),
    )


def with_first_seen(found: DataFrame, known: DataFrame | None, run_id: str, known_run_id: str | None) -> DataFrame:
    """Rejects with the run that rejected the same row for the same reason first.

    Args:
        found: source, reason, detail, record.
        known: rejects of the run before, with first_seen_run; None without one.
        run_id: of this run.
        known_run_id: of the run before, for rows it kept without saying when they were first seen.

    Returns:
        `found` with first_seen_run.
    """
    if known is None:
        return found.withColumn("first_seen_run", F.lit(run_id))
    # Once each: a row delivered three times is three rejects now and was three before.
    earlier = known.groupBy("source", "reason", "record").agg(
        F.min(F.coalesce("first_seen_run", F.lit(known_run_id))).alias("first_seen_run")
    )
    return found.join(earlier, ["source", "reason", "record"], "left").withColumn(
        "first_seen_run", F.coalesce("first_seen_run", F.lit(run_id))
    )
