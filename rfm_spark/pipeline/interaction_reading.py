"""Rows of events and messages as a run looks at them: of which days, judged, counted in one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import TypeVar

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.drift.tracking import PAST_DAYS
from rfm_spark.capabilities.engagement.checks import MESSAGE_CHECKS
from rfm_spark.capabilities.engagement.config import EngagementConfig, MessagesSource
from rfm_spark.capabilities.engagement.messages import Judging
from rfm_spark.capabilities.engagement.rows import judged_messages
from rfm_spark.capabilities.events.checks import EVENT_CHECKS
from rfm_spark.capabilities.events.config import EventsSource, InteractionsConfig
from rfm_spark.capabilities.events.rows import Reading, judged_events, visitors
from rfm_spark.capabilities.events.words import EVENT_CHANNELS, EVENT_TYPES
from rfm_spark.core.config import Config
from rfm_spark.core.reading.checks import IGNORED, Check, severity
from rfm_spark.core.reading.ids import unicode_changes
from rfm_spark.core.reading.interaction_counts import InteractionCounts, interaction_counts, tallied
from rfm_spark.core.reading.presets import Kind
from rfm_spark.core.reading.unknown_words import UNKNOWN_TYPE, how_to_map, unknown_words
from rfm_spark.core.runs import RunRow
from rfm_spark.lake.sources import PinnedSource

EVENTS: Kind = "events"
MESSAGES: Kind = "messages"
# What of a row shapes results.
_EVENT_CONTENT: tuple[str, ...] = ("customer_id", "event_ts", "type", "channel", "session_id", "event_id")
_MESSAGE_CONTENT: tuple[str, ...] = ("customer_id", "event_ts", "type", "channel", "message_id")
Source = TypeVar("Source")
Hold = Callable[[DataFrame], DataFrame]


@dataclass(frozen=True)
class Rows:
    """Rows of a source with their verdicts, what one pass over them saw, and how they were read."""

    judged: DataFrame
    counts: InteractionCounts
    reading: Reading
    first_day: date


def read_rows(name: Kind, config: Config, pinned: PinnedSource, as_of: date, hold: Hold) -> Rows:
    """The rows of events or messages that a run as of a day looks at, ids in one Unicode form."""
    checks: tuple[Check, ...] = EVENT_CHECKS if name == EVENTS else MESSAGE_CHECKS
    if name == EVENTS:
        events = have(config.find(EventsSource))
        # A day more than the longest window, for the session that reaches into it; five weeks for tracking health.
        first_day = as_of - timedelta(days=max(config.part(InteractionsConfig).windows[-1], PAST_DAYS))
        reading = Reading(pinned.written, first_day, as_of)
        if "visitor_id" in events.columns:
            reading = replace(reading, visitors=hold(visitors(pinned.frame, events, reading)))
        judge = partial(judged_events, pinned.frame, events)
        limits, content = events.quality.checks, _EVENT_CONTENT
        nameless = F.col("session_id").isNull() if "session_id" in events.columns else None
    else:
        messages = have(config.find(MessagesSource))
        first_day = Judging(as_of, config.part(EngagementConfig)).read_from
        reading = Reading(pinned.written, first_day)
        judge = partial(judged_messages, pinned.frame, messages)
        limits, content, nameless = messages.quality.checks, _MESSAGE_CONTENT, None
    rows = judge(reading)
    shaping = [F.col(column) for column in content]
    counts = interaction_counts(tallied(rows, shaping, nameless), checks, as_of)
    if counts.foreign_ids and severity("id_unicode", limits, checks) != "off":
        changes = hold(unicode_changes(rows.where(F.col("reason").isNull()), ("customer_id",)))
        if not changes.isEmpty():
            reading = replace(reading, id_changes=changes)
            rows = judge(reading)
            counts = interaction_counts(tallied(rows, shaping, nameless), checks, as_of)
    return Rows(rows, counts, reading, first_day)


def same_interactions(run: RunRow, config: Config, pinned: Mapping[str, PinnedSource]) -> bool:
    """Whether a published run has counted just the events and messages that are there now, up to its date."""
    changed = {name for name, at in pinned.items() if run.inputs.get(name) != at.version}
    return all(
        run.contents.get(name) == read_rows(name, config, pinned[name], run.as_of, _unheld).counts.contents
        for name in connected(config)
        if name in changed
    )


def connected(config: Config) -> list[Kind]:
    """Which of events and messages the configuration names."""
    given: dict[Kind, object] = {EVENTS: config.find(EventsSource), MESSAGES: config.find(MessagesSource)}
    return [name for name, source in given.items() if source is not None]


def technical(counts: InteractionCounts, kinds: Sequence[str]) -> int:
    """Rows up to as_of that nobody counts, since nobody did anything."""
    place = kinds.index(IGNORED)
    return sum(sum(days.values()) for (_, kind), days in counts.series.items() if kind == place)


def kinds_seen(counts: InteractionCounts) -> frozenset[str]:
    """Types of events that the source has at all, in the days looked at."""
    return frozenset(EVENT_TYPES[kind] for _, kind in counts.series)


def sessions_cut(counts: InteractionCounts, channels: Sequence[str]) -> int:
    """Events of channels with sessions that don't name theirs, where the source names them."""
    rows = {(EVENT_CHANNELS[channel], EVENT_TYPES[kind]): n for (channel, kind), n in counts.nameless.items()}
    return sum(n for (channel, kind), n in rows.items() if channel in channels and kind != IGNORED)


def unknown_in(source: Kind, rows: Rows) -> str:
    """How the words that nobody knows can be mapped; empty, and nothing is looked at, where no row has one."""
    words = unknown_words(rows.judged) if rows.counts.rejected.get(UNKNOWN_TYPE) else []
    return how_to_map(source, words) if words else ""


def named_series(
    counts: InteractionCounts, channels: tuple[str, ...], kinds: tuple[str, ...]
) -> dict[tuple[str, str], dict[date, int]]:
    """Rows per day by the names of channel and type."""
    return {(channels[channel], kinds[kind]): days for (channel, kind), days in counts.series.items()}


def _unheld(frame: DataFrame) -> DataFrame:
    return frame


def have(source: Source | None) -> Source:
    """A source that must be there."""
    if source is None:
        raise RuntimeError("a source is read that the configuration does not name")
    return source
