"""Lines to orders, with refunds netted."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from rfm_spark.core.money import money

Grain = Literal["row", "day"] | None


def build_orders(lines: DataFrame, grain: Grain, window_start: date | None = None) -> DataFrame:
    """Group accepted lines to orders, after one shuffle by customer that later groupings reuse.

    An order's time is that of its latest sale line (of its latest line, where nothing was sold).

    Args:
        lines: of `accepted_until`.
        grain: what is one order where lines have no order_id.
        window_start: first day whose refunds count as `window_refund_cents`; None counts all.

    Returns:
        customer_id, order_id (null for grain `row`; see `with_row_ids`), order_ts, order_date, last_line_date,
        last_refund_date, gross_cents, refund_cents, window_refund_cents, lines, currency, channel.
    """
    together = lines.repartition(F.col("customer_id"))
    in_window = F.lit(True) if window_start is None else F.col("order_date") >= F.lit(window_start)
    is_sale, is_refund = F.col("sale_cents") > 0, F.col("refund_cents") > 0
    window_refund = F.when(in_window, F.col("refund_cents")).otherwise(F.lit(0).cast("bigint"))
    if grain == "row":
        return together.select(
            "customer_id",
            F.lit(None).cast("string").alias("order_id"),
            "order_ts",
            "order_date",
            F.col("order_date").alias("last_line_date"),
            F.when(is_refund, F.col("order_date")).alias("last_refund_date"),
            F.col("sale_cents").alias("gross_cents"),
            "refund_cents",
            window_refund.alias("window_refund_cents"),
            F.lit(1).cast("bigint").alias("lines"),
            "currency",
            "channel",
        )
    key = F.col("order_id") if grain is None else F.col("order_date").cast("string")
    grouped = together.groupBy("customer_id", key.alias("order_id")).agg(
        F.coalesce(F.max(F.when(is_sale, F.col("order_ts"))), F.max("order_ts")).alias("order_ts"),
        F.max("order_date").alias("last_line_date"),
        F.max(F.when(is_refund, F.col("order_date"))).alias("last_refund_date"),
        F.sum("sale_cents").alias("gross_cents"),
        F.sum("refund_cents").alias("refund_cents"),
        F.sum(window_refund).alias("window_refund_cents"),
        F.count(F.lit(1)).alias("lines"),
        # max of a struct, not max_by: lines of one moment would be picked by chance.
        F.max(F.struct("order_ts", "currency")).getField("currency").alias("currency"),
        F.max(F.struct("order_ts", "channel")).getField("channel").alias("channel"),
    )
    return grouped.withColumn("order_date", F.to_date("order_ts"))


def with_row_ids(orders: DataFrame) -> DataFrame:
    """Orders of grain `row` with an order_id: time and number, equal rows being interchangeable."""
    same_moment = Window.partitionBy("customer_id", "order_ts").orderBy(
        "gross_cents", "refund_cents", "currency", "channel"
    )
    stamp = F.date_format("order_ts", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS")
    return orders.withColumn("order_id", F.concat_ws("#", stamp, F.row_number().over(same_moment).cast("string")))


def kept_orders(lines: DataFrame, grain: Grain) -> DataFrame:
    """The rows of table `orders`.

    Args:
        lines: of `accepted_until`, of all dates.
        grain: what is one order where lines have no order_id.
    """
    orders = build_orders(lines, grain)
    if grain == "row":
        orders = with_row_ids(orders)
    voided = (F.col("gross_cents") > 0) & (F.col("refund_cents") >= F.col("gross_cents"))
    return orders.select(
        "customer_id",
        "order_id",
        "order_ts",
        "order_date",
        money(F.col("gross_cents")).alias("gross"),
        money(F.col("refund_cents")).alias("refunds"),
        money(F.col("gross_cents") - F.col("refund_cents")).alias("net"),
        F.when(voided, F.greatest("order_date", "last_refund_date")).alias("voided_on"),
        "lines",
        "currency",
        "channel",
    )
