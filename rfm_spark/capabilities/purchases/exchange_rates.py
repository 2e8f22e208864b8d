"""Exchange rates: amounts of several currencies become one before anything is added up."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.config import RatesSource
from rfm_spark.core.errors import SourceError
from rfm_spark.core.money import cents
from rfm_spark.core.reading.mapping import LENIENT, checked_types, left_out, theirs
from rfm_spark.core.session import session_settings, settled

# Ten significant digits down to a rate of 1e-10, up to 99,999,999.
_RATE = "decimal(28,20)"


def daily_rates(raw: DataFrame, source: RatesSource, last: date) -> DataFrame:
    """One row per currency and day, so that a line finds its rate by equality.

    Args:
        raw: rows of the rates source; small, since it is broadcast.
        source: its mapping.
        last: last day that needs a rate.

    Returns:
        rate_currency STRING, rate DECIMAL(28,20), rate_day DATE; without `valid_from` no day: the rate is of always.

    Raises:
        SourceError: a mapped column is missing; two rates of one currency for the same day; a rate of 0 or less.
    """
    dated = "valid_from" in source.columns
    with session_settings(raw.sparkSession, LENIENT):
        if source.where is not None:
            raw = raw.where(~left_out(raw, source.where, "transactions.rates"))
        checked_types(raw, source.columns, "transactions.rates")
        typed = raw.select(
            F.upper(F.trim(theirs(raw, source.columns["currency"]).cast("string"))).alias("rate_currency"),
            theirs(raw, source.columns["rate"]).cast(_RATE).alias("rate"),
            (theirs(raw, source.columns["valid_from"]).cast("date") if dated else F.lit(None).cast("date")).alias(
                "valid_from"
            ),
        )
        given = settled(typed.where(F.col("rate_currency") != F.lit(source.to)))
    _must_be_clear(given, dated=dated)
    if not dated:
        return given.drop("valid_from")
    following = F.lead("valid_from").over(Window.partitionBy("rate_currency").orderBy("valid_from"))
    until = F.coalesce(F.date_sub(following, 1), F.lit(last))
    days = given.withColumn("until", until).where(F.col("valid_from") <= F.col("until"))
    each = F.explode(F.sequence("valid_from", "until"))
    return days.select("rate_currency", "rate", each.alias("rate_day"))


def rates_fingerprint(raw: DataFrame, source: RatesSource, last: date) -> str:
    """A hash of the rates that hold on days up to one, whatever came after.

    Args:
        raw: rows of the rates source.
        source: its mapping.
        last: last day that counts.
    """
    rates = daily_rates(raw, source, last)
    counted = rates.where(F.col("rate_day") <= F.lit(last)) if "rate_day" in rates.columns else rates
    hashed = F.xxhash64(*counted.columns).cast("decimal(38,0)")
    row = counted.agg(F.count(F.lit(1)), F.sum(hashed)).collect()[0]
    return f"{row[0]}:{row[1]}"


def with_rates(lines: DataFrame, rates: DataFrame, to: str) -> DataFrame:
    """Lines in one currency; built with ANSI mode off.

    Args:
        lines: of `values.line_values`.
        rates: of `daily_rates`.
        to: the currency all amounts become.

    Returns:
        The same columns, `cents` converted (rounded half-up once, after the conversion) and `converted`, whose null
        says that there is no rate; `currency` is `to` where there is one.
    """
    same = F.col("currency") == F.col("rate_currency")
    if "rate_day" in rates.columns:
        same &= F.col("order_date") == F.col("rate_day")
    found = lines.join(F.broadcast(rates), same, "left")
    rate = F.when(F.col("currency") == F.lit(to), F.lit(1).cast(_RATE)).otherwise(F.col("rate"))
    product = F.col("exact") * rate
    kind = found.select(product.alias("p")).schema["p"].dataType
    return found.withColumns(
        {
            # Where there is no rate, the amount stays: its reason is the currency, not the number.
            "cents": F.when(rate.isNull() | (F.col("currency") == F.lit(to)), F.col("cents")).otherwise(
                cents(product, kind)
            ),
            "converted": rate,
            "currency": F.when(rate.isNotNull(), F.lit(to)).otherwise(F.col("currency")),
        }
    ).drop("rate_currency", "rate_day", "rate")


def _must_be_clear(given: DataFrame, *, dated: bool) -> None:
    wrong = (
        given.groupBy("rate_currency", "valid_from")
        .agg(F.count(F.lit(1)).alias("rates"), F.min("rate").alias("lowest"), F.count("rate").alias("usable"))
        .where(
            (F.col("rates") > 1) | (F.col("usable") < F.col("rates")) | (F.col("lowest") <= 0)
            | F.col("rate_currency").isNull() | (F.lit(dated) & F.col("valid_from").isNull())
        )
        # As text: Python's dates end with the year 9999.
        .select("rate_currency", F.col("valid_from").cast("string").alias("since"))
        .orderBy("rate_currency", "since")
        .limit(1)
        .collect()
    )  # fmt: skip
    if wrong:
        row = wrong[0]
        since = f" from {row['since']}" if dated else ""
        raise SourceError(
            f"sources.transactions.rates: {row['rate_currency']}{since} has no single rate above 0; give each currency "
            f"one rate{' a day' if dated else ''}"
        )
