"""How the rows of a pinned source become lines, beside its mapping."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.exchange_rates import daily_rates
from rfm_spark.capabilities.purchases.lines import ReadOptions, validated_lines
from rfm_spark.capabilities.purchases.settings import LineSettings
from rfm_spark.capabilities.purchases.values import IDS
from rfm_spark.core.reading.ids import unicode_changes
from rfm_spark.pipeline.environment import Frames, Source

# Days beyond the newest row that may need a rate, where nobody knows when the source was written.
_FAR = date(2100, 1, 1)


def read_options(source: Source, rates: Source | None, settings: LineSettings) -> ReadOptions:
    """How lines are read, beside the mapping.

    Args:
        source: the transactions, pinned.
        rates: their exchange rates, pinned.
        settings: the mapping and the checks.
    """
    by_day = None
    if rates is not None and settings.source.rates is not None:
        # No day after the transactions were written needs a rate.
        last = _FAR if source.written is None else source.written.date() + timedelta(days=2)
        by_day = daily_rates(rates.frame, settings.source.rates, last)
    return ReadOptions(settings.quality, source.written, settings.timezone, by_day)


def lines_again(
    source: Source, rates: Source | None, settings: LineSettings, frames: Frames, *, has_changes: bool
) -> DataFrame:
    """Validated lines, as another process read them.

    Args:
        source: the transactions, pinned.
        rates: their exchange rates, pinned.
        settings: the mapping and the checks.
        frames: keeps what is read more than once.
        has_changes: whether ids came in several Unicode forms.
    """
    options = read_options(source, rates, settings)
    lines = validated_lines(source.frame, settings.source, options).lines
    if not has_changes:
        return lines
    changes = frames.persist(unicode_changes(lines.where(F.col("reason").isNull()), IDS))
    return validated_lines(source.frame, settings.source, replace(options, id_changes=changes)).lines
