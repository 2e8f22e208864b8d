"""What subscriptions bring a month, as of a date, and how that moved."""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from rfm_spark.core.money import money

_VERSION = ("customer_id", "subscription_id", "start_date", "end_date", "plan", "cents")


def versions(accepted: DataFrame) -> DataFrame:
    """Versions of subscriptions, once each, with the day on which each gives way to the next.

    Args:
        accepted: rows of `rows.validated_subscriptions` without a reason.

    Returns:
        _VERSION, copies BIGINT (equal rows), until DATE (the earlier of its end and the next version's start; null
        while it goes on), same_day, overlaps BOOLEAN (flags of the catalogue).
    """
    once = accepted.groupBy(*_VERSION).agg(F.count(F.lit(1)).alias("copies"))
    start, end = F.col("start_date"), F.col("end_date")
    # One that never runs, such as a change that was taken back on its day, ends no other.
    known = once.withColumn("runs", end.isNull() | (end > start))
    # Of versions that start on one day the one that ends last counts, of these the dearest: the order is total.
    order = (start, end.asc_nulls_last(), F.col("cents"), F.col("plan"))
    mine = Window.partitionBy("customer_id", "subscription_id").orderBy(*order)
    among_running = Window.partitionBy("customer_id", "subscription_id", "runs").orderBy(*order)
    following = F.col("following")
    return known.withColumns(
        {"next_start": F.lead(start).over(mine), "following": F.lead(start).over(among_running)}
    ).select(
        *_VERSION,
        "copies",
        F.when(F.col("runs"), F.least(end, following)).otherwise(start).alias("until"),
        F.coalesce(start == F.col("next_start"), F.lit(False)).alias("same_day"),
        F.coalesce(F.col("runs") & (following > start) & (end.isNull() | (end > following)), F.lit(False)).alias(
            "overlaps"
        ),
    )


def runs_on(day: date) -> Column:
    """Whether a version of `versions` runs on a day."""
    today = F.lit(day)
    return (F.col("start_date") <= today) & (F.col("until").isNull() | (F.col("until") > today))


def mrr_of(known: DataFrame, as_of: date) -> DataFrame:
    """Rows of table `mrr`: customers who had a subscription up to a date.

    Args:
        known: of `versions`.
        as_of: last day that counts.
    """
    running, zero = runs_on(as_of), F.lit(0).cast("bigint")
    dearest = F.max(F.when(running, F.struct("cents", "plan"))).getField("plan")
    return (
        known.where(F.col("start_date") <= F.lit(as_of))
        .groupBy("customer_id")
        .agg(
            F.sum(F.when(running, F.col("cents")).otherwise(zero)).alias("all_cents"),
            dearest.alias("plan"),
            F.count_if(running).alias("subscriptions"),
            F.min("start_date").alias("subscribed_since"),
            F.max("until").alias("last_until"),
            F.max((F.col("cents") > 0) & (F.col("until").isNull() | (F.col("until") > F.col("start_date")))).alias(
                "has_paid"
            ),
            F.max(running).alias("is_running"),
        )
        .select(
            "customer_id",
            money(F.col("all_cents")).alias("mrr"),
            "plan",
            "subscriptions",
            "subscribed_since",
            F.when(~F.col("is_running"), F.col("last_until")).alias("subscribed_until"),
            "has_paid",
        )
    )


def movements(now: DataFrame, before: DataFrame | None) -> DataFrame:
    """How the monthly revenue of customers differs from the run before, added up by the way it went.

    Args:
        now: rows of `mrr`.
        before: those of the run before; None without one, so that all is new.

    Returns:
        movement, customers, mrr_before, mrr_now, change: rows of table `mrr_movement`.
    """
    nothing = F.lit(0).cast("decimal(18,2)")
    today = now.select("customer_id", F.col("mrr").alias("mrr_now"))
    if before is None:
        joined = today.withColumns({"mrr_before": nothing, "had_paid": F.lit(False)})
    else:
        then = before.select("customer_id", F.col("mrr").alias("mrr_before"), F.col("has_paid").alias("had_paid"))
        joined = today.join(then, "customer_id", "full_outer")
    was, is_now = F.coalesce("mrr_before", nothing), F.coalesce("mrr_now", nothing)
    movement = (
        F.when(was == is_now, "unchanged")
        .when((was == 0) & F.coalesce("had_paid", F.lit(False)), "reactivation")
        .when(was == 0, "new")
        .when(is_now == 0, "churn")
        .when(is_now > was, "expansion")
        .otherwise("contraction")
    )
    return (
        joined.where((was != 0) | (is_now != 0))
        .select(movement.alias("movement"), was.alias("mrr_before"), is_now.alias("mrr_now"))
        .groupBy("movement")
        .agg(
            F.count(F.lit(1)).alias("customers"),
            F.sum("mrr_before").cast("decimal(28,2)").alias("mrr_before"),
            F.sum("mrr_now").cast("decimal(28,2)").alias("mrr_now"),
            F.sum(F.col("mrr_now") - F.col("mrr_before")).cast("decimal(28,2)").alias("change"),
        )
    )
