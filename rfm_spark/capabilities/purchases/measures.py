"""Recency, frequency and monetary value of each customer as of a date."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.orders import is_purchase
from rfm_spark.core.money import money

REFUND_CHECKS = ("refund_exceeds_sale", "refund_without_sale")
GAP_MEASURES = (
    ("purchase_days", "int"), ("previous_order_date", "date"), ("gap_squares", "bigint"), ("repeat_cents", "bigint"),
)  # fmt: skip
CURRENCY_MEASURES = (("currency", "string"), ("orders_elsewhere", "bigint"))
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SUMS = ("purchases", "frequency", "monetary_cents", "bought_cents", "lines", *REFUND_CHECKS)


def window_start(as_of: date, window_days: int | None) -> date | None:
    """First day of the window [as_of - window_days + 1, as_of]; None for all history."""
    return None if window_days is None else as_of - timedelta(days=window_days - 1)


def customer_measures(
    orders: DataFrame,
    as_of: date,
    window_days: int | None = None,
    refunds: Literal["net", "ignore"] = "net",
    *,
    gaps: bool = False,
    by_currency: bool = False,
    by_day: bool = False,
) -> DataFrame:
    """One row per customer who has orders, with the measures of RFM.

    A purchase has gross > 0 and, with refunds netted, something left of it. Frequency counts purchases in the window;
    monetary is gross minus refunds, each on its own date in the window; recency looks at all history.

    Args:
        orders: of `purchases.orders.orders_of`, from rows up to as_of, with the same window's start.
        as_of: last day that counts.
        window_days: length of the window; None for all history.
        refunds: whether refunds lower monetary and void purchases.
        gaps: whether to look at the days between purchases, which takes a sort by customer and day.
        by_currency: whether only orders in a customer's own currency count, that of their latest purchase: orders have
            `currency`, and amounts of several are never added up.
        by_day: whether somebody has too many orders for one task to sort; days are fewer.

    Returns:
        customer_id, recency_days INT (null for who never purchased), frequency BIGINT, monetary DECIMAL(18,2),
        first_order_date, last_order_date DATE, tenure_days INT (days from the first purchase), orders BIGINT
        (purchases over all history), purchase_days INT (days with one), previous_order_date DATE (the purchase day
        before the last), gap_squares BIGINT (sum of the squared days from one purchase day to the next), repeat_cents
        BIGINT (money of purchases after the first purchase day, over all history; these four are null without
        `gaps`), lines BIGINT, currency STRING (their own), orders_elsewhere BIGINT (purchases in other currencies; both
        are null without `by_currency`), and how many orders each of REFUND_CHECKS finds. Customers of whom no line
        counts are left out.
    """
    keys = ("customer_id", "currency") if by_currency else ("customer_id",)
    parts = _parts(orders, window_start(as_of, window_days), refunds, keys)
    rows = _with_day_before(_by_day(parts, keys) if by_day else parts, keys) if gaps else parts
    per_customer = rows.groupBy(*keys).agg(
        F.min(F.when(F.col("bought"), F.col("order_date"))).alias("first_order_date"),
        F.max(F.when(F.col("bought"), F.col("order_date"))).alias("last_order_date"),
        *(F.sum(name).alias(name) for name in _SUMS),
        *(_gap_sums() if gaps else ()),
    )
    counted = per_customer.where("lines > 0")
    known = _own_currency(counted) if by_currency else counted
    return known.select(
        "customer_id",
        F.datediff(F.lit(as_of), F.col("last_order_date")).alias("recency_days"),
        "frequency",
        money(F.col("monetary_cents")).alias("monetary"),
        "first_order_date",
        "last_order_date",
        F.datediff(F.lit(as_of), F.col("first_order_date")).alias("tenure_days"),
        F.col("purchases").alias("orders"),
        *((F.col(name) if gaps else F.lit(None).cast(kind).alias(name)) for name, kind in GAP_MEASURES),
        "lines",
        *((F.col(name) if by_currency else F.lit(None).cast(kind).alias(name)) for name, kind in CURRENCY_MEASURES),
        *REFUND_CHECKS,
    )


def _own_currency(sums: DataFrame) -> DataFrame:
    """Of a customer's sums by currency those of the latest purchase; of several the first code in the alphabet."""
    # A refund in a currency that nothing was bought in lowers no amount, and is counted wherever it is.
    names = [name for name in sums.columns if name not in ("customer_id", "currency", *REFUND_CHECKS)]
    # No ranking window: a row per currency that a customer paid in is all there is to compare.
    order = F.struct(
        F.col("last_order_date").alias("last"),
        F.translate(F.coalesce("currency", F.lit("")), _LETTERS, _LETTERS[::-1]).alias("code"),
        F.struct("currency", *names).alias("row"),
    )
    latest = sums.groupBy("customer_id").agg(
        F.max(order).alias("own"),
        F.sum("purchases").alias("every"),
        *(F.sum(name).alias(name) for name in REFUND_CHECKS),
    )
    row = F.col("own.row")
    return latest.select(
        "customer_id",
        *(row.getField(name).alias(name) for name in ("currency", *names)),
        (F.col("every") - row.getField("purchases")).alias("orders_elsewhere"),
        *REFUND_CHECKS,
    )


