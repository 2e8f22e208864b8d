"""Looking at the events and messages of a day: every row is accounted for, and added up by customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.drift.config import DriftConfig
from rfm_spark.capabilities.drift.tracking import Health, tracking_health
from rfm_spark.capabilities.engagement import rows as message_rows
from rfm_spark.capabilities.engagement.checks import MESSAGE_CHECKS
from rfm_spark.capabilities.engagement.config import EngagementConfig, MessagesSource
from rfm_spark.capabilities.engagement.messages import MESSAGE_FLAGS, Judging, channel_counts, outcomes
from rfm_spark.capabilities.engagement.words import MESSAGE_CHANNELS, MESSAGE_EVENTS
from rfm_spark.capabilities.events import rows as event_rows
from rfm_spark.capabilities.events.checks import EVENT_CHECKS
from rfm_spark.capabilities.events.config import EventsSource, InteractionsConfig
from rfm_spark.capabilities.events.interactions import (
    Features,
    bot_days,
    customer_interactions,
    events_each_once,
    without_days,
)
from rfm_spark.capabilities.events.words import EVENT_CHANNELS, EVENT_TYPES
from rfm_spark.core.reading.accounting import account, checks_found, gate, told
from rfm_spark.core.reading.checks import severity
from rfm_spark.core.reading.interaction_counts import InteractionCounts
from rfm_spark.core.reading.presets import Kind
from rfm_spark.pipeline.context import Look
from rfm_spark.pipeline.interaction_reading import (
    EVENTS,
    MESSAGES,
    have,
    kinds_seen,
    named_series,
    read_rows,
    sessions_cut,
    technical,
    unknown_in,
)

BOT = "bot"


@dataclass(frozen=True)
class Seen:
    """What a look at events or messages found.

    Attributes:
        name: which of them.
        source: its mapping.
        judged: rows with their verdicts.
        counts: of the pass over them.
        health: of each channel and type.
        summed: of events the customers of `interactions.customer_interactions`, of messages the channels of
            `messages.channel_counts`.
        apart: rows that were rejected later on, by check.
        unknown: how words that nobody knows can be mapped.
        remarks: what else a reader should know.
    """

    name: Kind
    source: EventsSource | MessagesSource
    judged: DataFrame
    counts: InteractionCounts
    health: list[Health]
    summed: DataFrame
    apart: Mapping[str, int] = field(default_factory=dict)
    unknown: str = ""
    remarks: tuple[str, ...] = ()


def look_at_source(look: Look, name: Kind) -> Seen:
    """`look_at_events` or `look_at_messages`."""
    if name == EVENTS:
        return look_at_events(look, have(look.config.find(EventsSource)))
    return look_at_messages(look, have(look.config.find(MessagesSource)))


def interaction_warnings(look: Look, seen: Seen, run_id: str | None = None) -> list[str]:
    """What a reader of the figures should know of the rows.

    Args:
        look: at the rows.
        seen: what it found.
        run_id: of the run whose rejects can be looked at; None before there is one.

    Raises:
        GateError: they are beyond a limit at level fail.
    """
    checks = EVENT_CHECKS if seen.name == EVENTS else MESSAGE_CHECKS
    found = gate(
        seen.name, seen.counts, seen.source.quality, look.as_of, run_id, apart=seen.apart, unknown=seen.unknown
    )
    return [*seen.remarks, *found, *told(seen.name, look.rows, checks)]


def look_at_events(look: Look, source: EventsSource) -> Seen:
    """Events added up by customer, and accounted for in `look.rows`.

    Raises:
        BalanceError: a row is missing, or there twice.
    """
    found = read_rows(EVENTS, look.config, look.sources[EVENTS], look.as_of, look.persist)
    rows, counts = found.judged, found.counts
    if found.reading.visitors is not None:
        look.rows |= _visitor_counts(found.reading.visitors)
    health = tracking_health(EVENTS, named_series(counts, EVENT_CHANNELS, EVENT_TYPES), look.as_of, found.first_day)
    look.contents[EVENTS] = counts.contents
    each_id = severity("duplicate_event", source.quality.checks, EVENT_CHECKS) != "off"
    cut = sessions_cut(counts, look.config.part(InteractionsConfig).session_channels)
    features = Features(
        look.as_of, look.config.part(InteractionsConfig), "session_id" in source.columns,
        "event_id" in source.columns and each_id,
        all_named=not cut, kinds=kinds_seen(counts),
    )  # fmt: skip
    if cut:
        look.rows[f"{EVENTS}.sessions_cut"] = cut
    events = events_each_once(event_rows.counted(rows, look.as_of), features)
    customers = look.hold(customer_interactions(events, features))
    totals = _event_totals(customers)
    copies, apart, marked = totals["copies"], {}, dict(counts.marked)
    bots = _bots(look, events, customers, source)
    if bots is not None:
        # Only the customers concerned are computed again.
        their_events = events.join(bots.ids, "customer_id", "left_semi")
        again = customer_interactions(without_days(their_events, bots.days), features)
        people = look.hold(customers.join(bots.ids, "customer_id", "left_anti").unionByName(again))
        left = _event_totals(people)["all_events"]
        look.rows[f"{EVENTS}.bots"], theirs = bots.count, totals["all_events"] - left
        if severity(BOT, source.quality.checks, EVENT_CHECKS) == "reject":
            customers, apart, totals = people, {BOT: theirs}, {**totals, "all_events": left}
        else:
            marked[BOT] = theirs
    ended = totals["all_events"] + technical(counts, EVENT_TYPES)
    look.rows |= account(EVENTS, counts, ended, copies, apart, filters=source.where is not None)
    marked["duplicate_event"] = copies
    look.rows |= checks_found(EVENTS, marked, source.quality.checks, EVENT_CHECKS)
    remarks = (_cut_sessions(cut, counts, look.config.part(InteractionsConfig)),) if cut else ()
    return Seen(EVENTS, source, rows, counts, health, customers, apart, unknown_in(EVENTS, found), remarks)


def look_at_messages(look: Look, source: MessagesSource) -> Seen:
    """Messages added up by customer and channel, and accounted for in `look.rows`.

    Raises:
        BalanceError: a row is missing, or there twice.
    """
    judging = Judging(
        look.as_of, look.config.part(EngagementConfig), source.quality, look.config.part(DriftConfig).rates.wait_days
    )
    read = read_rows(MESSAGES, look.config, look.sources[MESSAGES], look.as_of, look.persist)
    rows, counts = read.judged, read.counts
    named = named_series(counts, MESSAGE_CHANNELS, MESSAGE_EVENTS)
    health = tracking_health(MESSAGES, named, look.as_of, read.first_day)
    look.contents[MESSAGES] = counts.contents
    channels = look.hold(channel_counts(outcomes(message_rows.counted(rows, look.as_of), judging), judging))
    sums = (F.sum(name).alias(name) for name in ("kept", "copies", *MESSAGE_FLAGS))
    totals = {name: int(n or 0) for name, n in channels.agg(*sums).collect()[0].asDict().items()}
    ended = totals["kept"] + technical(counts, MESSAGE_EVENTS)
    look.rows |= account(MESSAGES, counts, ended, totals["copies"], filters=source.where is not None)
    marked = {**counts.marked, "exact_duplicate": totals["copies"], **{flag: totals[flag] for flag in MESSAGE_FLAGS}}
    look.rows |= checks_found(MESSAGES, marked, source.quality.checks, MESSAGE_CHECKS)
    return Seen(MESSAGES, source, rows, counts, health, channels, unknown=unknown_in(MESSAGES, read))


def _cut_sessions(cut: int, counts: InteractionCounts, config: InteractionsConfig) -> str:
    return (
        f"events: {cut:,} of {counts.read:,} rows have no value in sources.events.columns.session_id: their sessions "
        f"are cut at {config.session_gap_minutes} minutes of silence; see whether the column is the right one"
    )


def _event_totals(customers: DataFrame) -> dict[str, int]:
    row = customers.agg(F.sum("all_events").alias("all_events"), F.sum("copies").alias("copies")).collect()[0]
    return {name: int(row[name] or 0) for name in ("all_events", "copies")}


@dataclass(frozen=True)
class _Bots:
    """Customers' days that a program filled, the customers, and how many they are."""

    days: DataFrame
    ids: DataFrame
    count: int


def _bots(look: Look, events: DataFrame, customers: DataFrame, source: EventsSource) -> _Bots | None:
    """None without any, or where nobody asks."""
    limit = source.quality.max_events_per_minute
    if severity(BOT, source.quality.checks, EVENT_CHECKS) == "off":
        return None
    # Nobody else can have so many in a minute.
    suspects = customers.where(F.col("all_events") > limit).select("customer_id")
    if suspects.isEmpty():
        return None
    days = look.persist(bot_days(events, suspects, limit))
    ids = days.select("customer_id").distinct()
    count = ids.count()
    return _Bots(days, ids, count) if count else None


def _visitor_counts(seen: DataFrame) -> dict[str, int]:
    rows = {row["customers"]: row["count"] for row in seen.groupBy("customers").count().collect()}
    names = {0: "unknown", 1: "identified", 2: "ambiguous"}
    return {f"{EVENTS}.visitors.{names[customers]}": count for customers, count in sorted(rows.items())}
