"""Campaign messages: each event of a message typed, in our words, accepted or rejected with a reason."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.engagement.checks import MESSAGE_CHECKS
from rfm_spark.capabilities.engagement.config import MessagesSource
from rfm_spark.capabilities.engagement.words import MESSAGE_CHANNELS, MESSAGE_EVENTS, RESPONSES, SUPPRESSING
from rfm_spark.core.reading.checks import IGNORED, severity
from rfm_spark.core.reading.ids import id_text, is_placeholder, is_text, trimmed, with_normal_ids
from rfm_spark.core.reading.interactions import Reading
from rfm_spark.core.reading.mapping import A_TIME, FILTERED, LENIENT, Wanted, filtered_or, mapped_columns
from rfm_spark.core.reading.places import CORRUPT
from rfm_spark.core.reading.presets import meanings
from rfm_spark.core.reading.typed import FUTURE_TOLERANCE, Kinds, channel_of_word, kinds_of, moment_of, place_of_word
from rfm_spark.core.reading.verdicts import marks_of, reason_of
from rfm_spark.core.session import session_settings, settled

_WANTED: Wanted = {"event_ts": A_TIME}
_IDS = ("customer_id", "message_id")
EVENT_OF = {event: place for place, event in enumerate(MESSAGE_EVENTS)}
CHANNEL_OF = {channel: place for place, channel in enumerate(MESSAGE_CHANNELS)}


def validated_messages(raw: DataFrame, source: MessagesSource, reading: Reading | None = None) -> DataFrame:
    """Every row of the source with its verdict.

    Args:
        raw: rows of the source.
        source: its mapping.
        reading: what is read; what suppresses a channel, opens and answers are read whatever their day.

    Returns:
        customer_id, message_id STRING (null where the event needs none), event_ts TIMESTAMP, event_date DATE, type and
        channel INT (places in MESSAGE_EVENTS and MESSAGE_CHANNELS), word STRING (the event as it was read), reason
        STRING (null when accepted, `filtered` outside the source's condition), marks BIGINT (see
        `core.reading.verdicts`, with MESSAGE_CHECKS), record STRUCT.

    Raises:
        SourceError: a mapped column is missing or of an unusable type.
    """
    settings = reading or Reading()
    checks = source.quality.checks
    with session_settings(raw.sparkSession, LENIENT):
        rows = mapped_columns(raw, source.columns, _WANTED, "messages", source.where)
        kinds = kinds_of(rows)
        values = rows.select(*_values(source, kinds), *(F.col(name) for name in (FILTERED,) if name in rows.columns))
        suppressing = F.col("type").isin(*(EVENT_OF[event] for event in SUPPRESSING))
        if settings.first_day is not None:
            start = F.lit(settings.first_day.isoformat()).cast("timestamp")
            # What shows that an address is alive counts at any age, like what shows that it is not.
            lasting = F.col("type").isin(*(EVENT_OF[event] for event in (*SUPPRESSING, "opened", *RESPONSES)))
            old = (F.col("event_ts") < start) & ~F.coalesce(lasting, F.lit(False))
            values = values.where(~F.coalesce(old, F.lit(False)))
        if settings.id_changes is not None:
            values = with_normal_ids(values, settings.id_changes, ("customer_id",))
        found = _conditions(values, kinds, settings.written, suppressing)
        reason = filtered_or(values, reason_of(found, checks, MESSAGE_CHECKS))
        validated = values.select(
            "customer_id",
            F.when(F.col("message_id") != "", F.col("message_id")).alias("message_id"),
            "event_ts",
            F.to_date("event_ts").alias("event_date"),
            "type",
            "channel",
            "word",
            reason.alias("reason"),
            F.when(reason.isNull(), marks_of(found, checks, MESSAGE_CHECKS)).otherwise(F.lit(0)).alias("marks"),
            "record",
        )
        return settled(validated)


def counted(messages: DataFrame, as_of: date) -> DataFrame:
    """Accepted events of messages up to as_of, technical ones left out."""
    until = F.lit((as_of + timedelta(days=1)).isoformat()).cast("timestamp")
    return messages.where(
        F.col("reason").isNull() & (F.col("event_ts") < until) & (F.col("type") != EVENT_OF[IGNORED])
    ).drop("word", "reason", "marks", "record")


def _values(source: MessagesSource, kinds: Kinds) -> list[Column]:
    words = meanings("messages", source.preset, source.events)
    return [
        *(_id(name, kinds, source).alias(name) for name in _IDS),
        _untidy(kinds).alias("untidy"),
        moment_of("event_ts", kinds).alias("event_ts"),
        place_of_word(F.col("event"), {word: EVENT_OF[event] for word, event in words.items()}).alias("type"),
        channel_of_word(kinds, CHANNEL_OF).alias("channel"),
        F.col("event").cast("string").alias("word"),
        F.col("record"),
    ]


def _conditions(values: DataFrame, kinds: Kinds, written: datetime | None, suppressing: Column) -> dict[str, Column]:
    customer, message, moment = F.col("customer_id"), F.col("message_id"), F.col("event_ts")
    technical = F.col("type") == EVENT_OF[IGNORED]
    found = {
        "bad_date": moment.isNull(),
        "before_1970": moment < F.lit("1970-01-01").cast("timestamp"),
        "unknown_type": F.col("type").isNull(),
        "unknown_channel": F.col("channel").isNull(),
        "placeholder_id": is_placeholder(customer),
        "anonymous": customer.isNull() | (customer == ""),
        "missing_message_id": F.coalesce(message == "", F.lit(True)) & ~suppressing & ~technical,
        "technical": technical,
    }
    if CORRUPT in values.select("record.*").columns:
        found["malformed"] = F.col("record").getField(CORRUPT).isNotNull()
    if written is not None:
        limit = int((written + FUTURE_TOLERANCE).timestamp())
        found["future_date"] = moment > F.timestamp_seconds(F.lit(limit))
    if any(is_text(kinds[name]) for name in _IDS):
        found["id_whitespace"] = F.col("untidy")
    if "id_changed" in values.columns:
        found["id_unicode"] = F.col("id_changed")
    return found


def _id(name: str, kinds: Kinds, source: MessagesSource) -> Column:
    return id_text(name, kinds[name], tidy=severity("id_whitespace", source.quality.checks, MESSAGE_CHECKS) == "repair")


def _untidy(kinds: Kinds) -> Column:
    found = F.lit(False)
    for name in _IDS:
        if is_text(kinds[name]):
            found = found | F.coalesce(trimmed(F.col(name)) != F.col(name), F.lit(False))
    return found
