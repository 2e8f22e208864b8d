"""Events of a customer packed into numbers, each once, and cut into sessions."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from rfm_spark.capabilities.events.words import EVENT_CHANNELS, SESSION_CHANNELS

# Microseconds, four bits of type, three of channel: fixed-width rows travel and are aggregated fastest.
_TYPE_BITS, _CHANNEL_BITS = 4, 3
_SHIFT = _TYPE_BITS + _CHANNEL_BITS
SECOND = 1_000_000


def packed(events: DataFrame, *, has_session: bool, has_event_id: bool) -> DataFrame:
    """Events as numbers, those of a customer together, each event id of a customer once.

    Args:
        events: of `events.rows.counted`.
        has_session: whether the source names sessions.
        has_event_id: whether it names events; of two with the same id of a customer the earliest counts.

    Returns:
        customer_id STRING, packed BIGINT (time, type and channel; see `moment_of` and others), session BIGINT (null
        without one), times BIGINT (rows that this one stands for and that count), copies BIGINT (rows that don't).
    """
    whole = F.shiftleft(F.unix_micros("event_ts"), _SHIFT)
    number = whole + F.shiftleft(F.col("type").cast("bigint"), _CHANNEL_BITS) + F.col("channel").cast("bigint")
    session = F.when(F.col("session_id").isNotNull(), F.xxhash64("session_id")) if has_session else _null()
    columns = [F.col("customer_id"), number.alias("packed"), session.alias("session")]
    one, none = F.lit(1).cast("bigint").alias("times"), F.lit(0).cast("bigint").alias("copies")
    if not has_event_id:
        return events.select(*columns, one, none).repartition(F.col("customer_id"))
    event = F.when(F.col("event_id").isNotNull(), F.xxhash64("event_id")).alias("event")
    together = events.select(*columns, event).repartition(F.col("customer_id"))
    # Rows without an id are nobody's copies: equal ones stand for as many events.
    nameless = F.when(F.col("event").isNull(), F.xxhash64("packed", "session"))
    rows = F.count(F.lit(1))
    # Of copies in several sessions the earliest stays in its own.
    first = F.min(F.struct("packed", "session")) if has_session else F.struct(F.min("packed").alias("packed"))
    copies = together.groupBy("customer_id", "event", nameless.alias("nameless")).agg(
        first.alias("first"), rows.alias("rows")
    )
    kept = F.col("first.session") if has_session else _null()
    once = copies.select("customer_id", "event", "rows", "first.packed", kept.alias("session"))
    named = F.col("event").isNotNull()
    return once.select(
        "customer_id",
        "packed",
        "session",
        F.when(named, F.lit(1)).otherwise(F.col("rows")).cast("bigint").alias("times"),
        F.when(named, F.col("rows") - 1).otherwise(F.lit(0)).cast("bigint").alias("copies"),
    )


def cut_by_silence(events: DataFrame, gap_minutes: int) -> DataFrame:
    """Number the sessions of events that come without: a silence longer than the gap ends one.

    Sessions are of one customer in one channel; they know neither midnight nor daylight saving time, only elapsed
    time. Events whose session has a name keep it, and break no silence of those beside them.

    Args:
        events: of `packed`.
        gap_minutes: the longest silence within a session.

    Returns:
        The same columns, `session` numbered from 1 where there was none.
    """
    nameless = F.col("session").isNull()
    ordered = Window.partitionBy("customer_id", channel_of("packed"), nameless).orderBy("packed")
    gap = gap_minutes * 60 * SECOND
    silence = micros_of("packed") - F.lag(micros_of("packed")).over(ordered)
    begins = F.when(silence <= gap, F.lit(0)).otherwise(F.lit(1)).cast("bigint")
    upto = ordered.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return (
        events.withColumn("begins", begins)
        .withColumn("session", F.coalesce("session", F.sum("begins").over(upto)))
        .drop("begins")
    )


def micros_of(column: str) -> Column:
    """Microseconds since 1970 of a packed event."""
    return F.shiftright(F.col(column), _SHIFT)


def type_of(column: str) -> Column:
    """Place of its type in EVENT_TYPES, INT."""
    mask = F.lit((1 << _TYPE_BITS) - 1).cast("bigint")
    return F.shiftright(F.col(column), _CHANNEL_BITS).bitwiseAND(mask).cast("int")


def channel_of(column: str) -> Column:
    """Place of its channel in EVENT_CHANNELS, INT."""
    return F.col(column).bitwiseAND(F.lit((1 << _CHANNEL_BITS) - 1).cast("bigint")).cast("int")


def makes_sessions(channel: Column, channels: tuple[str, ...] = SESSION_CHANNELS) -> Column:
    """Whether people stay for a while in a channel (a place in EVENT_CHANNELS)."""
    return channel.isin(*(EVENT_CHANNELS.index(name) for name in channels))


def _null() -> Column:
    return F.lit(None).cast("bigint")
