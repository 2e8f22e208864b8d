"""Looking at the events of a day: every row is accounted for, and added up by customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.drift.artefacts import VOLUME_DAYS, Volume
from rfm_spark.capabilities.events.checks import EVENT_CHECKS
from rfm_spark.capabilities.events.config import EventsSource, InteractionsConfig
from rfm_spark.capabilities.events.interactions import (
    Features,
    bot_days,
    customer_interactions,
    events_each_once,
    without_days,
)
from rfm_spark.capabilities.events.rows import FEATURE, counted, validated_events, visitors
from rfm_spark.capabilities.events.words import EVENT_CHANNELS, EVENT_TYPES
from rfm_spark.core.reading.accounting import account, check_messages, checks_found, gate
from rfm_spark.core.reading.checks import IGNORED, severity
from rfm_spark.core.reading.interaction_counts import InteractionCounts
from rfm_spark.core.reading.interactions import Catalogue, Hold, Reading, Rows, read_rows, technical, unknown_in
from rfm_spark.core.reading.presets import Kind
from rfm_spark.pipeline.environment import Frames, Source

EVENTS: Kind = "events"
BOT = "bot"
# What of a row shapes results.
_CONTENT = ("customer_id", "event_ts", "type", "channel", "session_id", "event_id")


@dataclass(frozen=True)
class EventLook:
    """What looking takes.

    Attributes:
        as_of: last day that counts.
        source: the events, pinned.
        mapping: of their columns and types.
        config: windows, gap, weights.
        frames: keeps what is read more than once.
        customers: how many customers there are to segment.
    """

    as_of: date
    source: Source
    mapping: EventsSource
    config: InteractionsConfig
    frames: Frames
    customers: int


@dataclass(frozen=True)
class EventsSeen:
    """What a look at events found.

    Attributes:
        validated: rows with their verdicts.
        counts: of the pass over them.
        customers: of `interactions.customer_interactions`.
        volumes: rows per day of each channel and type.
        first_day: first day that was read.
        rows: counts for the ledger.
        apart: rows that were rejected later on, by check.
        unknown: how words that nobody knows can be mapped.
        remarks: what else a reader should know.
    """

    validated: DataFrame
    counts: InteractionCounts
    customers: DataFrame
    volumes: tuple[Volume, ...]
    first_day: date
    rows: Mapping[str, int]
    apart: Mapping[str, int] = field(default_factory=dict)
    unknown: str = ""
    remarks: tuple[str, ...] = ()


def read_events(source: Source, mapping: EventsSource, config: InteractionsConfig, as_of: date, hold: Hold) -> Rows:
    """The rows of events that a run as of a day looks at.

    Args:
        source: the events, pinned.
        mapping: of their columns and types.
        config: windows.
        as_of: last day that counts.
        hold: keeps what is read more than once.
    """
    # A day more than the longest window, for the session that reaches into it; five weeks for tracking health.
    first_day = as_of - timedelta(days=max(config.windows[-1], VOLUME_DAYS))
    reading = Reading(source.written, first_day, as_of)
    if "visitor_id" in mapping.columns:
        reading = replace(reading, visitors=hold(visitors(source.frame, mapping, reading)))
    nameless = F.col("session_id").isNull() if "session_id" in mapping.columns else None
    content = (*_CONTENT, FEATURE) if FEATURE in mapping.columns else _CONTENT
    catalogue = Catalogue(EVENT_CHECKS, mapping.quality.checks, content, nameless)
    return read_rows(partial(validated_events, source.frame, mapping), reading, catalogue, as_of, hold)


def look_at_events(look: EventLook) -> EventsSeen:
    """Events added up by customer, and accounted for.

    Raises:
        BalanceError: a row is missing, or there twice.
    """
    mapping, config = look.mapping, look.config
    read = read_events(look.source, mapping, config, look.as_of, look.frames.persist)
    counts, ledger = read.counts, dict[str, int]()
    if read.reading.visitors is not None:
        ledger |= _visitor_counts(read.reading.visitors)
    features = _features(look, counts)
    cut = _sessions_cut(counts, config)
    if cut:
        ledger[f"{EVENTS}.sessions_cut"] = cut
    events = events_each_once(counted(read.validated, look.as_of), features)
    customers = look.frames.hold(customer_interactions(events, features), look.customers)
    totals = _totals(customers)
    copies, apart, marked = totals["copies"], dict[str, int](), dict(counts.marked)
    bots = _bots(look, events, customers)
    if bots is not None:
        # Only the customers concerned are computed again.
        their_events = events.join(bots.ids, "customer_id", "left_semi")
        again = customer_interactions(without_days(their_events, bots.days), features)
        people = customers.join(bots.ids, "customer_id", "left_anti").unionByName(again)
        people = look.frames.hold(people, look.customers)
        left = _totals(people)["all_events"]
        ledger[f"{EVENTS}.bots"], theirs = bots.count, totals["all_events"] - left
        if severity(BOT, mapping.quality.checks, EVENT_CHECKS) == "reject":
            customers, apart, totals = people, {BOT: theirs}, {**totals, "all_events": left}
        else:
            marked[BOT] = theirs
    ended = totals["all_events"] + technical(counts, EVENT_TYPES)
    ledger |= account(EVENTS, counts, ended, copies, apart, filters=mapping.where is not None)
    marked["duplicate_event"] = copies
    ledger |= checks_found(EVENTS, marked, mapping.quality.checks, EVENT_CHECKS)
    remarks = (_cut_sentence(cut, counts, config),) if cut else ()
    first_day = read.reading.first_day or date.min
    return EventsSeen(
        read.validated, counts, customers, _volumes(counts), first_day, ledger, apart, unknown_in(EVENTS, read), remarks
    )


def event_warnings(look: EventLook, seen: EventsSeen, run_id: str | None = None) -> list[str]:
    """What a reader of the figures should know of the rows.

    Args:
        look: what it took.
        seen: what it found.
        run_id: of the run whose rejects can be looked at; None before there is one.

    Raises:
        GateError: they are beyond a limit at level fail.
    """
    found = gate(EVENTS, seen.counts, look.mapping.quality, look.as_of, run_id, apart=seen.apart, unknown=seen.unknown)
    return [*seen.remarks, *found, *check_messages(EVENTS, seen.rows, EVENT_CHECKS)]


def _features(look: EventLook, counts: InteractionCounts) -> Features:
    mapping = look.mapping
    each_id = severity("duplicate_event", mapping.quality.checks, EVENT_CHECKS) != "off"
    return Features(
        look.as_of,
        look.config,
        "session_id" in mapping.columns,
        "event_id" in mapping.columns and each_id,
        all_named=not _sessions_cut(counts, look.config),
        kinds=frozenset(EVENT_TYPES[kind] for _, kind in counts.series),
    )


def _sessions_cut(counts: InteractionCounts, config: InteractionsConfig) -> int:
    """Events of channels with sessions that don't name theirs, where the source names them."""
    rows = {(EVENT_CHANNELS[channel], EVENT_TYPES[kind]): n for (channel, kind), n in counts.nameless.items()}
    return sum(n for (channel, kind), n in rows.items() if channel in config.session_channels and kind != IGNORED)


