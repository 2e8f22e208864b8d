"""The parts of a configuration that shape what is made of messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from rfm_spark.capabilities.drift.config import DriftConfig
from rfm_spark.capabilities.engagement.config import EngagementConfig, EngagementRfm, MessagesSource
from rfm_spark.capabilities.engagement.messages import Judging
from rfm_spark.capabilities.rfm.config import RfmConfig, Scoring
from rfm_spark.core.config import Config


@dataclass(frozen=True)
class MessageSettings:
    """How messages are read and judged.

    Attributes:
        source: mapping of the messages.
        engagement: windows, thresholds, actions.
        wait_days: days that a message has for being answered, where rates are watched.
        timezone: of days.
    """

    source: MessagesSource
    engagement: EngagementConfig
    wait_days: int
    timezone: str

    @classmethod
    def of(cls, config: Config) -> MessageSettings | None:
        """As configured; None without messages."""
        source = config.find(MessagesSource)
        if source is None:
            return None
        return cls(source, config.part(EngagementConfig), config.part(DriftConfig).rates.wait_days, config.timezone)

    def judging(self, as_of: date) -> Judging:
        """How messages are judged as of a day."""
        return Judging(as_of, self.engagement, self.source.quality, self.wait_days)


@dataclass(frozen=True)
class ScoreSettings:
    """How engagement is scored.

    Attributes:
        rfm: of what, and with which weights.
        scoring: bins.
    """

    rfm: EngagementRfm
    scoring: Scoring

    @classmethod
    def of(cls, config: Config) -> ScoreSettings | None:
        """As configured; None where it is not scored."""
        rfm, scoring = config.part(EngagementConfig).rfm, config.part(RfmConfig).scoring
        return None if rfm is None else cls(rfm, Scoring(bins=scoring.bins, relative_error=scoring.relative_error))
