"""Events of trackers: typed, in our words, each accepted or rejected with a reason, and marked where repaired."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.events.checks import EVENT_CHECKS
from rfm_spark.capabilities.events.config import EventsSource
from rfm_spark.capabilities.events.words import EVENT_CHANNELS, EVENT_TYPES
from rfm_spark.core.reading.checks import IGNORED, severity
from rfm_spark.core.reading.ids import id_text, is_placeholder, is_text, trimmed, with_normal_ids
from rfm_spark.core.reading.interactions import Reading
from rfm_spark.core.reading.mapping import A_TIME, FILTERED, LENIENT, Wanted, filtered_or, mapped_columns
from rfm_spark.core.reading.places import CORRUPT
from rfm_spark.core.reading.presets import meanings
from rfm_spark.core.reading.typed import FUTURE_TOLERANCE, Kinds, channel_of_word, kinds_of, moment_of, place_of_word
from rfm_spark.core.reading.verdicts import marks_of, reason_of
from rfm_spark.core.session import session_settings, settled

# An event can't be received before it happens, but two clocks are never quite the same.
SKEW = timedelta(minutes=5)
_WANTED: Wanted = {"event_ts": A_TIME, "received_ts": A_TIME, "signup_ts": A_TIME}
_IDS = ("customer_id", "visitor_id")
FEATURE = "feature"
TYPE_OF = {kind: place for place, kind in enumerate(EVENT_TYPES)}
CHANNEL_OF = {channel: place for place, channel in enumerate(EVENT_CHANNELS)}


def validated_events(raw: DataFrame, source: EventsSource, reading: Reading | None = None) -> DataFrame:
    """Every row of the source with its verdict.

    Args:
        raw: rows of the source.
        source: its mapping.
        reading: what is read; everything for None.

    Returns:
        customer_id, visitor_id, session_id, event_id STRING, event_ts TIMESTAMP, event_date DATE, type and channel INT
        (places in EVENT_TYPES and EVENT_CHANNELS), word STRING (the event type as it was read), feature STRING (where
        it is mapped; null for an event of none), reason STRING (null when accepted, `filtered` outside the source's
        condition), marks BIGINT (see `core.reading.verdicts`, with EVENT_CHECKS), record STRUCT.

    Raises:
        SourceError: a mapped column is missing or of an unusable type.
    """
    settings = reading or Reading()
    checks = source.quality.checks
    with session_settings(raw.sparkSession, LENIENT):
        rows = mapped_columns(raw, source.columns, _WANTED, "events", source.where)
        kinds = kinds_of(rows)
        values = _of_days(rows.select(*_values(rows, source, kinds)), source, settings)
        if "visitor_id" in kinds and severity("visitor_joined", checks, EVENT_CHECKS) != "off":
            seen = settings.visitors
            values = _with_known_visitors(values, _by_visitor(values, settings) if seen is None else seen)
        if settings.id_changes is not None:
            values = with_normal_ids(values, settings.id_changes, ("customer_id",))
        found = _conditions(values, source, kinds, settings.written)
        reason = filtered_or(values, reason_of(found, checks, EVENT_CHECKS))
        validated = values.select(
            "customer_id",
            "visitor_id",
            "session_id",
            "event_id",
            F.col("moment").alias("event_ts"),
            F.to_date("moment").alias("event_date"),
            F.coalesce("type", F.lit(TYPE_OF["other"])).alias("type"),
            F.coalesce("channel", F.lit(CHANNEL_OF["other"])).alias("channel"),
            "word",
            *((FEATURE,) if FEATURE in kinds else ()),
            reason.alias("reason"),
            F.when(reason.isNull(), marks_of(found, checks, EVENT_CHECKS)).otherwise(F.lit(0)).alias("marks"),
            "record",
        )
        return settled(validated)


def visitors(raw: DataFrame, source: EventsSource, reading: Reading | None = None) -> DataFrame:
    """Who each visitor turned out to be, from what they did up to the last day.

    Returns:
        visitor_id, customers INT (as how many they identified themselves; 2 for two or more), customer STRING (where
        it is one).
    """
    settings = reading or Reading()
    with session_settings(raw.sparkSession, LENIENT):
        rows = mapped_columns(raw, source.columns, _WANTED, "events", source.where)
        values = _of_days(rows.select(*_values(rows, source, kinds_of(rows))), source, settings)
        return settled(_by_visitor(values, settings))


def is_event(name: str) -> Column:
    """Whether an event of `validated_events` is of a type of ours, or is called so in its source."""
    word = F.lower(F.trim("word")) == name.strip().lower()
    return F.coalesce(word, F.lit(False)) | (F.col("type") == F.lit(TYPE_OF.get(name, -1)))


def counted(events: DataFrame, as_of: date, *, words: bool = False) -> DataFrame:
    """Accepted events up to as_of that somebody made, technical ones left out; with `words` as they were read."""
    until = F.lit((as_of + timedelta(days=1)).isoformat()).cast("timestamp")
    return events.where(
        F.col("reason").isNull() & (F.col("event_ts") < until) & (F.col("type") != TYPE_OF[IGNORED])
    ).drop(*(() if words else ("word",)), "reason", "marks", "record")


def _values(rows: DataFrame, source: EventsSource, kinds: Kinds) -> list[Column]:
    words = meanings("events", source.preset, source.types)
    return [
        *(_id(name, kinds, source).alias(name) for name in _IDS),
        _untidy(kinds).alias("untidy"),
        *(_present(name, kinds).alias(name) for name in ("session_id", "event_id")),
        moment_of("event_ts", kinds).alias("event_ts"),
        *((moment_of(name, kinds) if name in kinds else F.lit(None).cast("timestamp")).alias(name)
          for name in ("received_ts", "signup_ts")),
        place_of_word(F.col("event_type"), {word: TYPE_OF[kind] for word, kind in words.items()}).alias("type"),
        channel_of_word(kinds, CHANNEL_OF).alias("channel"),
        F.col("event_type").cast("string").alias("word"),
        *((_present(FEATURE, kinds).alias(FEATURE),) if FEATURE in kinds else ()),
        *(F.col(name) for name in (FILTERED, "record") if name in rows.columns),
    ]  # fmt: skip


def _of_days(values: DataFrame, source: EventsSource, settings: Reading) -> DataFrame:
    """Rows of the days that are read, with `skewed` BOOLEAN and `moment` TIMESTAMP, the time that counts."""
    late = F.col("received_ts") + F.expr(f"INTERVAL {int(SKEW.total_seconds())} SECONDS") < F.col("event_ts")
    values = values.withColumn("skewed", F.coalesce(late, F.lit(False)))
    repairs = severity("clock_skew", source.quality.checks, EVENT_CHECKS) == "repair"
    moment = F.when(F.col("skewed"), F.col("received_ts")) if repairs else F.lit(None).cast("timestamp")
    known = values.withColumn("moment", F.coalesce(moment, F.col("event_ts")))
    if settings.first_day is None:
        return known
    start = F.lit(settings.first_day.isoformat()).cast("timestamp")
    # Rows without a time are read: somebody has to know of them. The first condition is one that files can answer.
    return known.where(
        (F.col("event_ts").isNull() | (F.col("event_ts") >= start))
        & (F.col("moment").isNull() | (F.col("moment") >= start))
    )


def _conditions(values: DataFrame, source: EventsSource, kinds: Kinds, written: datetime | None) -> dict[str, Column]:
    customer, moment = F.col("customer_id"), F.col("moment")
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
    if "received_ts" in kinds:
        found["clock_skew"] = F.col("skewed")
    if written is not None:
        limit = int((written + FUTURE_TOLERANCE).timestamp())
        found["future_date"] = moment > F.timestamp_seconds(F.lit(limit))
    if "signup_ts" in kinds:
        found["before_signup"] = moment < F.col("signup_ts")
    if "channel" in kinds:
        found["unknown_channel"] = F.col("channel").isNull()
    if any(is_text(kinds[name]) for name in _IDS if name in kinds):
        found["id_whitespace"] = F.col("untidy")
    if "id_changed" in values.columns:
        found["id_unicode"] = F.col("id_changed")
    if "joined" in values.columns:
        found["visitor_joined"] = F.col("joined")
    return found


def _with_known_visitors(values: DataFrame, seen: DataFrame) -> DataFrame:
    """Rows without a customer get the one their visitor turned out to be, where there is just one."""
    named = seen.where(F.col("customers") == 1).select("visitor_id", F.col("customer").alias("found"))
    stranger = ~_is_there("customer_id") & _is_there("visitor_id")
    known = values.where(~stranger).withColumn("joined", F.lit(False))
    unknown = values.where(stranger).join(named, "visitor_id", "left").select(*values.columns, "found")
    joined = unknown.withColumns(
        {"customer_id": F.coalesce("found", "customer_id"), "joined": F.col("found").isNotNull()}
    )
    return known.unionByName(joined.drop("found"))


def _by_visitor(values: DataFrame, settings: Reading) -> DataFrame:
    usable = _is_there("customer_id") & ~is_placeholder(F.col("customer_id")) & F.col("type").isNotNull()
    customer = F.when(usable, F.col("customer_id"))
    inside = values.where(~F.col(FILTERED)) if FILTERED in values.columns else values
    named = inside.where(_is_there("visitor_id") & F.col("moment").isNotNull())
    if settings.last_day is not None:
        until = F.lit((settings.last_day + timedelta(days=1)).isoformat()).cast("timestamp")
        named = named.where(F.col("moment") < until)
    seen = named.groupBy("visitor_id").agg(F.min(customer).alias("first"), F.max(customer).alias("last"))
    one = F.col("first") == F.col("last")
    return seen.select(
        "visitor_id",
        F.when(F.col("first").isNull(), 0).when(one, 1).otherwise(2).alias("customers"),
        F.when(one, F.col("first")).alias("customer"),
    )


def _is_there(name: str) -> Column:
    return F.coalesce(F.col(name) != "", F.lit(False))


def _id(name: str, kinds: Kinds, source: EventsSource) -> Column:
    if name not in kinds:
        return _nothing()
    return id_text(name, kinds[name], tidy=severity("id_whitespace", source.quality.checks, EVENT_CHECKS) == "repair")


def _untidy(kinds: Kinds) -> Column:
    texts = [F.col(name) for name in _IDS if name in kinds and is_text(kinds[name])]
    found = F.lit(False)
    for text in texts:
        found = found | F.coalesce(trimmed(text) != text, F.lit(False))
    return found


def _present(name: str, kinds: Kinds) -> Column:
    """An id as text; a blank one is none."""
    if name not in kinds:
        return _nothing()
    text = id_text(name, kinds[name])
    return F.when(F.trim(text) != "", text)


def _nothing() -> Column:
    return F.lit(None).cast("string")
