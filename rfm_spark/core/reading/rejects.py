"""What a rejected row is known by, from run to run."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.reading.checks import ANONYMOUS
from rfm_spark.core.reading.mapping import FILTERED
from rfm_spark.core.reading.unknown_words import UNKNOWN_TYPE, WORD_OF


def interaction_rejects(rows: DataFrame, source: str) -> DataFrame:
    """Rejected rows of events or messages; those without a customer are counted, not kept.

    Args:
        rows: of `events.validated_events` or `messages.validated_messages`.
        source: which of them.

    Returns:
        source, reason, detail (the word that nobody knows, where that is the reason; the customer and the time, as far
        as they were read), record (JSON).
    """
    kept = rows.where(~F.col("reason").isin(ANONYMOUS, FILTERED))
    known = F.concat(_field("customer_id", "customer_id"), F.lit(", "), _field("event_ts", "event_ts"))
    with_word = F.concat(_field(WORD_OF[source], "word"), F.lit(", "), known)
    return kept.select(
        F.lit(source).alias("source"),
        "reason",
        F.when(F.col("reason") == UNKNOWN_TYPE, with_word).otherwise(known).alias("detail"),
        F.to_json("record", {"ignoreNullFields": "false"}).alias("record"),
    )


def _field(name: str, column: str) -> Column:
    return F.concat(F.lit(f"{name} = "), F.coalesce(F.col(column).cast("string"), F.lit("null")))


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
