"""Numbers and dates in a reader's words."""

from __future__ import annotations

import copy
import math
from datetime import date, datetime
from decimal import Decimal

from babel import Locale, UnknownLocaleError, dates, numbers
from babel.numbers import NumberPattern

from rfm_spark.core.config import DisplayConfig
from rfm_spark.core.errors import ConfigError

COMPACT_FROM = 100_000
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


def window_words(days: int | None, say: Numbers) -> str:
    """The window of frequency and monetary value, of so many days; None for all history."""
    return f"the last {say.count(days)} days" if days else "all history"


def bin_words(at: int, say: Numbers, *, money: bool) -> str:
    """The values of a doubling histogram bin; of money from its start to where the next one starts."""
    if at < 0:
        return f"below {say.whole_money(0) if money else say.count(0)}"
    low, high = 2**at - 1, 2 ** (at + 1) - 2
    if money:
        return f"{say.short_money(low)} – {say.short_money(high + 1)}"
    return say.count(low) if low == high else f"{say.count(low)}–{say.count(high)}"
