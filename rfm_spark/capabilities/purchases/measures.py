"""Recency, frequency and monetary value of each customer as of a date."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.money import money

REFUND_CHECKS = ("refund_exceeds_sale", "refund_without_sale")


def window_start(as_of: date, window_days: int | None) -> date | None:
    """First day of the window [as_of - window_days + 1, as_of]; None for all history."""
    return None if window_days is None else as_of - timedelta(days=window_days - 1)


def customer_measures(
    orders: DataFrame, as_of: date, window_days: int | None = None, refunds: Literal["net", "ignore"] = "net"
) -> DataFrame:
    """One row per customer who has orders, with the measures of RFM.

    A purchase has gross > 0 and, with refunds netted, something left of it. Frequency counts purchases in the window;
    monetary is gross minus refunds, each on its own date in the window; recency looks at all history.

    Args:
        orders: of `purchases.orders.orders_of`, from rows up to as_of, with the same window's start.
        as_of: last day that counts.
        window_days: length of the window; None for all history.
        refunds: whether refunds lower monetary and void purchases.

    Returns:
        customer_id, recency_days INT (null for who never purchased), frequency BIGINT, monetary DECIMAL(18,2),
        first_order_date, last_order_date DATE, tenure_days INT (days from the first purchase), lines BIGINT, and how
        many orders each of REFUND_CHECKS finds. Customers of whom no line counts are left out.
    """
    gross, refund = F.col("gross_cents"), F.col("refund_cents")
    sold = gross != 0
    purchase = sold if refunds == "ignore" else sold & ((gross > refund) | (F.col("orders") < 0))
    start = window_start(as_of, window_days)
    in_window = F.lit(True) if start is None else F.col("order_date") >= F.lit(start)
    zero = F.lit(0).cast("bigint")
    counted = F.sum(F.when(in_window, gross).otherwise(zero))
    returned = F.sum("window_refund_cents") if refunds == "net" else zero
    per_customer = orders.groupBy("customer_id").agg(
        F.min(F.when(purchase, F.col("order_date"))).alias("first_order_date"),
        F.max(F.when(purchase, F.col("order_date"))).alias("last_order_date"),
        F.sum(F.when(purchase & in_window, F.col("orders")).otherwise(zero)).alias("frequency"),
        (counted - returned).alias("monetary_cents"),
        F.sum("lines").alias("lines"),
        _orders_where(sold & (refund > gross) & (F.col("orders") > 0)).alias(REFUND_CHECKS[0]),
        _orders_where(~sold & (refund > 0)).alias(REFUND_CHECKS[1]),
    )
    return per_customer.where("lines > 0").select(
        "customer_id",
        F.datediff(F.lit(as_of), F.col("last_order_date")).alias("recency_days"),
        "frequency",
        money(F.col("monetary_cents")).alias("monetary"),
        "first_order_date",
        "last_order_date",
        F.datediff(F.lit(as_of), F.col("first_order_date")).alias("tenure_days"),
        "lines",
        *REFUND_CHECKS,
    )


def _orders_where(condition: Column) -> Column:
    return F.sum(F.when(condition, F.col("orders")).otherwise(F.lit(0).cast("bigint")))
