"""What a user says about messages: where they are, windows, thresholds of tiers, actions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from rfm_spark.capabilities.engagement.checks import MESSAGE_CHECKS
from rfm_spark.capabilities.engagement.words import MESSAGE_CHANNELS, MESSAGE_EVENTS, OLDER_TIERS
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

MESSAGE_COLUMNS = ("customer_id", "message_id", "event_ts", "event", "channel")
_known, _listed = preset_name("messages")
MessagePreset = Annotated[str, _known, _listed]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_RENAMED = dict(OLDER_TIERS)


def _as_older(document: Mapping[str, Any]) -> dict[str, Any]:
    older = {new: old for old, new in OLDER_TIERS}
    return {older.get(key, key): value for key, value in document.items()}


class OpenClick(Strict):
    """Thresholds of a channel with opens."""

    open: Share
    click: Share


class OpenTiers(Strict):
    """Tiers of channels with opens: above both is highly engaged, below both is disengaged."""

    renamed = _RENAMED
    highly_engaged: OpenClick = OpenClick(open=0.75, click=0.50)
    disengaged: OpenClick = OpenClick(open=0.30, click=0.10)

    @model_validator(mode="after")
    def _apart(self) -> OpenTiers:
        if self.highly_engaged.open < self.disengaged.open or self.highly_engaged.click < self.disengaged.click:
            raise ValueError("the thresholds of highly_engaged must not be below those of disengaged")
        return self


class ResponseTiers(Strict):
    """Tiers of a channel without opens, by its response rate alone."""

    renamed = _RENAMED
    highly_engaged: Share
    disengaged: Share

    @model_validator(mode="after")
    def _apart(self) -> ResponseTiers:
        if self.highly_engaged < self.disengaged:
            raise ValueError("the threshold of highly_engaged must not be below that of disengaged")
        return self


class ChannelTiers(Strict):
    """How one channel is judged; what is left out is the channel's default."""

    opens: bool | None = Field(None, description="Whether the channel tells of opens (email and push do).")
    tiers: OpenTiers | None = Field(None, description="With opens; otherwise engagement.tiers.")
    response: ResponseTiers | None = Field(None, description="Without opens.")
    sent_is_delivered: bool = Field(False, description="For channels that never confirm a delivery.")


RESPONSE_DEFAULTS = {
    "email": ResponseTiers(highly_engaged=0.50, disengaged=0.10),
    "push": ResponseTiers(highly_engaged=0.50, disengaged=0.10),
    "sms": ResponseTiers(highly_engaged=0.20, disengaged=0.05),
    "ad": ResponseTiers(highly_engaged=0.02, disengaged=0.005),
    "coupon": ResponseTiers(highly_engaged=0.20, disengaged=0.05),
    "all": ResponseTiers(highly_engaged=0.20, disengaged=0.05),
}
WITH_OPENS = ("email", "push")


class TierActions(Strict):
    """What is done with the customers of a tier."""

    renamed = _RENAMED
    highly_engaged: str = Field("exclusive discounts or early access", min_length=1)
    moderately: str = Field("personal recommendations", min_length=1)
    disengaged: Literal["re-engage", "suppress"] = Field(
        "re-engage", description="suppress: until the next open, click, reply, visit or order."
    )


class EngagementRfm(Strict):
    """Recency, frequency and value of interactions or responses, scored like purchases."""

    of: Literal["interactions", "responses"]
    response_weights: dict[Literal["opened", "clicked", "replied", "redeemed"], float] = Field(
        {"opened": 1, "clicked": 3, "replied": 5, "redeemed": 5}, description="Value of a response, with of: responses."
    )


class EngagementConfig(Strict):
    """What is made of messages."""

    window_days: int = Field(90, ge=1, le=3660, description="Messages delivered in it are judged.")
    min_messages: int = Field(5, ge=1, description="Below it a customer's tier is insufficient.")
    response_days: int = Field(30, ge=1, le=365, description="A later response is not counted.")
    machine_open_seconds: float | None = Field(
        None, gt=0, le=3600, description="Opens so soon after the delivery are a program's, and not counted."
    )
    tiers: OpenTiers = OpenTiers()
    channels: dict[Literal["email", "sms", "push", "ad", "coupon", "all"], ChannelTiers] = Field(default_factory=dict)
    actions: TierActions = TierActions()
    rfm: EngagementRfm | None = Field(None, description="Scores of engagement beside those of purchases.")

    def stored(self) -> dict[str, Any]:
        """With the keys of older versions: runs are known by it."""
        document = super().stored()
        for tiers in document["channels"].values():
            tiers |= {key: _as_older(tiers[key]) for key in ("tiers", "response") if tiers[key] is not None}
        return document | {key: _as_older(document[key]) for key in ("tiers", "actions")}

    def problems(self, stages: Collection[str]) -> list[str]:
        """Scores of what no source tells of."""
        needs = {"interactions": ("interactions", "sources.events"), "responses": ("engagement", "sources.messages")}
        if self.rfm is None or needs[self.rfm.of][0] in stages:
            return []
        return [f"engagement.rfm is of {self.rfm.of}, which needs {needs[self.rfm.of][1]}"]

    def has_opens(self, channel: str) -> bool:
        """Whether a channel's opens count."""
        given = self._channel(channel)
        return given.opens if given is not None and given.opens is not None else channel in WITH_OPENS

    def open_tiers(self, channel: str) -> OpenTiers:
        """Thresholds of a channel with opens."""
        given = self._channel(channel)
        return given.tiers if given is not None and given.tiers is not None else self.tiers

    def response_tiers(self, channel: str) -> ResponseTiers:
        """Thresholds of a channel without opens."""
        given = self._channel(channel)
        return given.response if given is not None and given.response is not None else RESPONSE_DEFAULTS[channel]

    def sent_is_delivered(self, channel: str) -> bool:
        """Whether sending stands for delivering."""
        given = self._channel(channel)
        return given is not None and given.sent_is_delivered

    def _channel(self, channel: str) -> ChannelTiers | None:
        return {str(name): tiers for name, tiers in self.channels.items()}.get(channel)


class MessageLimits(SourceLimits):
    """Limits of the messages."""

    @model_validator(mode="after")
    def _known(self) -> MessageLimits:
        must_be_known(self.checks, MESSAGE_CHECKS)
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
        return as_lists(events)

    @model_validator(mode="after")
    def _columns_fit(self) -> MessagesSource:
        found = column_problems(
            self.columns, MESSAGE_COLUMNS, ("customer_id", "message_id", "event_ts", "event"), "messages"
        )
        found += word_problems(self.events, MESSAGE_EVENTS, "events")
        found += channel_problems(self.simulated, MESSAGE_CHANNELS)
        if found:
            raise ValueError("; ".join(found))
        return self

    def schema_rule(self, name: str, config: Any) -> tuple[str, str]:
        """As its own limits say."""
        return self.quality.schema_drift, f"sources.{name}.quality"

    def stored(self) -> dict[str, Any]:
        """Without a key that came later and is not set: runs of earlier versions stay the same."""
        document = super().stored()
        if document["preset"] is None:
            del document["preset"]
        return document


OPTIONAL_SOURCES = {"messages": MessagesSource}
SETTINGS = {"engagement": EngagementConfig}
STAGES: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "engagement": lambda document: bool(document["sources"].get("messages")),
    "engagement.rfm": lambda document: bool((document.get("engagement") or {}).get("rfm")),
}
REMEDIES = {"engagement": "give sources.messages", "engagement.rfm": "set engagement.rfm"}
# Columns of either hang on both sources.
COUNTS_TOGETHER = True
