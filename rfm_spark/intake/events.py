"""Events of trackers: typed, in our words, each accepted or rejected with a reason, and marked where mended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.checks import severity
from rfm_spark.core.interaction_checks import EVENT_CHECKS
from rfm_spark.core.interaction_words import EVENT_CHANNELS, EVENT_TYPES, IGNORED, event_words
from rfm_spark.core.interactions import EventsSource
from rfm_spark.core.places import CORRUPT
from rfm_spark.core.session import session_settings
from rfm_spark.intake.ids import id_text, is_placeholder, is_text, trimmed
from rfm_spark.intake.mapping import A_TIME, LENIENT, Wanted, mapped_columns
from rfm_spark.intake.values import FUTURE_TOLERANCE, Kinds, kinds_of, moment_of
from rfm_spark.intake.verdicts import marks_of, reason_of

# An event can't be received before it happens, but two clocks are never quite the same.
SKEW = timedelta(minutes=5)
_WANTED: Wanted = {"event_ts": A_TIME, "received_ts": A_TIME, "signup_ts": A_TIME}
_IDS = ("customer_id", "visitor_id")
TYPE_OF = {kind: place for place, kind in enumerate(EVENT_TYPES)}
CHANNEL_OF = {channel: place for place, channel in enumerate(EVENT_CHANNELS)}


@dataclass(frozen=True)
class Reading:
    """How the rows of an interaction source are read, beside the mapping.

    Attributes:
        written: when the source was last written; times beyond it come from the future. None looks for none.
        first_day: rows before it are not read at all; None reads everything.
    """

    written: datetime | None = None
    first_day: date | None = None


def judged_events(raw: DataFrame, source: EventsSource, reading: Reading | None = None) -> DataFrame:
    """Every row of the source with its verdict.

    Args:
        raw: rows of the source.
        source: its mapping.
        reading: what is read; everything for None.

    Returns:
        customer_id, visitor_id, session_id, event_id STRING, event_ts TIMESTAMP, event_date DATE, type and channel INT
        (places in EVENT_TYPES and EVENT_CHANNELS), reason STRING (null when accepted), marks BIGINT (see
        `intake.verdicts`, with EVENT_CHECKS), record STRUCT.

    Raises:
        SourceError: a mapped column is missing or of an unusable type.
    """
    settings = reading or Reading()
    checks = source.quality.checks
    with session_settings(raw.sparkSession, LENIENT):
        rows = mapped_columns(raw, source.columns, _WANTED, "events")
        kinds = kinds_of(rows)
        values = rows.select(*_values(rows, source, kinds))
        if settings.first_day is not None:
            # Rows without a time are read: somebody has to know of them.
            start = F.lit(settings.first_day.isoformat()).cast("timestamp")
            values = values.where(F.col("event_ts").isNull() | (F.col("event_ts") >= start))
        if "visitor_id" in kinds and severity("visitor_joined", checks, EVENT_CHECKS) != "off":
            values = _with_known_visitors(values)
        found = _conditions(values, kinds, settings.written)
        reason = reason_of(found, checks, EVENT_CHECKS)
        mended = severity("clock_skew", checks, EVENT_CHECKS) == "repair" and "received_ts" in kinds
        moment = F.when(found["clock_skew"], F.col("received_ts")).otherwise(F.col("event_ts")) if mended else None
        return values.select(
            "customer_id",
            "visitor_id",
            "session_id",
            "event_id",
            F.coalesce(*([moment] if moment is not None else []), F.col("event_ts")).alias("event_ts"),
            F.coalesce("type", F.lit(TYPE_OF["other"])).alias("type"),
            F.coalesce("channel", F.lit(CHANNEL_OF["other"])).alias("channel"),
            reason.alias("reason"),
            F.when(reason.isNull(), marks_of(found, checks, EVENT_CHECKS)).otherwise(F.lit(0)).alias("marks"),
            "record",
        ).withColumn("event_date", F.to_date("event_ts"))


def visitors(raw: DataFrame, source: EventsSource, reading: Reading | None = None) -> DataFrame:
    """What is known of each visitor: customers INT says how many he identified himself as (2 for two or more)."""
    settings = reading or Reading()
    with session_settings(raw.sparkSession, LENIENT):
        rows = mapped_columns(raw, source.columns, _WANTED, "events")
        values = rows.select(*_values(rows, source, kinds_of(rows)))
        if settings.first_day is not None:
            values = values.where(F.col("event_ts") >= F.lit(settings.first_day.isoformat()).cast("timestamp"))
    seen = _by_visitor(values)
    return seen.select(
        "visitor_id",
        F.when(F.col("first").isNull(), 0).when(F.col("first") == F.col("last"), 1).otherwise(2).alias("customers"),
    )


def counted(events: DataFrame, as_of: date) -> DataFrame:
    """Accepted events up to as_of that somebody made, technical ones left out."""
    until = F.lit((as_of + timedelta(days=1)).isoformat()).cast("timestamp")
    return events.where(
        F.col("reason").isNull() & (F.col("event_ts") < until) & (F.col("type") != TYPE_OF[IGNORED])
    ).drop("reason", "marks", "record")


def place_of_word(word: Column, places: Mapping[str, int]) -> Column:
    """The number of a word; one test for each number, so that the words of each are looked up as a set."""
    text = F.lower(F.trim(word.cast("string")))
    by_place: dict[int, list[str]] = {}
    for known, place in places.items():
        by_place.setdefault(place, []).append(known)
    return F.coalesce(*(F.when(text.isin(*words), F.lit(place)) for place, words in sorted(by_place.items())))


def _values(rows: DataFrame, source: EventsSource, kinds: Kinds) -> list[Column]:
    words = event_words(source.preset, source.types)
    return [
        *(_id(name, kinds, source).alias(name) for name in _IDS),
        _untidy(kinds).alias("untidy"),
        *((id_text(name, kinds[name]) if name in kinds else _nothing()).alias(name)
          for name in ("session_id", "event_id")),
        moment_of("event_ts", kinds).alias("event_ts"),
        *((moment_of(name, kinds) if name in kinds else F.lit(None).cast("timestamp")).alias(name)
          for name in ("received_ts", "signup_ts")),
        place_of_word(F.col("event_type"), {word: TYPE_OF[kind] for word, kind in words.items()}).alias("type"),
        (place_of_word(F.col("channel"), CHANNEL_OF) if "channel" in kinds else F.lit(0)).alias("channel"),
        (_written("channel") if "channel" in kinds else F.lit("web")).alias("channel_word"),
        F.col("record"),
    ]  # fmt: skip


def _conditions(values: DataFrame, kinds: Kinds, written: datetime | None) -> dict[str, Column]:
    customer, moment = F.col("customer_id"), F.col("event_ts")
    found = {
        "bad_date": moment.isNull(),
        "before_1970": moment < F.lit("1970-01-01").cast("timestamp"),
        "unknown_type": F.col("type").isNull(),
        "placeholder_id": is_placeholder(customer),
        "anonymous": customer.isNull() | (customer == ""),
        "technical": F.col("type") == TYPE_OF[IGNORED],
    }
    if CORRUPT in values.select("record.*").columns:
        found["malformed"] = F.col("record").getField(CORRUPT).isNotNull()
    skewed = F.col("received_ts") + F.expr(f"INTERVAL {int(SKEW.total_seconds())} SECONDS") < moment
    if "received_ts" in kinds:
        found["clock_skew"] = F.coalesce(skewed, F.lit(False))
    if written is not None:
        limit = F.timestamp_seconds(F.lit(int((written + FUTURE_TOLERANCE).timestamp())))
        # What is repaired by the time of receipt is not from the future.
        ahead = moment > limit
        found["future_date"] = ahead & ~found["clock_skew"] if "received_ts" in kinds else ahead
    if "signup_ts" in kinds:
        found["before_signup"] = moment < F.col("signup_ts")
    if "channel" in kinds:
        found["unknown_channel"] = F.col("channel").isNull() & (F.col("channel_word") != "")
    if any(is_text(kinds[name]) for name in _IDS if name in kinds):
        found["id_whitespace"] = F.col("untidy")
    if "joined" in values.columns:
        found["visitor_joined"] = F.col("joined")
    return found


def _with_known_visitors(values: DataFrame) -> DataFrame:
    """Rows without a customer get the one their visitor turned out to be, where there is just one."""
    known = values.where(_is_there("customer_id")).withColumn("joined", F.lit(False))
    seen = _by_visitor(values).where(F.col("first") == F.col("last"))
    named = seen.select("visitor_id", F.col("first").alias("found"))
    unknown = values.where(~_is_there("customer_id")).join(named, "visitor_id", "left").select(*values.columns, "found")
    joined = unknown.withColumns(
        {"customer_id": F.coalesce("found", "customer_id"), "joined": F.col("found").isNotNull()}
    )
    return known.unionByName(joined.drop("found"))


def _by_visitor(values: DataFrame) -> DataFrame:
    usable = _is_there("customer_id") & ~is_placeholder(F.col("customer_id"))
    customer = F.when(usable, F.col("customer_id"))
    named = values.where(_is_there("visitor_id") & F.col("event_ts").isNotNull())
    return named.groupBy("visitor_id").agg(F.min(customer).alias("first"), F.max(customer).alias("last"))


def _is_there(name: str) -> Column:
    return F.coalesce(F.col(name) != "", F.lit(False))


def _id(name: str, kinds: Kinds, source: EventsSource) -> Column:
    if name not in kinds:
        return _nothing()
    text = id_text(name, kinds[name])
    tidy = severity("id_whitespace", source.quality.checks, EVENT_CHECKS) == "repair"
    return trimmed(text) if tidy and is_text(kinds[name]) else text


def _untidy(kinds: Kinds) -> Column:
    texts = [F.col(name) for name in _IDS if name in kinds and is_text(kinds[name])]
    found = F.lit(False)
    for text in texts:
        found = found | F.coalesce(trimmed(text) != text, F.lit(False))
    return found


def _written(name: str) -> Column:
    return F.coalesce(F.trim(F.col(name).cast("string")), F.lit(""))


def _nothing() -> Column:
    return F.lit(None).cast("string")
