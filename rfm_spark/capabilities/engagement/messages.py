"""What became of each message, and of each customer's messages in a channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.engagement.checks import MESSAGE_CHECKS
from rfm_spark.capabilities.engagement.config import EngagementConfig, MessageLimits
from rfm_spark.capabilities.engagement.message_rates import ANSWERED, CLICKED, OPENED, REDEEMED, fate, is_watched
from rfm_spark.capabilities.engagement.words import MESSAGE_CHANNELS, MESSAGE_EVENTS, RESPONSES
from rfm_spark.core.reading.checks import severity

_PLACE = {event: place for place, event in enumerate(MESSAGE_EVENTS)}
MESSAGE_FLAGS = ("orphan_response", "delivery_implied", "click_without_open", "machine_open", "late_response")


@dataclass(frozen=True)
class Judging:
    """How messages are judged.

    Attributes:
        as_of: last day that counts.
        config: window, thresholds.
        limits: checks of the source.
        wait_days: how long a message may wait for its answer where rates are watched.
    """

    as_of: date
    config: EngagementConfig
    limits: MessageLimits = field(default_factory=MessageLimits)
    wait_days: int = 3

    @property
    def first_day(self) -> date:
        """First day whose deliveries are judged."""
        return self.as_of - timedelta(days=self.config.window_days - 1)

    @property
    def read_from(self) -> date:
        """First day that is read: a response belongs to a delivery up to so many days before."""
        return self.first_day - timedelta(days=self.config.response_days)


def outcomes(events: DataFrame, judging: Judging) -> DataFrame:
    """One row per customer, channel and message.

    Args:
        events: of `engagement.rows.counted`.
        judging: the settings.

    Returns:
        customer_id STRING, channel INT, message_id STRING (null for what needs no message), delivered_on DATE (null
        where nothing was delivered in the window), opened, clicked, replied, redeemed BOOLEAN (of messages delivered in
        the window), acted_on DATE (latest open by a person, click, reply or redemption), answered_on DATE (the latest
        that counted), fate INT (of `rates.fate`), stopped_ts, bounced_ts,
        proof_ts TIMESTAMP, complained, unsubscribed BOOLEAN, kept, copies BIGINT, and a BOOLEAN for each of
        MESSAGE_FLAGS.
    """
    each = F.collect_list(F.struct("type", "event_ts")).alias("listed")
    whole = events.groupBy("customer_id", "channel", "message_id").agg(each)
    known = whole.withColumn("events", F.array_distinct("listed"))
    placed = known.withColumn("delivered_ts", _delivered(judging))
    timed = placed.withColumns(
        {
            "human_opens": _human_opens(judging),
            "in_time": _in_time(judging.config.response_days),
            "soon": _soon(judging),
        }
    )
    has_opens = _channels_where(judging.config.has_opens)
    counts = F.to_date("delivered_ts").between(F.lit(judging.first_day), F.lit(judging.as_of))
    answered = _any_of("in_time", RESPONSES)
    opened = _any_of("in_time", ("opened",)) & _in_human_opens("in_time")
    implied_open = answered if _repairs(judging, "click_without_open") else F.lit(False)
    acts = F.concat("human_opens", _times("events", RESPONSES))
    timely_opens = F.filter("human_opens", lambda moment: F.array_contains(_times("in_time", ("opened",)), moment))
    counted_acts = F.concat(timely_opens, _times("in_time", RESPONSES))
    return timed.select(
        "customer_id",
        "channel",
        "message_id",
        F.when(counts, F.to_date("delivered_ts")).alias("delivered_on"),
        (counts & has_opens & (opened | implied_open)).alias("opened"),
        *((counts & _any_of("in_time", (event,))).alias(event) for event in RESPONSES),
        F.to_date(F.array_max(acts)).alias("acted_on"),
        F.when(counts, F.to_date(F.array_max(counted_acts))).alias("answered_on"),
        _fate(F.to_date("delivered_ts"), has_opens, judging).alias("fate"),
        F.array_min(_times("events", ("unsubscribed", "complained"))).alias("stopped_ts"),
        F.array_max(_times("events", ("bounced",))).alias("bounced_ts"),
        F.array_max(_times("events", ("opened", *RESPONSES))).alias("proof_ts"),
        _any_of("events", ("complained",)).alias("complained"),
        _any_of("events", ("unsubscribed",)).alias("unsubscribed"),
        F.size("events").cast("bigint").alias("kept"),
        (F.size("listed") - F.size("events")).cast("bigint").alias("copies"),
        *_flags(judging, counts, has_opens, answered),
    )


def _flags(judging: Judging, counts: Column, has_opens: Column, answered: Column) -> list[Column]:
    """A BOOLEAN for each of MESSAGE_FLAGS."""
    reactions = ("opened", *RESPONSES)
    first_day = F.lit(judging.first_day)
    dated_in_window = F.exists(_times("events", reactions), lambda moment: F.to_date(moment) >= first_day)
    is_orphan = F.col("delivered_ts").isNull() & _any_of("events", reactions) & dated_in_window
    programs = F.size(_times("events", ("opened",))) > F.size("human_opens")
    return [
        is_orphan.alias("orphan_response"),
        (counts & ~_any_of("events", ("delivered", "impression")) & ~_sent_counts(judging)).alias("delivery_implied"),
        (counts & has_opens & answered & ~_any_of("events", ("opened",))).alias("click_without_open"),
        (counts & has_opens & programs).alias("machine_open"),
        (counts & _any_of("events", RESPONSES) & ~answered).alias("late_response"),
    ]


def _soon(judging: Judging) -> Column:
    """Events up to wait_days after the delivery, of messages whose fate is watched."""
    watched = is_watched(F.to_date("delivered_ts"), judging.as_of, judging.wait_days)
    # Of others nobody asks, so nothing is looked through.
    return F.when(watched, _in_time(min(judging.wait_days, judging.config.response_days)))


def _fate(delivered_on: Column, has_opens: Column, judging: Judging) -> Column:
    """What had become of a message when it was as old as others when they are looked at."""
    answered = _any_of("soon", RESPONSES)
    opened = _any_of("soon", ("opened",)) & _in_human_opens("soon")
    implied = answered if _repairs(judging, "click_without_open") else F.lit(False)
    flags = {
        OPENED: has_opens & (opened | implied),
        CLICKED: _any_of("soon", ("clicked",)),
        ANSWERED: answered,
        REDEEMED: _any_of("soon", ("redeemed",)),
    }
    return fate(delivered_on, judging.as_of, judging.wait_days, flags)


def _delivered(judging: Judging) -> Column:
    """When the message reached the customer, as far as anybody can tell."""
    confirmed = F.array_min(_times("events", ("delivered", "impression")))
    sent = F.array_min(_times("events", ("sent",)))
    answered = _any_of("events", ("opened", *RESPONSES))
    stands = _sent_counts(judging) & ~_any_of("events", ("bounced",))
    return F.coalesce(confirmed, F.when(answered | stands, sent))


def _sent_counts(judging: Judging) -> Column:
    return _channels_where(judging.config.sent_is_delivered)


def _human_opens(judging: Judging) -> Column:
    """Times of opens that no program made."""
    opens = _times("events", ("opened",))
    seconds = judging.config.machine_open_seconds
    if seconds is None:
        return opens
    first = F.unix_micros("delivered_ts") + F.lit(round(seconds * 1_000_000))
    # Of a message that was never delivered nobody knows how soon it was opened.
    return F.filter(opens, lambda moment: F.coalesce(F.unix_micros(moment) >= first, F.lit(True)))


def _in_time(days: int) -> Column:
    """Events up to so many days after the delivery."""
    last = F.unix_micros("delivered_ts") + F.lit(days * 86_400_000_000)
    return F.filter("events", lambda event: F.unix_micros(event["event_ts"]) <= last)


def _in_human_opens(column: str) -> Column:
    return F.exists(
        F.filter(column, lambda event: event["type"] == _PLACE["opened"]),
        lambda event: F.array_contains("human_opens", event["event_ts"]),
    )


def _times(column: str, events: tuple[str, ...]) -> Column:
    mine = F.filter(column, lambda event: event["type"].isin(*(_PLACE[name] for name in events)))
    return F.transform(mine, lambda event: event["event_ts"])


def _any_of(column: str, events: tuple[str, ...]) -> Column:
    return F.exists(column, lambda event: event["type"].isin(*(_PLACE[name] for name in events)))


def _channels_where(test: object) -> Column:
    places = [place for place, name in enumerate(MESSAGE_CHANNELS) if callable(test) and test(name)]
    return F.col("channel").isin(*places) if places else F.lit(False)


def _repairs(judging: Judging, code: str) -> bool:
    return severity(code, judging.limits.checks, MESSAGE_CHECKS) == "repair"


def channel_counts(messages: DataFrame, judging: Judging) -> DataFrame:
    """One row per customer and channel.

    Args:
        messages: of `outcomes`.
        judging: the settings.

    Returns:
        customer_id, channel STRING, delivered, opened, clicked, replied, redeemed, responded (answered), reacted
        (opened or answered) BIGINT, delivered_days ARRAY<DATE>, fates ARRAY<INT> (of `rates.fate`), acted_on,
        answered_on DATE, hard_reason STRING (unsubscribed, complained, bounced or null), hard_since DATE, kept, copies
        BIGINT (distinct events, and further copies), and a BIGINT for each of MESSAGE_FLAGS.
    """
    delivered = F.col("delivered_on").isNotNull()
    any_response = reduce(Column.__or__, [F.col(event) for event in RESPONSES])
    opens = _channels_where(judging.config.has_opens)
    names = F.array(*(F.lit(name) for name in MESSAGE_CHANNELS))
    grouped = messages.groupBy("customer_id", "channel").agg(
        _count(delivered).alias("delivered"),
        _count(F.col("opened")).alias("opened"),
        *(_count(F.col(event)).alias(event) for event in RESPONSES),
        _count(any_response).alias("responded"),
        _count(any_response | F.col("opened")).alias("reacted"),
        F.collect_list("delivered_on").alias("delivered_days"),
        F.collect_list("fate").alias("fates"),
        F.max("acted_on").alias("acted_on"),
        F.max("answered_on").alias("answered_on"),
        F.min("stopped_ts").alias("stopped_ts"),
        F.max("bounced_ts").alias("bounced_ts"),
        F.max("proof_ts").alias("proof_ts"),
        F.max("complained").alias("complained"),
        F.max("unsubscribed").alias("unsubscribed"),
        *(F.sum(name).alias(name) for name in ("kept", "copies")),
        *(_count(F.col(flag)).alias(flag) for flag in MESSAGE_FLAGS),
    )
    # An address that answers after a bounce is alive.
    bounced = F.col("bounced_ts").isNotNull() & F.coalesce(F.col("proof_ts") <= F.col("bounced_ts"), F.lit(True))
    reason = (
        F.when(F.col("unsubscribed"), "unsubscribed").when(F.col("complained"), "complained").when(bounced, "bounced")
    )
    since = F.coalesce("stopped_ts", F.when(bounced, F.col("bounced_ts")))
    return grouped.select(
        "customer_id",
        F.get(names, F.col("channel")).alias("channel"),
        "delivered",
        F.when(opens, F.col("opened")).alias("opened"),
        *RESPONSES,
        "responded",
        "reacted",
        "delivered_days",
        "fates",
        "acted_on",
        "answered_on",
        reason.alias("hard_reason"),
        F.to_date(since).alias("hard_since"),
        "kept",
        "copies",
        *MESSAGE_FLAGS,
    )


def _count(condition: Column) -> Column:
    return F.count(F.when(condition, 1))
