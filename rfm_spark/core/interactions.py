"""What a user says about events and messages: where they are, and what is made of events."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from rfm_spark.core.checks import Check, Severity, problems
from rfm_spark.core.interaction_checks import EVENT_CHECKS, MESSAGE_CHECKS
from rfm_spark.core.interaction_words import (
    COUNTED_TYPES,
    EVENT_CHANNELS,
    EVENT_TYPES,
    MESSAGE_CHANNELS,
    MESSAGE_EVENTS,
    SESSION_CHANNELS,
)
from rfm_spark.core.places import Where, unread_column
from rfm_spark.core.presets import EventPreset, MessagePreset, word_problems
from rfm_spark.core.quality import Levels, Limit
from rfm_spark.core.strict import Strict

EVENT_COLUMNS = ("customer_id", "event_ts", "event_type", "session_id", "event_id", "visitor_id", "channel",
                 "received_ts", "signup_ts")  # fmt: skip
MESSAGE_COLUMNS = ("customer_id", "message_id", "event_ts", "event", "channel")
Simulated = bool | tuple[str, ...]


def _as_lists(words: Any) -> Any:
    if not isinstance(words, dict):
        return words
    return {ours: [theirs] if isinstance(theirs, str) else theirs for ours, theirs in words.items()}


def _column_problems(columns: dict[str, str], known: tuple[str, ...], needed: tuple[str, ...], name: str) -> list[str]:
    found = [f"columns.{column} is missing" for column in needed if column not in columns]
    for column in sorted(set(columns) - set(known)):
        found.append(unread_column(column, name, known))
    return found


def _word_problems(words: dict[str, tuple[str, ...]], known: tuple[str, ...], key: str) -> list[str]:
    found = [f"{key}.{ours} is unknown; there are {', '.join(known)}" for ours in words if ours not in known]
    return found + [f"{key}: {problem}" for problem in word_problems(words)]


def _channel_problems(simulated: Simulated, known: tuple[str, ...]) -> list[str]:
    named = () if isinstance(simulated, bool) else simulated
    return [f"simulated: {one} is no channel; there are {', '.join(known)}" for one in named if one not in known]


def _must_be_known(overrides: dict[str, Severity], checks: tuple[Check, ...]) -> None:
    found = problems(overrides, checks)
    if found:
        raise ValueError("; ".join(found))


class SourceLimits(Strict):
    """Limits of an interaction source; a plain number is the level at which the run stops."""

    max_reject_share: Limit = Field(
        Levels(warn=0.05, fail=0.5), description="Share of the rows with a customer that may be rejected."
    )
    max_staleness_days: Limit = Field(Levels(warn=3), description="Newest row against as-of; null switches it off.")
    schema_drift: Literal["fail", "warn"] = Field(
        "fail", description="When the columns of the source differ from those of its last run."
    )
    checks: dict[str, Severity] = Field(default_factory=dict, description="Check to severity.")

    @field_validator("checks", mode="before")
    @classmethod
    def _off_is_a_word(cls, checks: Any) -> Any:
        # YAML reads a bare off as false.
        if not isinstance(checks, dict):
            return checks
        return {code: "off" if chosen is False else chosen for code, chosen in checks.items()}

    def levels(self, name: str) -> Levels:
        """A limit as its two steps."""
        limit = getattr(self, name)
        if isinstance(limit, Levels):
            return limit
        return Levels() if limit is None else Levels(fail=limit)


class EventLimits(SourceLimits):
    """Limits of the events."""

    max_events_per_minute: int = Field(
        200, ge=1, description="A customer with more in one minute is a program; their events of that day are left out."
    )

    @model_validator(mode="after")
    def _known(self) -> EventLimits:
        _must_be_known(self.checks, EVENT_CHECKS)
        return self


class MessageLimits(SourceLimits):
    """Limits of the messages."""

    @model_validator(mode="after")
    def _known(self) -> MessageLimits:
        _must_be_known(self.checks, MESSAGE_CHECKS)
        return self


class EventsSource(Where):
    """Web, app and other events: where they are, and how their columns and types map to ours."""

    columns: dict[str, str] = Field(description="ours: theirs, a column name or a scalar SQL expression.")
    preset: EventPreset | None = Field(None, description="The names of a common tracker's event types.")
    types: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="ours: theirs, of event types; wins over the preset."
    )
    simulated: Simulated = Field(False, description="Invented data: true, or the channels that are; shown everywhere.")
    quality: EventLimits = EventLimits()

    @field_validator("types", mode="before")
    @classmethod
    def _lists(cls, types: Any) -> Any:
        return _as_lists(types)

    @model_validator(mode="after")
    def _columns_fit(self) -> EventsSource:
        found = _column_problems(self.columns, EVENT_COLUMNS, ("customer_id", "event_ts", "event_type"), "events")
        found += _word_problems(self.types, EVENT_TYPES, "types")
        found += _channel_problems(self.simulated, EVENT_CHANNELS)
        if found:
            raise ValueError("; ".join(found))
        return self


class MessagesSource(Where):
    """Campaign messages and what became of them, one row per message and event."""

    columns: dict[str, str] = Field(description="ours: theirs, a column name or a scalar SQL expression.")
    preset: MessagePreset | None = Field(None, description="What a common sender of messages calls its events.")
    events: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="ours: theirs, of events such as delivered and opened; wins over the preset."
    )
    simulated: Simulated = Field(False, description="Invented data: true, or the channels that are; shown everywhere.")
    quality: MessageLimits = MessageLimits()

    @field_validator("events", mode="before")
    @classmethod
    def _lists(cls, events: Any) -> Any:
        return _as_lists(events)

    @model_validator(mode="after")
    def _columns_fit(self) -> MessagesSource:
        found = _column_problems(
            self.columns, MESSAGE_COLUMNS, ("customer_id", "message_id", "event_ts", "event"), "messages"
        )
        found += _word_problems(self.events, MESSAGE_EVENTS, "events")
        found += _channel_problems(self.simulated, MESSAGE_CHANNELS)
        if found:
            raise ValueError("; ".join(found))
        return self


class InteractionsConfig(Strict):
    """What is made of events."""

    windows: tuple[int, ...] = Field((7, 30, 90), min_length=1, max_length=5, description="Days, ascending.")
    main_window: int = Field(30, description="The window whose columns `segments`, rules and clusters have.")
    session_gap_minutes: int = Field(
        30, ge=1, le=24 * 60, description="Silence that ends a session, where the source names none."
    )
    session_channels: tuple[str, ...] = Field(
        SESSION_CHANNELS, min_length=1, description="Channels whose events make sessions."
    )
    intent_weights: dict[str, float] = Field(
        {
            "page_view": 1, "product_view": 2, "search": 3, "filter_use": 3, "add_to_cart": 10, "video_play": 2,
            "click": 1, "order": 0, "contact": 5, "other": 0,
        },
        description="Points per event; intent_score is their sum.",
    )  # fmt: skip

    @field_validator("windows")
    @classmethod
    def _ascending(cls, windows: tuple[int, ...]) -> tuple[int, ...]:
        if list(windows) != sorted(set(windows)) or windows[0] < 1 or windows[-1] > 400:
            raise ValueError("windows takes ascending numbers of days from 1 to 400")
        return windows

    @field_validator("session_channels")
    @classmethod
    def _known_channels(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        for channel in channels:
            if channel not in EVENT_CHANNELS:
                raise ValueError(f"{channel} is no channel; there are {', '.join(EVENT_CHANNELS)}")
        return channels

    @field_validator("intent_weights")
    @classmethod
    def _known_types(cls, weights: dict[str, float]) -> dict[str, float]:
        for kind, weight in weights.items():
            if kind not in COUNTED_TYPES:
                raise ValueError(f"{kind} is no event type; there are {', '.join(COUNTED_TYPES)}")
            if not 0 <= weight <= 1000:
                raise ValueError(f"{kind}: a weight is a number from 0 to 1000")
        return weights

    @model_validator(mode="after")
    def _main_is_one(self) -> InteractionsConfig:
        if self.main_window not in self.windows:
            raise ValueError(f"main_window must be one of windows ({', '.join(map(str, self.windows))})")
        return self
