"""Looking at the messages of a day: every row is accounted for, and added up by customer and channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.drift.artefacts import Volume
from rfm_spark.capabilities.engagement.checks import MESSAGE_CHECKS
from rfm_spark.capabilities.engagement.config import MessagesSource
from rfm_spark.capabilities.engagement.messages import MESSAGE_FLAGS, Judging, channel_counts, outcomes
from rfm_spark.capabilities.engagement.rows import counted, validated_messages
from rfm_spark.capabilities.engagement.words import MESSAGE_CHANNELS, MESSAGE_EVENTS
from rfm_spark.core.reading.accounting import account, check_messages, checks_found, gate
from rfm_spark.core.reading.interaction_counts import InteractionCounts
from rfm_spark.core.reading.interactions import Catalogue, Hold, Reading, Rows, read_rows, technical, unknown_in
from rfm_spark.core.reading.presets import Kind
from rfm_spark.pipeline.environment import Frames, Source

MESSAGES: Kind = "messages"
# What of a row shapes results.
_CONTENT = ("customer_id", "event_ts", "type", "channel", "message_id")


@dataclass(frozen=True)
class MessageLook:
    """What looking takes.

    Attributes:
        source: the messages, pinned.
        mapping: of their columns and events.
        judging: day, windows, thresholds.
        frames: keeps what is read more than once.
        customers: how many customers there are to segment.
    """

    source: Source
    mapping: MessagesSource
    judging: Judging
    frames: Frames
    customers: int


@dataclass(frozen=True)
class MessagesSeen:
    """What a look at messages found.

    Attributes:
        validated: rows with their verdicts.
        counts: of the pass over them.
        channels: of `messages.channel_counts`.
        volumes: rows per day of each channel and event.
        first_day: first day that was read.
        rows: counts for the ledger.
        unknown: how words that nobody knows can be mapped.
    """

    validated: DataFrame
    counts: InteractionCounts
    channels: DataFrame
    volumes: tuple[Volume, ...]
    first_day: date
    rows: Mapping[str, int]
    unknown: str


def read_messages(source: Source, mapping: MessagesSource, judging: Judging, hold: Hold) -> Rows:
    """The rows of messages that a run as of a day looks at.

    Args:
        source: the messages, pinned.
        mapping: of their columns and events.
        judging: day and windows.
        hold: keeps what is read more than once.
    """
    reading = Reading(source.written, judging.read_from)
    catalogue = Catalogue(MESSAGE_CHECKS, mapping.quality.checks, _CONTENT)
    return read_rows(partial(validated_messages, source.frame, mapping), reading, catalogue, judging.as_of, hold)


def look_at_messages(look: MessageLook) -> MessagesSeen:
    """Messages added up by customer and channel, and accounted for.

    Raises:
        BalanceError: a row is missing, or there twice.
    """
    mapping, judging = look.mapping, look.judging
    read = read_messages(look.source, mapping, judging, look.frames.persist)
    rows, counts = read.validated, read.counts
    summed = channel_counts(outcomes(counted(rows, judging.as_of), judging), judging)
    channels = look.frames.hold(summed, look.customers)
    sums = (F.sum(name).alias(name) for name in ("kept", "copies", *MESSAGE_FLAGS))
    totals = {name: int(n or 0) for name, n in channels.agg(*sums).collect()[0].asDict().items()}
    ended = totals["kept"] + technical(counts, MESSAGE_EVENTS)
    ledger = account(MESSAGES, counts, ended, totals["copies"], filters=mapping.where is not None)
    marked = {**counts.marked, "exact_duplicate": totals["copies"], **{flag: totals[flag] for flag in MESSAGE_FLAGS}}
    ledger |= checks_found(MESSAGES, marked, mapping.quality.checks, MESSAGE_CHECKS)
    volumes = tuple(
        Volume(MESSAGE_CHANNELS[channel], MESSAGE_EVENTS[kind], days) for (channel, kind), days in counts.series.items()
    )
    return MessagesSeen(rows, counts, channels, volumes, judging.read_from, ledger, unknown_in(MESSAGES, read))


def message_warnings(look: MessageLook, seen: MessagesSeen, run_id: str | None = None) -> list[str]:
    """What a reader of the figures should know of the rows.

    Args:
        look: what it took.
        seen: what it found.
        run_id: of the run whose rejects can be looked at; None before there is one.

    Raises:
        GateError: they are beyond a limit at level fail.
    """
    limits, as_of = look.mapping.quality, look.judging.as_of
    found = gate(MESSAGES, seen.counts, limits, as_of, run_id, apart={}, unknown=seen.unknown)
    return [*found, *check_messages(MESSAGES, seen.rows, MESSAGE_CHECKS)]
