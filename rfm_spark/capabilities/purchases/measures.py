"""Recency, frequency and monetary value of each customer as of a date."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.accounts import ACCOUNT_COLUMNS, customer_accounts, with_suspicion
from rfm_spark.core.money import money


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
        orders: of `purchases.orders.build_orders`, from lines up to as_of, with the same window's start.
        as_of: last day that counts.
        window_days: length of the window; None for all history.
        refunds: whether refunds lower monetary and void purchases.

    Returns:
        customer_id, recency_days INT (null for who never purchased), frequency BIGINT, monetary DECIMAL(18,2),
        first_order_date, last_order_date DATE, tenure_days INT (days from the first purchase), last_line_date DATE;
        and, where the orders tell of them, the columns of `customer_accounts`.
    """
    sold = F.col("gross_cents") > 0
    purchase = sold if refunds == "ignore" else sold & (F.col("gross_cents") > F.col("refund_cents"))
    start = window_start(as_of, window_days)
    in_window = F.lit(True) if start is None else F.col("order_date") >= F.lit(start)
    zero = F.lit(0).cast("bigint")
    gross = F.sum(F.when(in_window, F.col("gross_cents")).otherwise(zero))
    returned = F.sum("window_refund_cents") if refunds == "net" else zero
    per_customer = orders.groupBy("customer_id").agg(
        F.min(F.when(purchase, F.col("order_date"))).alias("first_order_date"),
        F.max(F.when(purchase, F.col("order_date"))).alias("last_order_date"),
        F.count(F.when(purchase & in_window, F.lit(1))).alias("frequency"),
        (gross - returned).alias("monetary_cents"),
        F.max("last_line_date").alias("last_line_date"),
        *customer_accounts(orders),
    )
    per_customer = with_suspicion(per_customer)
    accounts = [name for name in per_customer.columns if name in ACCOUNT_COLUMNS]
    return per_customer.select(
        "customer_id",
        F.datediff(F.lit(as_of), F.col("last_order_date")).alias("recency_days"),
        "frequency",
        money(F.col("monetary_cents")).alias("monetary"),
        "first_order_date",
        "last_order_date",
        F.datediff(F.lit(as_of), F.col("first_order_date")).alias("tenure_days"),
        "last_line_date",
        *accounts,
    )
