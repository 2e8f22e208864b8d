"""What a user says about events: where they are, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from rfm_spark.capabilities.events.checks import EVENT_CHECKS
from rfm_spark.capabilities.events.words import COUNTED_TYPES, EVENT_CHANNELS, EVENT_TYPES, SESSION_CHANNELS
from rfm_spark.core.reading.limits import (
    Simulated,
    SourceLimits,
    as_lists,
    channel_problems,
    column_problems,
    must_be_known,
    word_problems,
)
from rfm_spark.core.reading.places import Where
from rfm_spark.core.reading.presets import preset_name
from rfm_spark.core.strict import Strict

EVENT_COLUMNS = ("customer_id", "event_ts", "event_type", "session_id", "event_id", "visitor_id", "channel",
                 "received_ts", "signup_ts", "feature")  # fmt: skip
_known, _listed = preset_name("events")
EventPreset = Annotated[str, _known, _listed]


class EventLimits(SourceLimits):
    """Limits of the events."""

    max_events_per_minute: int = Field(
        200, ge=1, description="A customer with more in one minute is a program; their events of that day are left out."
    )

    @model_validator(mode="after")
    def _known(self) -> EventLimits:
        must_be_known(self.checks, EVENT_CHECKS)
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
        return as_lists(types)

    @model_validator(mode="after")
    def _columns_fit(self) -> EventsSource:
        found = column_problems(self.columns, EVENT_COLUMNS, ("customer_id", "event_ts", "event_type"), "events")
        found += word_problems(self.types, EVENT_TYPES, "types")
        found += channel_problems(self.simulated, EVENT_CHANNELS)
        if found:
            raise ValueError("; ".join(found))
        return self

    def schema_rule(self, name: str, config: Any) -> tuple[str, str]:
        """As its own limits say."""
        return self.quality.schema_drift, f"sources.{name}.quality"


FOUR_WEEKS = 28


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

    def with_weeks(self) -> InteractionsConfig:
        """The same, with the window that weekly sessions are counted in."""
        windows = tuple(sorted({*self.windows, FOUR_WEEKS}))
        return self.model_copy(update={"windows": windows})

    @model_validator(mode="after")
    def _main_is_one(self) -> InteractionsConfig:
        if self.main_window not in self.windows:
            raise ValueError(f"main_window must be one of windows ({', '.join(map(str, self.windows))})")
        return self


OPTIONAL_SOURCES = {"events": EventsSource}
SETTINGS = {"interactions": InteractionsConfig}


def _counts_weeks(document: Mapping[str, Any]) -> bool:
    measured = ((document.get("rfm") or {}).get("measures") or {}).get("frequency") == "weekly_sessions"
    windows = (document.get("interactions") or {}).get("windows") or ()
    return bool(document["sources"].get("events")) and (measured or FOUR_WEEKS in windows)


STAGES: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "interactions": lambda document: bool(document["sources"].get("events")),
    "weekly_sessions": _counts_weeks,
    "features": lambda document: "feature" in ((document["sources"].get("events") or {}).get("columns") or {}),
}
REMEDIES = {"interactions": "give sources.events", "features": "map sources.events.columns.feature",
            "weekly_sessions": f"name {FOUR_WEEKS} in interactions.windows"}  # fmt: skip
# Columns of either hang on both sources.
COUNTS_TOGETHER = True
