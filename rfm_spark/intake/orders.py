"""Lines to orders, with refunds netted."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pyspark.sql import Column, DataFrame, Window
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
        gross_cents, refund_cents, window_refund_cents, lines, currency, channel, voided_on.
    """
    known = lines if "voided_day" in lines.columns else lines.withColumn("voided_day", F.lit(None).cast("date"))
    together = known.repartition(F.col("customer_id"))
    in_window = F.lit(True) if window_start is None else F.col("order_date") >= F.lit(window_start)
    is_sale = F.col("sale_cents") > 0
    window_refund = F.when(in_window, F.col("refund_cents")).otherwise(F.lit(0).cast("bigint"))
    if grain == "row":
        return together.select(
            "customer_id",
            F.lit(None).cast("string").alias("order_id"),
            "order_ts",
            "order_date",
            F.col("order_date").alias("last_line_date"),
            F.col("sale_cents").alias("gross_cents"),
            "refund_cents",
            window_refund.alias("window_refund_cents"),
            F.lit(1).cast("bigint").alias("lines"),
            "currency",
            "channel",
            F.col("voided_day").alias("voided_on"),
        )
    grouped = together.groupBy("customer_id", _key(grain).alias("order_id")).agg(
        F.coalesce(F.max(F.when(is_sale, F.col("order_ts"))), F.max("order_ts")).alias("order_ts"),
        F.max("order_date").alias("last_line_date"),
        F.sum("sale_cents").alias("gross_cents"),
        F.sum("refund_cents").alias("refund_cents"),
        F.sum(window_refund).alias("window_refund_cents"),
        F.count(F.lit(1)).alias("lines"),
        # max of a struct, not max_by: lines of one moment would be picked by chance.
        F.max(F.struct("order_ts", "currency")).getField("currency").alias("currency"),
        F.max(F.struct("order_ts", "channel")).getField("channel").alias("channel"),
        F.min("voided_day").alias("voided_on"),
    )
    return grouped.withColumn("order_date", F.to_date("order_ts"))


def _key(grain: Grain) -> Column:
    return F.col("order_id") if grain is None else F.col("order_date").cast("string")


def with_voided_day(lines: DataFrame, grain: Grain) -> DataFrame:
    """Lines with `voided_day`: their date, where refunds up to it leave nothing of the order; null elsewhere."""
    order = Window.partitionBy("customer_id", _key(grain))
    up_to_day = order.orderBy("order_date").rangeBetween(Window.unboundedPreceding, Window.currentRow)
    gross, refunded = F.sum("sale_cents").over(order), F.sum("refund_cents").over(up_to_day)
    void = (F.col("gross_cents") > 0) & (F.col("refunded_cents") >= F.col("gross_cents"))
    known = lines.repartition(F.col("customer_id")).withColumns({"gross_cents": gross, "refunded_cents": refunded})
    return known.withColumn("voided_day", F.when(void, F.col("order_date"))).drop("gross_cents", "refunded_cents")


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
    if grain == "row":
        # A row is a sale or a refund, never both.
        orders = with_row_ids(build_orders(lines, grain))
    else:
        orders = build_orders(with_voided_day(lines, grain), grain)
    return orders.select(
        "customer_id",
        "order_id",
        "order_ts",
        "order_date",
        money(F.col("gross_cents")).alias("gross"),
        money(F.col("refund_cents")).alias("refunds"),
        money(F.col("gross_cents") - F.col("refund_cents")).alias("net"),
        "voided_on",
        "lines",
        "currency",
        "channel",
    )
