"""What others say of the three measures, and of the window that purchases and money spent are counted in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rfm_spark.capabilities.rfm.config import MeasuresConfig, RfmConfig

_FOUR_WEEKS = 28


@dataclass(frozen=True)
class MeasureWords:
    """The measures of a stored configuration, as a reader calls them.

    Attributes:
        event: what recency counts from, such as purchase or login.
        counts: what frequency counts, one and several of it.
        counted_in: where frequency is counted in days of its own; None for the window.
        money: what monetary value is, such as spend.
        total: what its sum is, such as revenue.
        is_usual: whether all is of purchases.
    """

    event: str = "purchase"
    counts: tuple[str, str] = ("purchase", "purchases")
    counted_in: int | None = None
    money: str = "spend"
    total: str = "revenue"
    is_usual: bool = True

    @property
    def since(self) -> str:
        """Recency, as days since the last purchase."""
        return f"days since the last {self.event}"

    @property
    def frequency(self) -> str:
        """Frequency, as number of purchases."""
        days = "" if self.counted_in is None else f" in {self.counted_in} days"
        return f"number of {self.counts[1]}{days}"

    @property
    def monetary(self) -> str:
        """Monetary value, as money spent."""
        return "money spent" if self.money == "spend" else self.money

    @property
    def heads(self) -> tuple[str, ...]:
        """Titles of the columns of `report.profiles.profile_cells`."""
        days = "" if self.counted_in is None else f" in {self.counted_in} days"
        return (
            "Customers", "Share of customers", first_capital(self.total), f"Share of {self.total}",
            f"Mean days since {self.event}", f"Mean {self.counts[1]}{days}", f"Mean {self.money}",
        )  # fmt: skip

    @property
    def titles(self) -> Mapping[str, str]:
        """The columns of the measures as titles."""
        days = "" if self.counted_in is None else f" in {self.counted_in} days"
        return {
            "recency_days": f"Days since {self.event}",
            "frequency": f"{first_capital(self.counts[1])}{days}",
            "monetary": first_capital(self.money),
            "tenure_days": "Days since first purchase" if self.is_usual else "Days since the customer is known",
        }


def measure_words(settings: Mapping[str, Any]) -> MeasureWords:
    """What the measures of a stored configuration are called."""
    return words_of(RfmConfig.model_validate(settings.get("rfm") or {}).measures)


def words_of(measures: MeasuresConfig) -> MeasureWords:
    """The same of measures as configured."""
    usual = MeasureWords()
    sessions, mrr = measures.frequency == "weekly_sessions", measures.monetary == "mrr"
    return MeasureWords(
        event=measures.event or usual.event,
        counts=("session", "sessions") if sessions else usual.counts,
        counted_in=_FOUR_WEEKS if sessions else None,
        money="MRR" if mrr else usual.money,
        total="MRR" if mrr else usual.total,
        is_usual=measures.of_purchases,
    )


def first_capital(text: str) -> str:
    """A text that begins with a capital; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def window_days(settings: Mapping[str, Any]) -> int | None:
    """Days that count under a stored configuration; None for all history."""
    found: int | None = (settings.get("rfm") or {}).get("window_days")
    return found
