"""Customers without an order: who they are, from all sources that know of somebody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.lifecycle.words import PROSPECT

WITH_LINES = "transactions"
# Of these sources a run sees the last months only: whom they made known stays known.
REMEMBERED = ("events", "messages")
_SEEN = {
    "last_activity_date": "date", "engagement_tier": "string", "is_corrected": "boolean", "last_known_date": "date",
}  # fmt: skip


def prospects_of(
    known: Mapping[str, DataFrame], buyers: DataFrame, remembered: DataFrame | None, as_of: date
) -> DataFrame:
    """Customers whom some source knows, and who have no order.

    Args:
        known: by source, customer_id, and last_activity_date, engagement_tier or is_corrected where it tells of them;
            with lines, of those without a purchase.
        buyers: customer_id of all who purchased.
        remembered: rows of table `prospects` of the run before, of whom a source of REMEMBERED told.
        as_of: last day that counts.

    Returns:
        customer_id, lifecycle_stage, known_from, last_activity_date, engagement_tier, is_corrected, last_known_date.
    """
    today = F.lit(as_of)
    sides = [_side(frame.withColumn("last_known_date", today), F.array(F.lit(name))) for name, frame in known.items()]
    if remembered is not None:
        kept = F.filter("known_from", lambda name: name.isin(*REMEMBERED))
        sides.append(_side(remembered.drop("engagement_tier"), kept))
    every = sides[0]
    for side in sides[1:]:
        every = every.unionByName(side)
    sources = sorted({*known, *REMEMBERED})
    found = every.groupBy("customer_id").agg(
        F.array_compact(F.array(*(_told_by(name) for name in sources))).alias("known_from"),
        F.max("last_activity_date").alias("last_activity_date"),
        F.max("engagement_tier").alias("engagement_tier"),
        F.max("is_corrected").alias("is_corrected"),
        F.max("last_known_date").alias("last_known_date"),
    )
    # Lines tell of those who purchased as well: whom nothing else tells of is in no need of a look at all customers.
    alone = (
        found if set(known) == {WITH_LINES} and remembered is None else found.join(buyers, "customer_id", "left_anti")
    )
    return alone.withColumn("lifecycle_stage", F.lit(PROSPECT))


def with_moves(
    prospects: DataFrame, before: DataFrame | None, stages: DataFrame | None, *, definition_changed: bool, few: bool
) -> DataFrame:
    """Prospects with their stage in the previous run, and why it is another one now.

    Args:
        prospects: of `prospects_of`.
        before: customer_id of the previous run's prospects; None without a run that told stages.
        stages: customer_id and lifecycle_stage of the previous run's customers.
        definition_changed: whether stages mean something else than in the previous run.
        few: whether prospects are so few that they can be sent to where the customers are.
    """
    if before is None or stages is None:
        none = F.lit(None).cast("string")
        return prospects.withColumns({"previous_lifecycle_stage": none, "lifecycle_cause": none})
    marked = before.select("customer_id", F.lit(PROSPECT).alias("was_prospect"))
    bought = stages.select("customer_id", F.col("lifecycle_stage").alias("was_stage"))
    if few:
        bought = bought.join(F.broadcast(prospects.select("customer_id")), "customer_id", "left_semi")
    joined = prospects.join(marked, "customer_id", "left").join(bought, "customer_id", "left")
    previous = F.coalesce("was_stage", "was_prospect")
    # A purchase is none any more: it was returned, or lines of the past are others by now, or gone. Of a customer whose
    # lines are there a correction has to be known.
    has_lines = F.array_contains("known_from", F.lit(WITH_LINES))
    is_returned = has_lines & ~F.coalesce("is_corrected", F.lit(False))
    returned = F.lit("definition") if definition_changed else F.when(is_returned, "behaviour").otherwise("correction")
    cause = F.when(previous.isNull(), "entered").when(F.col("was_stage").isNotNull(), returned)
    return joined.withColumns({"previous_lifecycle_stage": previous, "lifecycle_cause": cause}).drop(
        "was_prospect", "was_stage"
    )


def _side(frame: DataFrame, known_from: Column) -> DataFrame:
    there: Sequence[str] = frame.columns
    seen = {name: F.col(name) if name in there else F.lit(None).cast(kind) for name, kind in _SEEN.items()}
    return frame.select("customer_id", known_from.alias("known_from"), *(c.alias(name) for name, c in seen.items()))


def _told_by(name: str) -> Column:
    return F.when(F.max(F.array_contains("known_from", F.lit(name))), F.lit(name))