def _cut_sentence(cut: int, counts: InteractionCounts, config: InteractionsConfig) -> str:
    return (
        f"events: {cut:,} of {counts.read:,} rows have no value in sources.events.columns.session_id: their sessions "
        f"are cut at {config.session_gap_minutes} minutes of silence; see whether the column is the right one"
    )


def _volumes(counts: InteractionCounts) -> tuple[Volume, ...]:
    return tuple(
        Volume(EVENT_CHANNELS[channel], EVENT_TYPES[kind], days) for (channel, kind), days in counts.series.items()
    )


def _totals(customers: DataFrame) -> dict[str, int]:
    row = customers.agg(F.sum("all_events").alias("all_events"), F.sum("copies").alias("copies")).collect()[0]
    return {name: int(row[name] or 0) for name in ("all_events", "copies")}


@dataclass(frozen=True)
class _Bots:
    """Customers' days that a program filled, the customers, and how many they are."""

    days: DataFrame
    ids: DataFrame
    count: int


def _bots(look: EventLook, events: DataFrame, customers: DataFrame) -> _Bots | None:
    """None without any, or where nobody asks."""
    limits = look.mapping.quality
    if severity(BOT, limits.checks, EVENT_CHECKS) == "off":
        return None
    # Nobody else can have so many in a minute.
    many = customers.where(F.col("all_events") > limits.max_events_per_minute).select("customer_id")
    if many.isEmpty():
        return None
    days = look.frames.persist(bot_days(events, many, limits.max_events_per_minute))
    ids = days.select("customer_id").distinct()
    count = ids.count()
    return _Bots(days, ids, count) if count else None


def _visitor_counts(seen: DataFrame) -> dict[str, int]:
    rows = {row["customers"]: row["count"] for row in seen.groupBy("customers").count().collect()}
    names = {0: "unknown", 1: "identified", 2: "ambiguous"}
    return {f"{EVENTS}.visitors.{names[customers]}": count for customers, count in sorted(rows.items())}
