"""Transaction lines: typed, in cents, each accepted or rejected with a reason, and marked where repaired."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from rfm_spark.capabilities.purchases.checks import LINE_CHECKS
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.exchange_rates import with_rates
from rfm_spark.capabilities.purchases.mapping import mapped
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.capabilities.purchases.values import IDS, conditions, line_values
from rfm_spark.core.reading.ids import with_normal_ids
from rfm_spark.core.reading.mapping import FILTERED, LENIENT, filtered_or
from rfm_spark.core.reading.places import CORRUPT
from rfm_spark.core.reading.typed import Kinds, kinds_of
from rfm_spark.core.reading.verdicts import MARKING, REJECTING, coded, marks_of, reason_of
from rfm_spark.core.session import session_settings, settled

# What a rejected row shows where the check's own column is not mapped.
_IN_PLACE_OF = {"type": ["is_return"]}


@dataclass(frozen=True)
class ReadOptions:
    """How lines are read, beside the mapping.

    Attributes:
        quality: checks and their limits.
        written: when the source was last written; dates beyond it come from the future. None looks for none.
        zone: the session's time zone.
        rates: of `purchases.exchange_rates.daily_rates`, where the source has rates.
        id_changes: of `core.reading.ids.unicode_changes`, where there are any.
    """

    quality: QualityConfig = field(default_factory=QualityConfig)
    written: datetime | None = None
    zone: str = "UTC"
    rates: DataFrame | None = None
    id_changes: DataFrame | None = None


@dataclass(frozen=True)
class ValidatedLines:
    """Lines and the checks they went through.

    Attributes:
        lines: of `typed_lines`.
        rejecting: codes of the checks that reject rows of this source.
        marking: codes of those that mark them.
    """

    lines: DataFrame
    rejecting: tuple[str, ...]
    marking: tuple[str, ...]


def typed_lines(raw: DataFrame, source: TransactionsSource, options: ReadOptions | None = None) -> DataFrame:
    """The lines of `validated_lines` alone."""
    return validated_lines(raw, source, options).lines


def validated_lines(raw: DataFrame, source: TransactionsSource, options: ReadOptions | None = None) -> ValidatedLines:
    """Every row of the source with its verdict.

    Args:
        raw: rows of the source.
        source: its mapping.
        options: checks and what they need; the defaults for None.

    Returns:
        Lines of customer_id, order_id, line_id STRING (null without one), order_ts TIMESTAMP, order_date DATE,
        sale_cents, refund_cents BIGINT, currency, channel STRING, line_hash BIGINT (where a line or product id is
        mapped; equal for equal rows), reason STRING (null when accepted, `filtered` outside the source's condition),
        marks BIGINT (see `core.reading.verdicts`), record STRUCT.

    Raises:
        SourceError: a mapped column is missing or of an unusable type.
    """
    settings = options or ReadOptions()
    with session_settings(raw.sparkSession, LENIENT):
        rows = mapped(raw, source)
        kinds = kinds_of(rows)
        values = rows.select(*line_values(rows, source, settings.quality))
        if settings.id_changes is not None:
            values = with_normal_ids(values, settings.id_changes, tuple(name for name in IDS if name in kinds))
        if source.rates is not None and settings.rates is not None:
            values = with_rates(values, settings.rates, source.rates.to)
        found = conditions(values, source, kinds, settings.quality, settings.written, settings.zone)
        reason = filtered_or(values, reason_of(found, settings.quality.checks, LINE_CHECKS))
        nothing = F.lit(0).cast("bigint")
        back = F.col("is_return") | (F.col("cents") < 0)
        lines = settled(
            values.select(
                *IDS,
                "order_ts",
                "order_date",
                F.when(back, nothing).otherwise(F.coalesce("cents", nothing)).alias("sale_cents"),
                F.when(back, F.coalesce(F.abs("cents"), nothing)).otherwise(nothing).alias("refund_cents"),
                "currency",
                "channel",
                *_content(kinds),
                reason.alias("reason"),
                F.when(reason.isNull(), marks_of(found, settings.quality.checks, LINE_CHECKS))
                .otherwise(nothing)
                .alias("marks"),
                "record",
            )
        )
    overrides = settings.quality.checks
    rejecting, marking = (coded(found, overrides, kind, LINE_CHECKS) for kind in (REJECTING, MARKING))
    return ValidatedLines(lines, tuple(rejecting), tuple(marking))


def _content(kinds: Kinds) -> list[Column]:
    """A hash that equal rows share, where more than time and money tells rows apart."""
    if "line_id" not in kinds and "product_id" not in kinds:
        return []
    content = F.xxhash64("order_ts", "cents", "is_return", "product_id")
    if "line_id" in kinds:
        # A line id says what a line is, whatever else differs.
        content = F.when(F.col("line_id").isNotNull(), F.xxhash64("line_id")).otherwise(content)
    return [content.alias("line_hash")]


# Where the currency of a line is told: nowhere; in amounts that may bring one; in a column that every line should fill.
CurrencyOrigin = Literal["nowhere", "amounts", "column"]


def currency_origin(lines: DataFrame, source: TransactionsSource) -> CurrencyOrigin:
    """Where lines tell their currency: in a mapped column, in amounts that come as text, or nowhere."""
    if "currency" in source.columns:
        return "column"
    record = lines.select("record.*").schema
    texts = [source.columns.get(name) for name in ("amount", "quantity", "unit_price") if name in source.columns]
    plain = all(text in record.names and not isinstance(record[text].dataType, StringType) for text in texts if text)
    return "nowhere" if plain else "amounts"


def rejects(lines: DataFrame, source: TransactionsSource, name: str = "transactions") -> DataFrame:
    """Rejected rows, each with its reason and the row as it was read; filtered rows are none of them.

    Returns:
        source, reason, detail (the mapped value that was not usable), record (JSON; a line that could not be parsed has
        its raw text under `_corrupt_record`).
    """
    raw_columns = lines.select("record.*").columns
    detail = F.lit(None).cast("string")
    for check in LINE_CHECKS:
        detail = F.when(F.col("reason") == check.code, _detail(check.column, source, raw_columns)).otherwise(detail)
    return lines.where(F.col("reason") != FILTERED).select(
        F.lit(name).alias("source"),
        "reason",
        detail.alias("detail"),
        F.to_json("record", {"ignoreNullFields": "false"}).alias("record"),
    )


def superseded_rejects(lines: DataFrame) -> DataFrame:
    """Lines that a later one with the same line id replaced, as rejects.

    Args:
        lines: of `duplicates.superseded_lines`.

    Returns:
        The columns of `rejects`.
    """
    return lines.select(
        F.lit("transactions").alias("source"),
        F.lit("duplicate_line").alias("reason"),
        F.concat(F.lit("line_id = "), F.col("line_id")).alias("detail"),
        F.to_json("record", {"ignoreNullFields": "false"}).alias("record"),
    )


def _detail(column: str, source: TransactionsSource, raw_columns: list[str]) -> Column:
    if not column:
        return F.concat(F.lit("raw text: "), F.col("record").getField(CORRUPT)) if CORRUPT in raw_columns else F.lit("")
    shown = [column] if column in source.columns else _IN_PLACE_OF.get(column, ["quantity", "unit_price"])
    if column == "amount" and "discount" in source.columns:
        shown = [*shown, "discount"]
    parts = []
    for name in shown:
        text = source.columns.get(name, name)
        value = F.col("record").getField(text).cast("string") if text in raw_columns else F.lit(text)
        parts.append(F.concat(F.lit(f"{name} = "), F.coalesce(value, F.lit("null"))))
    return F.concat_ws(", ", *parts)
