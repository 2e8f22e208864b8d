"""Numbers and cut points in a reader's words."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from babel import Locale, UnknownLocaleError, dates, numbers
from babel.numbers import NumberPattern

from rfm_spark.capabilities.rfm.cuts import CutSet
from rfm_spark.core.config import DisplayConfig
from rfm_spark.core.errors import ConfigError

COMPACT_FROM = 100_000
MEASURE_TITLES = {"r": "Recency", "f": "Frequency", "m": "Monetary value"}
CAUSE_NOUNS = {
    "inactivity": "inactivity",
    "behaviour": "purchases or returns",
    "thresholds": "moving cut points",
    "both": "own change and moving cut points together",
    "definition": "new settings",
    "entered": "joining",
    "left": "leaving",
}
CAUSE_SENTENCES = {
    "inactivity": "They had no purchase or return since the previous run; time alone moved them.",
    "behaviour": "They bought or returned something since the previous run, and that changed their segment.",
    "thresholds": "Under the previous cut points they would have stayed; the cut points moved with everybody else.",
    "both": "They changed and the cut points moved; only together do the two explain the new segment.",
    "definition": "The settings changed (rules, number of scores or window), so a cause can't be told.",
    "entered": "They were not in the previous run.",
    "left": "They were in the previous run and are not in this one.",
    "masked": "They would have moved under the previous cut points; the new ones kept them where they were.",
}
STATUS_SENTENCES = {
    "thin": "Too little data for scores to mean much.",
    "empty": "Nobody bought anything up to this date.",
}


class Numbers:
    """Formats of one locale and currency."""

    def __init__(self, display: DisplayConfig) -> None:
        """Look the locale up.

        Raises:
            ConfigError: Babel does not know it.
        """
        try:
            self._locale = Locale.parse(display.locale)
        except (UnknownLocaleError, ValueError):
            raise ConfigError(
                "display.locale", [f"unknown locale {display.locale!r}; use one such as en_US or de_DE"]
            ) from None
        self._currency = display.currency

    def count(self, value: int | float) -> str:
        """A whole number with separators."""
        return numbers.format_decimal(round(value), locale=self._locale)

    def decimal(self, value: float | Decimal | None, digits: int = 1) -> str:
        """A number with fixed decimals; a dash for none."""
        if value is None:
            return "–"
        return self._fixed(self._locale.decimal_formats[None], value, digits)

    def percent(self, share: float | None, digits: int = 1) -> str:
        """A share of 0 to 1; a dash for none, and never 0 for what is there."""
        if share is None:
            return "–"
        least = 0.5 * 10 ** -(digits + 2)
        if 0 < share <= least:
            return "<\u2009" + self._fixed(self._locale.percent_formats[None], 10 ** -(digits + 2), digits)
        return self._fixed(self._locale.percent_formats[None], 0.0 if abs(share) <= least else share, digits)

    def money(self, value: Decimal | float | None) -> str:
        """An amount to the cent (or what the currency has)."""
        if value is None:
            return "–"
        if self._currency is None:
            return self.decimal(value, 2)
        return numbers.format_currency(value, self._currency, locale=self._locale)

    def whole_money(self, value: Decimal | float | None) -> str:
        """An amount without its decimals, for columns of large ones."""
        if value is None:
            return "–"
        if self._currency is None:
            return self.decimal(value, 0)
        return self._fixed(self._locale.currency_formats["standard"], value, 0)

    def short_money(self, value: Decimal | float) -> str:
        """An amount for a headline or an axis: in thousands or millions when large."""
        if abs(float(value)) < COMPACT_FROM:
            return self.whole_money(value)
        digits = _compact_digits(value)
        if self._currency is None:
            return numbers.format_compact_decimal(value, locale=self._locale, fraction_digits=digits)
        return numbers.format_compact_currency(value, self._currency, locale=self._locale, fraction_digits=digits)

    def short(self, value: float) -> str:
        """A number of any size to about three digits; in thousands or millions when large."""
        if abs(value) >= COMPACT_FROM:
            return numbers.format_compact_decimal(value, locale=self._locale, fraction_digits=_compact_digits(value))
        return self.decimal(value, 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2)

    def signed(self, value: float | None, digits: int = 1) -> str:
        """A number with its sign, unless it rounds to zero."""
        if value is None:
            return self.decimal(None)
        # Adding zero turns a negative zero into a plain one.
        rounded = round(value, digits) + 0.0
        return ("+" if rounded > 0 else "") + self.decimal(rounded, digits)

    def _fixed(self, pattern: NumberPattern, value: float | Decimal, digits: int) -> str:
        # Babel shares its patterns between callers, so only a copy may be changed.
        own = copy.copy(pattern)
        own.frac_prec = (digits, digits)
        amount = value if isinstance(value, Decimal) else Decimal(repr(value))
        return str(own.apply(amount, self._locale, currency=self._currency, currency_digits=False))


def _compact_digits(value: Decimal | float) -> int:
    thousands = int(math.log10(abs(float(value))) // 3)
    return 0 if abs(float(value)) >= 100 * 1000**thousands else 2


def day(value: date) -> str:
    """A date in words, in the language of the report."""
    return dates.format_date(value, "d MMMM y", locale="en")


def moment(value: datetime) -> str:
    """Date and time of day, with its zone."""
    return f"{day(value)}, {value:%H:%M:%S} ({value.tzinfo})"


@dataclass(frozen=True)
class Band:
    """Values that get one score.

    Attributes:
        score: 1 is worst.
        words: the values, without the unit.
        unit: days, purchases, or empty for money.
    """

    score: int
    words: str
    unit: str

    @property
    def text(self) -> str:
        """As "5 = 0–1 days"."""
        return f"{self.score} = {self.words}{' ' if self.unit else ''}{self.unit}"


def bands(cut_set: CutSet, say: Numbers) -> list[Band]:
    """The values of each score that can occur, best score first.

    Args:
        cut_set: of one measure; a value scores 1 + the number of cuts strictly below it, recency reversed.
        say: how numbers are written.
    """
    if not cut_set.cuts:
        return []
    edges: Sequence[float | None] = [None, *cut_set.cuts, None]
    found = []
    for below in range(len(edges) - 1):
        low, high = edges[below], edges[below + 1]
        money = cut_set.measure == "m"
        words = _money_words(low, high, say) if money else _whole_words(cut_set.measure, low, high, say)
        if words:
            score = cut_set.bins - below if cut_set.measure == "r" else below + 1
            found.append(Band(score, words, _unit(cut_set.measure, words, say)))
    return sorted(found, key=lambda band: -band.score)


def _whole_words(measure: str, low: float | None, high: float | None, say: Numbers) -> str:
    lowest = 0 if low is None else math.floor(low) + 1
    if high is None:
        return f"{say.count(lowest)} or more"
    highest = math.floor(high)
    if highest < lowest:
        return ""
    if low is None and measure == "f":
        return f"up to {say.count(highest)}"
    return say.count(lowest) if lowest == highest else f"{say.count(lowest)}–{say.count(highest)}"


def _money_words(low: float | None, high: float | None, say: Numbers) -> str:
    if high is None:
        return f"over {say.money(low)}"
    if low is None:
        return f"up to {say.money(high)}"
    return f"over {say.money(low)}, up to {say.money(high)}" if high > low else ""


def _unit(measure: str, words: str, say: Numbers) -> str:
    one = words.removeprefix("up to ") == say.count(1)
    return {"r": "day" if one else "days", "f": "purchase" if one else "purchases", "m": ""}[measure]


def cut_warning(cut_set: CutSet) -> str | None:
    """What a reader should know about a set of cut points, if anything."""
    if not cut_set.cuts:
        return "No cut points: nobody purchased in the window."
    if cut_set.distinct_scores < cut_set.bins:
        return (
            f"Cut points coincide because many customers share a value: only {cut_set.distinct_scores} of "
            f"{cut_set.bins} scores occur."
        )
    return None


def within_words(within: str) -> str:
    """The group of nested cut points, as "recency score 3, frequency score 2"."""
    parts = (part.split("=") for part in within.split(",") if part)
    return ", ".join(f"{MEASURE_TITLES[measure].lower()} score {score}" for measure, score in parts)


def bin_words(at: int, say: Numbers, *, money: bool) -> str:
    """The values of a doubling histogram bin; of money from its start to where the next one starts."""
    if at < 0:
        return f"below {say.whole_money(0) if money else say.count(0)}"
    low, high = 2**at - 1, 2 ** (at + 1) - 2
    if money:
        return f"{say.short_money(low)} – {say.short_money(high + 1)}"
    return say.count(low) if low == high else f"{say.count(low)}–{say.count(high)}"
