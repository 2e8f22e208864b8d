"""The days on which customers were active, and the features they used."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.events.checks import EVENT_CHECKS
from rfm_spark.capabilities.events.config import EventsSource
from rfm_spark.capabilities.events.rows import FEATURE, counted, is_event, validated_events, visitors
from rfm_spark.core.reading.checks import severity
from rfm_spark.core.reading.ids import unicode_changes
from rfm_spark.core.reading.interactions import Reading
from rfm_spark.pipeline.environment import Source


def accepted_events(
    source: Source, mapping: EventsSource, as_of: date, first_day: date | None = None, *, words: bool = False
) -> DataFrame:
    """Accepted events of customers up to a date, days of programs left out; ids are in one Unicode form.

    Args:
        source: the events, pinned.
        mapping: of their columns and types.
        as_of: last day that counts.
        first_day: first day that is read; None for all.
        words: whether event types are also told as they were read.

    Returns:
        Columns of `rows.counted`.
    """
    reading = Reading(source.written, first_day, as_of)
    if "visitor_id" in mapping.columns:
        reading = replace(reading, visitors=visitors(source.frame, mapping, reading))
    checks = mapping.quality.checks
    if severity("id_unicode", checks, EVENT_CHECKS) != "off":
        rows = validated_events(source.frame, mapping, reading).where("reason IS NULL")
        reading = replace(reading, id_changes=unicode_changes(rows, ("customer_id",)))
    events = counted(validated_events(source.frame, mapping, reading), as_of, words=words)
    if severity("bot", checks, EVENT_CHECKS) != "reject":
        return events
    day = ("customer_id", "event_date")
    minutes = events.groupBy(*day, F.date_trunc("minute", "event_ts").alias("minute")).agg(F.count(F.lit(1)).alias("n"))
    busy = minutes.where(F.col("n") > mapping.quality.max_events_per_minute).select(*day).distinct()
    return events.join(busy, list(day), "left_anti")


def active_days(source: Source, mapping: EventsSource, as_of: date) -> DataFrame:
    """Every customer and day with an accepted event up to a date; the whole source is read.

    Returns:
        customer_id, event_date DATE, once each.
    """
    return accepted_events(source, mapping, as_of).select("customer_id", "event_date").distinct()


def last_events(source: Source, mapping: EventsSource, as_of: date, event: str) -> DataFrame:
    """When each customer last did something; the whole source is read.

    Args:
        source: the events, pinned.
        mapping: of their columns and types.
        as_of: last day that counts.
        event: a type of ours, or a word as the source has it.

    Returns:
        customer_id, once each, last_date DATE.
    """
    events = accepted_events(source, mapping, as_of, words=True).where(is_event(event))
    return events.groupBy("customer_id").agg(F.max("event_date").alias("last_date"))


def feature_adoption(events: DataFrame) -> DataFrame:
    """Which features customers used, how often, and on which share of their active days.

    Args:
        events: of `accepted_events`, of a source with features.

    Returns:
        customer_id, feature, uses BIGINT, days INT, share_of_days DOUBLE, first_used, last_used DATE.
    """
    days = events.groupBy("customer_id", "event_date", FEATURE).agg(F.count(F.lit(1)).alias("uses"))
    active = days.groupBy("customer_id").agg(F.countDistinct("event_date").alias("active_days"))
    used = days.where(F.col(FEATURE).isNotNull()).groupBy("customer_id", FEATURE).agg(
        F.sum("uses").alias("uses"),
        F.count(F.lit(1)).cast("int").alias("days"),
        F.min("event_date").alias("first_used"),
        F.max("event_date").alias("last_used"),
    )  # fmt: skip
    share = F.col("days") / F.col("active_days")
    return used.join(active, "customer_id").select(
        "customer_id", FEATURE, "uses", "days", share.alias("share_of_days"), "first_used", "last_used"
    )
