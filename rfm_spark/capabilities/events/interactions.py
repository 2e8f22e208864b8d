"""What a customer does before they buy: counts, sessions, rates and intent over several windows, in one shuffle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.events.config import FOUR_WEEKS, InteractionsConfig
from rfm_spark.capabilities.events.sessions import (
    SECOND,
    channel_of,
    cut_by_silence,
    makes_sessions,
    micros_of,
    packed,
    type_of,
)
from rfm_spark.capabilities.events.tables import INTERACTION_COLUMNS
from rfm_spark.capabilities.events.visit_rates import (
    CART_ORDERED,
    CARTED,
    ORDERED,
    VIEW_CARTED,
    VIEWED,
    visit_columns,
    visit_days,
)
from rfm_spark.capabilities.events.words import COUNTED_TYPES, EVENT_CHANNELS, EVENT_TYPES

_COLUMN_OF = {
    "click": "clicks", "page_view": "page_views", "product_view": "product_views", "search": "searches",
    "filter_use": "filter_uses", "add_to_cart": "add_to_carts", "video_play": "video_plays",
}  # fmt: skip
_FUNNEL = ("product_view", "add_to_cart", "order")
_BITS = 63


@dataclass(frozen=True)
class Features:
    """How events become features.

    Attributes:
        as_of: last day that counts.
        config: windows, gap, weights.
        has_session: whether the source names sessions.
        has_event_id: whether it names events.
        all_named: whether every event has the name of its session, where the source names them.
        kinds: types the source has at all; a rate of one that it never has is unknown, not 0.
    """

    as_of: date
    config: InteractionsConfig
    has_session: bool = False
    has_event_id: bool = False
    all_named: bool = False
    kinds: frozenset[str] = frozenset(COUNTED_TYPES)


def events_each_once(events: DataFrame, features: Features) -> DataFrame:
    """Packed events with their sessions, cut by silence where they have no name; see `sessions.packed`."""
    once = packed(events, has_session=features.has_session, has_event_id=features.has_event_id)
    if features.has_session and features.all_named:
        return once
    return cut_by_silence(once, features.config.session_gap_minutes)


def customer_interactions(events: DataFrame, features: Features) -> DataFrame:
    """One row per customer with the figures of every window.

    An event counts on its own day; a session, with all its events, in the windows that its last event is in.

    Args:
        events: of `events_each_once`, from the day before the longest window on.
        features: the settings.

    Returns:
        customer_id; `all_events` and `copies` BIGINT of the whole range read; `last_event_ts`; the columns of
        `rates.visit_days`; and for each window `w<days>`, a STRUCT of the columns of `interactions` and `channels`.
    """
    windows = features.config.windows
    sessions = _sessions(_days_of_sessions(events, features), features)
    sums: dict[str, Column] = {
        "all_events": F.sum("all_events"),
        "copies": F.sum("copies"),
        "last_micros": F.max("last_micros"),
    }
    for part in range(-(-windows[-1] // _BITS)):
        sums[f"days_{part}"] = F.bit_or(f"days_{part}")
    views, carts, orders = (F.col(f"has_{kind}") for kind in _FUNNEL)
    funnel = {
        ORDERED: orders, VIEWED: views, VIEW_CARTED: views & carts, CARTED: carts, CART_ORDERED: carts & orders,
    }  # fmt: skip
    sums |= visit_days(F.col("is_session"), "last_age", funnel)
    for days in windows:
        sums |= _window_sums(days, features)
    wide = sessions.groupBy("customer_id").agg(*(column.alias(name) for name, column in sums.items()))
    last = F.timestamp_micros("last_micros")
    return wide.select(
        "customer_id",
        "all_events",
        "copies",
        last.alias("last_event_ts"),
        *visit_columns(),
        *(_window_struct(days, features, last).alias(f"w{days}") for days in windows),
    )


def interaction_rows(customers: DataFrame, windows: tuple[int, ...]) -> DataFrame:
    """Rows of table `interactions`: one for each window a customer has an event in.

    Args:
        customers: of `customer_interactions`.
        windows: their days.
    """
    each = F.array(*(F.struct(F.lit(days).alias("window_days"), F.col(f"w{days}").alias("w")) for days in windows))
    rows = customers.select("customer_id", F.explode(each).alias("one")).where(F.col("one.w.events") > 0)
    return rows.select("customer_id", "one.window_days", "one.w.*")


def customer_columns(customers: DataFrame, days: int, *, weekly: bool) -> DataFrame:
    """customer_id and the columns of one window; with `weekly` also weekly_sessions DOUBLE, of the last 28 days.

    Args:
        customers: of `customer_interactions`, with the window of FOUR_WEEKS where weekly sessions are asked for.
        days: of the window.
        weekly: see above.
    """
    names = [name for name, _, _ in INTERACTION_COLUMNS]
    of_main = (F.col(f"w{days}").getField(name).alias(name) for name in names)
    weeks = ((F.col(f"w{FOUR_WEEKS}").getField("sessions") / F.lit(4)).alias("weekly_sessions"),) if weekly else ()
    return customers.select("customer_id", *of_main, *weeks)


def bot_days(events: DataFrame, many: DataFrame, per_minute: int) -> DataFrame:
    """Days on which somebody has more events in one minute than a person makes.

    Args:
        events: of `events_each_once`.
        many: customer_id of those with so many events at all.
        per_minute: the most a person makes.

    Returns:
        customer_id, day DATE; once each.
    """
    minute = F.floor(micros_of("packed") / F.lit(60 * SECOND))
    theirs = events.join(many, "customer_id", "left_semi")
    busy = theirs.groupBy("customer_id", minute.alias("minute"), _day("packed").alias("day")).agg(
        F.sum("times").alias("events")
    )
    return busy.where(F.col("events") > per_minute).select("customer_id", "day").distinct()


def without_days(events: DataFrame, days: DataFrame) -> DataFrame:
    """Events that don't fall on these days of their customer."""
    keyed = events.withColumn("day", _day("packed"))
    return keyed.join(days, ["customer_id", "day"], "left_anti").drop("day")


