"""The days on which customers were active, over all that a source of events tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from pyspark.sql import DataFrame

from rfm_spark.capabilities.events.config import EventsSource
from rfm_spark.capabilities.events.rows import counted, validated_events, visitors
from rfm_spark.core.reading.interactions import Reading
from rfm_spark.pipeline.environment import Source


def active_days(source: Source, mapping: EventsSource, as_of: date) -> DataFrame:
    """Every customer and day with an accepted event up to a date; the whole source is read.

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
    events = counted(validated_events(source.frame, mapping, reading), as_of)
    return events.select("customer_id", "event_date").distinct()
