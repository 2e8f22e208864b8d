"""The parts of a configuration that shape what is made of transactions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.core.config import Config
from rfm_spark.core.scopes import CURRENCY
from rfm_spark.pipeline.step import aside

# Of the stages, those that ask for the days between purchases, and those that follow orders from run to run.
_GAPS, _FOLLOWS = frozenset({"lifecycle", "clv", "churn"}), frozenset({"cohorts"})


@dataclass(frozen=True)
class LineSettings:
    """How rows become lines.

    Attributes:
        source: mapping of the transactions.
        quality: checks and limits, the source's own ones first.
        timezone: of days.
    """

    source: TransactionsSource
    quality: QualityConfig
    timezone: str

    @classmethod
    def of(cls, config: Config) -> LineSettings | None:
        """As configured; None without transactions."""
        return None if config.find(TransactionsSource) is None else cls.given(config)

    @classmethod
    def given(cls, config: Config) -> LineSettings:
        """As configured, where there are transactions."""
        source = config.part(TransactionsSource)
        return cls(source, config.part(QualityConfig).with_own(source.quality), config.timezone)


@dataclass(frozen=True)
class WindowSettings:
    """Which purchases count.

    Attributes:
        window_days: days counted for frequency and monetary value; None for all history.
        refunds: whether refunds lower monetary value and void purchases.
        gaps: whether the days between purchases are looked at.
        scope: what parts customers.
        followed: whether somebody asks once more for the orders of customers who are measured again.
    """

    window_days: int | None
    refunds: Literal["net", "ignore"]
    gaps: bool = False
    scope: tuple[str, ...] = ()
    followed: bool = aside(default=False)

    @property
    def by_currency(self) -> bool:
        """Whether only orders in a customer's own currency count."""
        return CURRENCY in self.scope

    @classmethod
    def of(cls, config: Config) -> WindowSettings:
        """As configured; without transactions there is nothing that counts."""
        rfm = config.part(RfmConfig)
        followed = not _FOLLOWS.isdisjoint(config.stages)
        return cls(rfm.window_days, rfm.refunds, gaps_wanted(config.stages), rfm.scope or (), followed)


def gaps_wanted(stages: Collection[str]) -> bool:
    """Whether measures need the days between purchases.

    Args:
        stages: that run.
    """
    return not _GAPS.isdisjoint(stages)