def _day(column: str) -> Column:
    return F.to_date(F.timestamp_micros(micros_of(column)))


def _days_of_sessions(events: DataFrame, features: Features) -> DataFrame:
    """Events per customer, channel, session and age in days."""
    kinds = [EVENT_TYPES.index(kind) for kind in COUNTED_TYPES]
    unpacked = events.select(
        "customer_id",
        channel_of("packed").alias("channel"),
        "session",
        F.datediff(F.lit(features.as_of), _day("packed")).alias("age"),
        type_of("packed").alias("type"),
        micros_of("packed").alias("micros"),
        "times",
        "copies",
    )
    zero = F.lit(0).cast("bigint")
    return unpacked.groupBy("customer_id", "channel", "session", "age").agg(
        F.min("micros").alias("first_micros"),
        F.max("micros").alias("last_micros"),
        F.sum("copies").alias("copies"),
        *(F.sum(F.when(F.col("type") == kind, F.col("times")).otherwise(zero)).alias(f"n_{kind}") for kind in kinds),
    )


def _sessions(days: DataFrame, features: Features) -> DataFrame:
    """One row per customer, channel and session (or all events without one), with counts per window."""
    kinds = [EVENT_TYPES.index(kind) for kind in COUNTED_TYPES]
    zero, age = F.lit(0).cast("bigint"), F.col("age")
    all_kinds = reduce(Column.__add__, [F.col(f"n_{kind}") for kind in kinds])
    sums = {
        "all_events": F.sum(all_kinds),
        "copies": F.sum("copies"),
        "first_micros": F.min("first_micros"),
        "last_micros": F.max("last_micros"),
        "last_age": F.min("age"),
    }
    for kind in _FUNNEL:
        sums[f"has_{kind}"] = F.max(F.col(f"n_{EVENT_TYPES.index(kind)}") > 0)
    for part in range(-(-features.config.windows[-1] // _BITS)):
        inside = (age >= part * _BITS) & (age < (part + 1) * _BITS)
        one = F.expr(f"shiftleft(1L, age - {part * _BITS})")
        sums[f"days_{part}"] = F.bit_or(F.when(inside, one).otherwise(zero))
    for window in features.config.windows:
        for number in kinds:
            sums[f"n_{window}_{number}"] = F.sum(F.when(age < window, F.col(f"n_{number}")).otherwise(zero))
    grouped = days.groupBy("customer_id", "channel", "session")
    sessions = grouped.agg(*(column.alias(name) for name, column in sums.items()))
    is_session = F.col("session").isNotNull() & makes_sessions(F.col("channel"), features.config.session_channels)
    return sessions.withColumn("is_session", is_session)


def _window_sums(days: int, features: Features) -> dict[str, Column]:
    """Sums over a customer's sessions for one window."""
    sums = {}
    per_channel = reduce(Column.__add__, [F.col(f"n_{days}_{EVENT_TYPES.index(kind)}") for kind in COUNTED_TYPES])
    for kind in COUNTED_TYPES:
        sums[f"n_{days}_{kind}"] = F.sum(f"n_{days}_{EVENT_TYPES.index(kind)}")
    for at, channel in enumerate(EVENT_CHANNELS):
        sums[f"c_{days}_{channel}"] = F.sum(F.when(F.col("channel") == at, per_channel).otherwise(F.lit(0)))
    counts = F.col("is_session") & (F.col("last_age") < days)
    seconds = F.col("last_micros") - F.col("first_micros")
    sums[f"sessions_{days}"] = F.count(F.when(counts, 1))
    sums[f"bounces_{days}"] = F.count(F.when(counts & (F.col("all_events") == 1), 1))
    sums[f"micros_{days}"] = F.sum(F.when(counts, seconds))
    views, carts, orders = (F.col(f"has_{kind}") for kind in _FUNNEL)
    sums[f"views_{days}"] = F.count(F.when(counts & views, 1))
    sums[f"view_carts_{days}"] = F.count(F.when(counts & views & carts, 1))
    sums[f"carts_{days}"] = F.count(F.when(counts & carts, 1))
    sums[f"cart_orders_{days}"] = F.count(F.when(counts & carts & orders, 1))
    return sums


def _window_struct(days: int, features: Features, last: Column) -> Column:
    weights = features.config.intent_weights
    counts = {kind: F.col(f"n_{days}_{kind}") for kind in COUNTED_TYPES}
    events = reduce(Column.__add__, counts.values())
    points = [F.lit(float(weights.get(kind, 0))) * count for kind, count in counts.items()]
    sessions = F.col(f"sessions_{days}")
    found = {
        "sessions": sessions,
        "events": events,
        **{_COLUMN_OF[kind]: count for kind, count in counts.items() if kind in _COLUMN_OF},
        "bounce_rate": _share(F.col(f"bounces_{days}"), sessions),
        "mean_session_seconds": _share(F.col(f"micros_{days}") / F.lit(float(SECOND)), sessions),
        "active_days": _active_days(days),
        "view_to_cart_rate": _rate_of("add_to_cart", f"view_carts_{days}", f"views_{days}", features),
        "cart_to_order_rate": _rate_of("order", f"cart_orders_{days}", f"carts_{days}", features),
        "intent_score": reduce(Column.__add__, points),
        "last_event_ts": F.when(events > 0, last),
    }
    named = F.map_from_arrays(
        F.array(*(F.lit(channel) for channel in EVENT_CHANNELS)),
        F.array(*(F.col(f"c_{days}_{channel}") for channel in EVENT_CHANNELS)),
    )
    channels = F.map_filter(named, lambda _, rows: rows > 0)
    ordered = [found[name].alias(name) for name, _, _ in INTERACTION_COLUMNS]
    return F.struct(*ordered, channels.alias("channels"))


def _rate_of(kind: str, part: str, whole: str, features: Features) -> Column:
    """Null also where the source never has what the rate is of: whether they do it elsewhere, nobody knows."""
    return _share(F.col(part), F.col(whole)) if kind in features.kinds else F.lit(None).cast("double")


def _share(part: Column, whole: Column) -> Column:
    return F.when(whole > 0, part.cast("double") / whole)


def _active_days(days: int) -> Column:
    found = F.lit(0)
    for place in range(-(-days // _BITS)):
        inside = min(days - place * _BITS, _BITS)
        mask = F.lit((1 << inside) - 1).cast("bigint")
        found = found + F.bit_count(F.col(f"days_{place}").bitwiseAND(mask))
    return found.cast("int")
