"""The days on which customers were active, over all that a source of events tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.events.checks import EVENT_CHECKS
from rfm_spark.capabilities.events.config import EventsSource
from rfm_spark.capabilities.events.rows import counted, validated_events, visitors
from rfm_spark.core.reading.checks import severity
from rfm_spark.core.reading.ids import unicode_changes
from rfm_spark.core.reading.interactions import Reading
from rfm_spark.pipeline.environment import Source


def active_days(source: Source, mapping: EventsSource, as_of: date) -> DataFrame:
    """Every customer and day with an accepted event up to a date; the whole source is read, days of programs left out.

    Args:
        source: the events, pinned.
        mapping: of their columns and types.
        as_of: last day that counts.

    Returns:
        customer_id, event_date DATE, once each.
    """
    reading = Reading(source.written, None, as_of)
    if "visitor_id" in mapping.columns:
        reading = replace(reading, visitors=visitors(source.frame, mapping, reading))
    checks = mapping.quality.checks
    if severity("id_unicode", checks, EVENT_CHECKS) != "off":
        rows = validated_events(source.frame, mapping, reading).where("reason IS NULL")
        reading = replace(reading, id_changes=unicode_changes(rows, ("customer_id",)))
    events = counted(validated_events(source.frame, mapping, reading), as_of)
    if severity("bot", checks, EVENT_CHECKS) != "reject":
        return events.select("customer_id", "event_date").distinct()
    minute = F.date_trunc("minute", "event_ts")
    minutes = events.groupBy("customer_id", "event_date", minute.alias("minute")).agg(F.count(F.lit(1)).alias("events"))
    days = minutes.groupBy("customer_id", "event_date").agg(F.max("events").alias("most"))
    return days.where(F.col("most") <= mapping.quality.max_events_per_minute).select("customer_id", "event_date")
