"""The values of a line as the checks need them, and the conditions of the checks that apply to a source."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, StringType, TimestampNTZType, TimestampType

from rfm_spark.capabilities.purchases.amounts import has_text_amount, line_amount, number, written_currency
from rfm_spark.capabilities.purchases.checks import line_severity
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.core.reading.ids import id_text, is_placeholder, is_text, trimmed
from rfm_spark.core.reading.mapping import FILTERED
from rfm_spark.core.reading.places import CORRUPT
from rfm_spark.core.reading.typed import FUTURE_TOLERANCE, Kinds, kinds_of, moment_of

IDS = ("customer_id", "order_id", "line_id")
_INSTANT = re.compile(r"timestamp_(seconds|millis|micros)|from_unixtime|utc_timestamp", re.IGNORECASE)
_WITH_OFFSET = r"(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})$"
_CURRENCY = "^[A-Z]{3}$"


def line_values(rows: DataFrame, source: TransactionsSource, quality: QualityConfig) -> list[Column]:
    """Typed columns of mapped rows; built with ANSI mode off.

    Args:
        rows: of `mapping.mapped`.
        source: the mapping.
        quality: the checks.

    Returns:
        The ids, untidy BOOLEAN (whether one had white space around it), order_ts, order_date, cents BIGINT, exact
        DECIMAL(24,9), nothing (a price of exactly 0), formatted, finite, is_return, unknown_type BOOLEAN, quantity and
        price DOUBLE, currency, channel, product_id, local_time STRING, `filtered` BOOLEAN where the source has a
        condition, record.
    """
    kinds = kinds_of(rows)
    amount = line_amount(rows, source)
    moment = moment_of("order_ts", kinds)
    tidy = line_severity("id_whitespace", quality.checks) == "repair"
    return [
        *(_id(name, kinds, tidy=tidy).alias(name) for name in IDS),
        _untidy(kinds).alias("untidy"),
        moment.alias("order_ts"),
        F.to_date(moment).alias("order_date"),
        amount.cents.alias("cents"),
        amount.exact.alias("exact"),
        # What only rounds to nothing had a price. Asked of few rows: an exact number of each would take half the pass.
        F.when(amount.cents == 0, amount.exact == 0).otherwise(F.lit(False)).alias("nothing"),
        amount.formatted.alias("formatted"),
        amount.finite.alias("finite"),
        *_return_columns(source, kinds),
        *(_double(name, alias, kinds, source) for name, alias in (("quantity", "quantity"), ("unit_price", "price"))),
        (F.upper(_text("currency", kinds)) if "currency" in kinds else written_currency(kinds)).alias("currency"),
        _text("channel", kinds).alias("channel"),
        _text("product_id", kinds).alias("product_id"),
        (F.col("order_ts") if _is_text_time(kinds) else _nothing()).alias("local_time"),
        *(F.col(name) for name in (FILTERED, "record") if name in rows.columns),
    ]


def conditions(
    lines: DataFrame,
    source: TransactionsSource,
    kinds: Kinds,
    quality: QualityConfig,
    written: datetime | None,
    zone: str,
) -> dict[str, Column]:
    """The condition of each check that can say something of this source.

    Args:
        lines: of `line_values`, with `converted` where rates were applied and `id_changed` where ids were normalised.
        source: the mapping.
        kinds: types of the mapped columns.
        quality: limits.
        written: when the source was last written.
        zone: the session's time zone.
    """
    tidy = line_severity("id_whitespace", quality.checks) == "repair"
    customer, order = (F.col(name) if tidy else F.trim(name) for name in ("customer_id", "order_id"))
    cents, moment = F.col("cents"), F.col("order_ts")
    found = {
        "anonymous": customer.isNull() | (customer == ""),
        "placeholder_id": is_placeholder(customer),
        "bad_date": moment.isNull(),
        "before_1970": moment < F.lit("1970-01-01").cast("timestamp"),
        "bad_amount": cents.isNull() & ~F.coalesce("finite", F.lit(False)),
        "amount_overflow": cents.isNull(),
        "zero_price": F.col("nothing"),
    }
    if CORRUPT in lines.select("record.*").columns:
        found["malformed"] = F.col("record").getField(CORRUPT).isNotNull()
    if written is not None:
        limit = int((written + FUTURE_TOLERANCE).timestamp())
        found["future_date"] = moment > F.timestamp_seconds(F.lit(limit))
    if "order_id" in kinds:
        found["missing_order_id"] = order.isNull() | (order == "")
    if "is_return" in kinds or source.types is not None:
        found["unknown_type"] = F.col("unknown_type")
    if "currency" in kinds:
        known = F.coalesce(F.col("currency").rlike(_CURRENCY), F.lit(False))
        found["unknown_currency"] = ~known
    if source.rates is not None:
        found["unknown_currency"] = F.col("converted").isNull()
    if "unit_price" in kinds:
        found["negative_price"] = F.col("price") < 0
    if "quantity" in kinds:
        found["absurd_quantity"] = F.abs("quantity") > F.lit(float(quality.max_quantity))
    if "is_return" in kinds or source.types is not None:
        found["negative_sale"] = ~F.col("is_return") & (cents < 0)
    if has_text_amount(kinds):
        found["formatted_number"] = F.col("formatted")
    if any(is_text(kinds[name]) for name in IDS if name in kinds):
        found["id_whitespace"] = F.col("untidy")
    if "id_changed" in lines.columns:
        found["id_unicode"] = F.col("id_changed")
    if _is_local(source, kinds, zone):
        found["repeated_hour"] = _came_twice()
    return found


def _id(name: str, kinds: Kinds, *, tidy: bool) -> Column:
    if name not in kinds:
        return _nothing()
    clean = id_text(name, kinds[name], tidy=tidy)
    # A blank line id is none: two lines without one are not the same line.
    return F.when(F.trim(clean) != "", clean) if name == "line_id" else clean


def _untidy(kinds: Kinds) -> Column:
    texts = [F.col(name) for name in IDS if name in kinds and is_text(kinds[name])]
    return _any([trimmed(text) != text for text in texts]) if texts else F.lit(False)


def _return_columns(source: TransactionsSource, kinds: Kinds) -> list[Column]:
    false = F.lit(False)
    if source.types is None:
        if "is_return" not in kinds:
            return [false.alias("is_return"), false.alias("unknown_type")]
        marked = F.col("is_return")
        return [F.coalesce(marked, false).alias("is_return"), marked.isNull().alias("unknown_type")]
    value = F.upper(F.trim(F.col("type").cast("string")))
    sale, refund = ([text.strip().upper() for text in texts] for texts in (source.types.sale, source.types.refund))
    return [
        F.coalesce(value.isin(*refund), false).alias("is_return"),
        (~F.coalesce(value.isin(*sale, *refund), false)).alias("unknown_type"),
    ]


def _double(name: str, alias: str, kinds: Kinds, source: TransactionsSource) -> Column:
    if name not in kinds:
        return F.lit(None).cast("double").alias(alias)
    return number(name, kinds[name], source.decimal).value.cast("double").alias(alias)


def _text(name: str, kinds: Kinds) -> Column:
    return F.trim(F.col(name).cast("string")) if name in kinds else _nothing()


def _nothing() -> Column:
    return F.lit(None).cast("string")


def _any(parts: list[Column]) -> Column:
    found = F.coalesce(parts[0], F.lit(False))
    for part in parts[1:]:
        found |= F.coalesce(part, F.lit(False))
    return found


def _is_text_time(kinds: Kinds) -> bool:
    return isinstance(kinds["order_ts"], StringType)


def _is_local(source: TransactionsSource, kinds: Kinds, zone: str) -> bool:
    """Whether times are read off a wall clock that can show the same hour twice."""
    kind, text = kinds["order_ts"], source.columns["order_ts"]
    if isinstance(kind, DateType) or not _changes_clocks(zone):
        return False
    if isinstance(kind, TimestampType):
        # A column of instants is not ambiguous; an expression that makes one of a text may be.
        return "(" in text and _INSTANT.search(text) is None
    return isinstance(kind, (StringType, TimestampNTZType))


def _came_twice() -> Column:
    hour, moment = F.expr("INTERVAL 1 HOUR"), F.col("order_ts")
    wall = moment.cast("timestamp_ntz")
    twice = ((moment + hour).cast("timestamp_ntz") == wall) | ((moment - hour).cast("timestamp_ntz") == wall)
    # A text that names its offset from UTC is an instant.
    return twice & ~F.coalesce(F.trim("local_time").rlike(_WITH_OFFSET), F.lit(False))


@lru_cache
def _changes_clocks(zone: str) -> bool:
    months = (datetime(year, month, 1, tzinfo=timezone.utc) for year in range(1970, 2038) for month in range(1, 13))
    return len({moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in months}) > 1
