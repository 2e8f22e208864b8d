"""Looking at the events and messages of a day: every row is accounted for, and added up by customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from typing import TypeVar

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.behaviour.interactions import (
    Features,
    bot_days,
    customer_interactions,
    events_each_once,
    without_days,
)
from rfm_spark.behaviour.messages import MESSAGE_FLAGS, Judging, channel_counts, outcomes
from rfm_spark.behaviour.tracking import PAST_DAYS, Health, tracking_health
from rfm_spark.core.checks import Check, severity
from rfm_spark.core.config import Config
from rfm_spark.core.interaction_checks import EVENT_CHECKS, MESSAGE_CHECKS
from rfm_spark.core.interaction_words import (
    EVENT_CHANNELS,
    EVENT_TYPES,
    IGNORED,
    MESSAGE_CHANNELS,
    MESSAGE_EVENTS,
)
from rfm_spark.core.interactions import EventsSource, MessagesSource
from rfm_spark.intake import events as event_rows
from rfm_spark.intake import messages as message_rows
from rfm_spark.intake.events import Reading, judged_events, visitors
from rfm_spark.intake.ids import unicode_changes
from rfm_spark.intake.interaction_counts import InteractionCounts, interaction_counts, tallied
from rfm_spark.intake.messages import judged_messages
from rfm_spark.lake.ledger import RunRow
from rfm_spark.lake.sources import PinnedSource
from rfm_spark.pipeline.accounting import account, checks_found, gate, told
from rfm_spark.pipeline.context import Look

EVENTS, MESSAGES = "events", "messages"
BOT = "bot"
# What of a row shapes results.
_EVENT_CONTENT: tuple[str, ...] = ("customer_id", "event_ts", "type", "channel", "session_id", "event_id")
_MESSAGE_CONTENT: tuple[str, ...] = ("customer_id", "event_ts", "type", "channel", "message_id")
Source = TypeVar("Source")


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
    """

    name: str
    source: EventsSource | MessagesSource
    judged: DataFrame
    counts: InteractionCounts
    health: list[Health]
    summed: DataFrame
    apart: Mapping[str, int] = field(default_factory=dict)


def connected(config: Config) -> list[str]:
    """Those of events and messages that a configuration names."""
    given = {EVENTS: config.sources.events, MESSAGES: config.sources.messages}
    return [name for name, source in given.items() if source is not None]


def look_at_source(look: Look, name: str) -> Seen:
    """`look_at_events` or `look_at_messages`."""
    if name == EVENTS:
        return look_at_events(look, _have(look.config.sources.events))
    return look_at_messages(look, _have(look.config.sources.messages))


def interaction_warnings(look: Look, seen: Seen) -> list[str]:
    """What a reader of the figures should know of the rows.

    Raises:
        GateError: they are beyond a limit at level fail.
    """
    checks = EVENT_CHECKS if seen.name == EVENTS else MESSAGE_CHECKS
    found = gate(seen.name, seen.counts, seen.source.quality, look.as_of, seen.apart)
    return [*found, *told(seen.name, look.rows, checks)]


def same_interactions(run: RunRow, config: Config, pinned: Mapping[str, PinnedSource]) -> bool:
    """Whether a published run has counted just the events and messages that are there now, up to its date."""
    changed = {name for name, at in pinned.items() if run.inputs.get(name) != at.version}
    return all(
        run.contents.get(name) == read_rows(name, config, pinned[name], run.as_of, _unheld).counts.contents
        for name in connected(config)
        if name in changed
    )


def look_at_events(look: Look, source: EventsSource) -> Seen:
    """Events added up by customer, and accounted for in `look.rows`.

    Raises:
        BalanceError: a row is missing, or there twice.
    """
    found = read_rows(EVENTS, look.config, look.sources[EVENTS], look.as_of, look.persist)
    rows, counts = found.judged, found.counts
    if found.reading.visitors is not None:
        look.rows |= _visitor_counts(found.reading.visitors)
    health = tracking_health(EVENTS, _named(counts, EVENT_CHANNELS, EVENT_TYPES), look.as_of, found.first_day)
    look.contents[EVENTS] = counts.contents
    each_id = severity("duplicate_event", source.quality.checks, EVENT_CHECKS) != "off"
    features = Features(
        look.as_of, look.config.interactions, "session_id" in source.columns, "event_id" in source.columns and each_id
    )
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
    ended = totals["all_events"] + _technical(counts)
    look.rows |= account(EVENTS, counts, ended, copies, apart, filters=source.where is not None)
    marked["duplicate_event"] = copies
    look.rows |= checks_found(EVENTS, marked, source.quality.checks, EVENT_CHECKS)
    return Seen(EVENTS, source, rows, counts, health, customers, apart)


