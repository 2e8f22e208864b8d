"""How the rows of a pinned source become lines, beside its mapping."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from rfm_spark.capabilities.purchases.exchange_rates import daily_rates
from rfm_spark.capabilities.purchases.lines import ReadOptions
from rfm_spark.capabilities.purchases.settings import LineSettings
from rfm_spark.pipeline.environment import Source

# Days beyond the newest row that may need a rate, where nobody knows when the source was written.
_FAR = date(2100, 1, 1)


# Exchange rates of the transactions, as a source.
RATES = "transactions.rates"


def read_options(
    source: Source, rates: Source | None, settings: LineSettings, written: datetime | None = None
) -> ReadOptions:
    """How lines are read, beside the mapping.

    Args:
        source: the transactions, pinned.
        rates: their exchange rates, pinned.
        settings: the mapping and the checks.
        written: when the rows were written; as the source was for None.
    """
    written = written or source.written
    by_day = None
    if rates is not None and settings.source.rates is not None:
        # No day after the transactions were written needs a rate.
        last = _FAR if written is None else written.date() + timedelta(days=2)
        by_day = daily_rates(rates.frame, settings.source.rates, last)
    return ReadOptions(settings.quality, written, settings.timezone, by_day)