def _parts(
    orders: DataFrame, start: date | None, refunds: Literal["net", "ignore"], keys: tuple[str, ...]
) -> DataFrame:
    """What an order adds to the measures of its customer: the keys, order_date, bought BOOLEAN and _SUMS."""
    gross, refund, equal = F.col("gross_cents"), F.col("refund_cents"), F.col("orders")
    zero = F.lit(0).cast("bigint")
    sold = gross != 0
    bought = is_purchase(refunds)
    in_window = F.lit(True) if start is None else F.col("order_date") >= F.lit(start)
    counted = F.when(in_window, gross).otherwise(zero)
    return orders.select(
        *keys,
        "order_date",
        bought.alias("bought"),
        F.when(bought, equal).otherwise(zero).alias("purchases"),
        F.when(bought & in_window, equal).otherwise(zero).alias("frequency"),
        (counted - F.col("window_refund_cents") if refunds == "net" else counted).alias("monetary_cents"),
        F.when(bought, gross - refund if refunds == "net" else gross).otherwise(zero).alias("bought_cents"),
        "lines",
        F.when(sold & (refund > gross) & (equal > 0), equal).otherwise(zero).alias(REFUND_CHECKS[0]),
        F.when(~sold & (refund > 0), equal).otherwise(zero).alias(REFUND_CHECKS[1]),
    )


def _by_day(parts: DataFrame, keys: tuple[str, ...]) -> DataFrame:
    """The same by customer and day."""
    return parts.groupBy(*keys, "order_date").agg(
        F.max("bought").alias("bought"), *(F.sum(name).alias(name) for name in _SUMS)
    )


def _with_day_before(rows: DataFrame, keys: tuple[str, ...]) -> DataFrame:
    """The rows with day_before DATE, the last day with a purchase in the rows of the customer before this one.

    Of purchases of one day just the first to come, whichever it is, has an earlier one: it stands for the day. And with
    first_day DATE, their first day with a purchase up to this row.
    """
    until = Window.partitionBy(*keys).orderBy("order_date").rowsBetween(Window.unboundedPreceding, 0)
    before = Window.partitionBy(*keys).orderBy("order_date").rowsBetween(Window.unboundedPreceding, -1)
    purchase_day = F.when(F.col("bought"), F.col("order_date"))
    days = {"day_before": F.max(purchase_day).over(before), "first_day": F.min(purchase_day).over(until)}
    return rows.withColumns(days)


def _gap_sums() -> tuple[Column, ...]:
    day, before = F.col("order_date"), F.col("day_before")
    zero = F.lit(0).cast("bigint")
    stands_for_day = F.col("bought") & (before.isNull() | (before < day))
    gap = F.datediff(day, before).cast("bigint")
    last = F.max(F.when(stands_for_day, F.struct("order_date", "day_before")))
    return (
        F.count(F.when(stands_for_day, 1)).cast("int").alias("purchase_days"),
        last.getField("day_before").alias("previous_order_date"),
        F.coalesce(F.sum(F.when(stands_for_day, gap * gap)), zero).alias("gap_squares"),
        F.sum(F.when(day > F.col("first_day"), F.col("bought_cents")).otherwise(zero)).alias("repeat_cents"),
    )