def look_at_messages(look: Look, source: MessagesSource) -> Seen:
    """Messages added up by customer and channel, and accounted for in `look.rows`.

    Raises:
        BalanceError: a row is missing, or there twice.
    """
    judging = Judging(look.as_of, look.config.engagement, source.quality)
    read = read_rows(MESSAGES, look.config, look.sources[MESSAGES], look.as_of, look.persist)
    rows, counts = read.judged, read.counts
    named = _named(counts, MESSAGE_CHANNELS, MESSAGE_EVENTS)
    health = tracking_health(MESSAGES, named, look.as_of, read.first_day)
    look.contents[MESSAGES] = counts.contents
    channels = look.hold(channel_counts(outcomes(message_rows.counted(rows, look.as_of), judging), judging))
    sums = (F.sum(name).alias(name) for name in ("kept", "copies", *MESSAGE_FLAGS))
    totals = {name: int(n or 0) for name, n in channels.agg(*sums).collect()[0].asDict().items()}
    look.rows |= account(MESSAGES, counts, totals["kept"], totals["copies"], filters=source.where is not None)
    marked = {**counts.marked, "exact_duplicate": totals["copies"], **{flag: totals[flag] for flag in MESSAGE_FLAGS}}
    look.rows |= checks_found(MESSAGES, marked, source.quality.checks, MESSAGE_CHECKS)
    return Seen(MESSAGES, source, rows, counts, health, channels)


Hold = Callable[[DataFrame], DataFrame]


def _unheld(frame: DataFrame) -> DataFrame:
    return frame


@dataclass(frozen=True)
class Read:
    """Rows of a source with their verdicts, what one pass over them saw, and how they were read."""

    judged: DataFrame
    counts: InteractionCounts
    reading: Reading
    first_day: date


def read_rows(name: str, config: Config, pinned: PinnedSource, as_of: date, hold: Hold) -> Read:
    """The rows of events or messages that a run as of a day looks at, ids in one Unicode form."""
    checks: tuple[Check, ...] = EVENT_CHECKS if name == EVENTS else MESSAGE_CHECKS
    if name == EVENTS:
        events = _have(config.sources.events)
        # A day more than the longest window, for the session that reaches into it; five weeks for tracking health.
        first_day = as_of - timedelta(days=max(config.interactions.windows[-1], PAST_DAYS))
        reading = Reading(pinned.written, first_day, as_of)
        if "visitor_id" in events.columns:
            reading = replace(reading, visitors=hold(visitors(pinned.frame, events, reading)))
        judge = partial(judged_events, pinned.frame, events)
        limits, content = events.quality.checks, _EVENT_CONTENT
    else:
        messages = _have(config.sources.messages)
        first_day = Judging(as_of, config.engagement).read_from
        reading = Reading(pinned.written, first_day)
        judge = partial(judged_messages, pinned.frame, messages)
        limits, content = messages.quality.checks, _MESSAGE_CONTENT
    rows = judge(reading)
    counts = interaction_counts(tallied(rows, [F.col(column) for column in content]), checks, as_of)
    if counts.foreign_ids and severity("id_unicode", limits, checks) != "off":
        changes = hold(unicode_changes(rows.where(F.col("reason").isNull()), ("customer_id",)))
        if not changes.isEmpty():
            reading = replace(reading, id_changes=changes)
            rows = judge(reading)
            counts = interaction_counts(tallied(rows, [F.col(column) for column in content]), checks, as_of)
    return Read(rows, counts, reading, first_day)


def _have(source: Source | None) -> Source:
    if source is None:
        raise RuntimeError("a source is read that the configuration does not name")
    return source


def _technical(counts: InteractionCounts) -> int:
    place = EVENT_TYPES.index(IGNORED)
    return sum(sum(days.values()) for (_, kind), days in counts.series.items() if kind == place)


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


def _named(
    counts: InteractionCounts, channels: tuple[str, ...], kinds: tuple[str, ...]
) -> dict[tuple[str, str], dict[date, int]]:
    return {(channels[channel], kinds[kind]): days for (channel, kind), days in counts.series.items()}
