"""Lines to orders, with refunds netted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Literal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.duplicates import ACCOUNTS, duplicate_sketch, may_repeat, with_accounts
from rfm_spark.core.money import money

Grain = Literal["row", "day"] | None


def build_orders(lines: DataFrame, grain: Grain, window_start: date | None = None) -> DataFrame:
    """Group accepted lines to orders, after one shuffle by customer that later groupings reuse.

    An order's time is that of its latest sale line (of its latest line, where nothing was sold).

    Args:
        lines: of `lines.accepted_until`, or of `duplicates.without_duplicates`.
        grain: what is one order where lines have no order_id.
        window_start: first day whose refunds count as `window_refund_cents`; None counts all.

    Returns:
        customer_id, order_id (null for grain `row`; see `with_row_ids`), order_ts, order_date, last_line_date,
        gross_cents, refund_cents, window_refund_cents, may_repeat (whether a line may be there twice; false where that
        has been looked at), and the columns of ACCOUNTS.
    """
    return _grouped(_together(lines), grain, window_start, certify="lines" not in lines.columns)


def _together(lines: DataFrame) -> DataFrame:
    """Lines of a customer in one partition; only what can't be derived again travels there."""
    if "lines" in lines.columns:
        # Lines that were compared with each other are together already.
        return lines
    has_content = "line_hash" in lines.columns
    sent = lines.select(
        "customer_id",
        "order_id",
        "order_ts",
        (F.col("sale_cents") - F.col("refund_cents")).alias("line_cents"),
        *(("line_hash",) if has_content else ()),
    ).repartition(F.col("customer_id"))
    zero = F.lit(0).cast("bigint")
    return sent.select(
        "*",
        F.to_date("order_ts").alias("order_date"),
        F.greatest("line_cents", zero).alias("sale_cents"),
        F.greatest(-F.col("line_cents"), zero).alias("refund_cents"),
        *(() if has_content else (F.xxhash64("order_ts", "line_cents").alias("line_hash"),)),
        F.lit(1).cast("bigint").alias("lines"),
        *(zero.alias(name) for name in ACCOUNTS[2:]),
    )


def _grouped(
    together: DataFrame, grain: Grain, window_start: date | None, *, certify: bool, extra: Sequence[Column] = ()
) -> DataFrame:
    zero = F.lit(0).cast("bigint")
    start = None if window_start is None else F.lit(window_start.isoformat()).cast("timestamp")
    in_window = F.lit(True) if start is None else F.col("order_ts") >= start
    window_refund = F.when(in_window, F.col("refund_cents")).otherwise(zero)
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
            *ACCOUNTS,
            *(("line_hash",) if certify else (F.lit(False).alias("may_repeat"),)),
            *extra,
        )
    is_sale = F.col("sale_cents") > 0
    # Without duplicates each line counts once, which needs no sums of their own.
    sums = {"lines": F.count(F.lit(1)), **duplicate_sketch()} if certify else {name: F.sum(name) for name in ACCOUNTS}
    grouped = together.groupBy("customer_id", _key(grain).alias("order_id")).agg(
        F.max(F.when(is_sale, F.col("order_ts"))).alias("last_sale_ts"),
        F.max("order_ts").alias("last_line_ts"),
        F.sum("sale_cents").alias("gross_cents"),
        F.sum("refund_cents").alias("refund_cents"),
        F.sum(window_refund).alias("window_refund_cents"),
        *(value.alias(name) for name, value in sums.items()),
        *extra,
    )
    order_ts = F.coalesce("last_sale_ts", "last_line_ts")
    known = grouped.withColumns(
        {"order_ts": order_ts, "order_date": F.to_date(order_ts), "last_line_date": F.to_date("last_line_ts")}
    ).drop("last_sale_ts", "last_line_ts")
    if not certify:
        return known.withColumn("may_repeat", F.lit(False))
    accounts = {"line_cents": F.col("gross_cents") - F.col("refund_cents"), "may_repeat": may_repeat("lines")}
    return known.withColumns({**accounts, **dict.fromkeys(ACCOUNTS[2:], zero)}).drop(*duplicate_sketch())


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


def kept_orders(lines: DataFrame, grain: Grain, attributes: Collection[str] = ("currency", "channel")) -> DataFrame:
    """The rows of table `orders`.

    Args:
        lines: of `lines.accepted_until`, of all dates, each once.
        grain: what is one order where lines have no order_id.
        attributes: those of currency and channel that are mapped; an order has that of its latest line.
    """
    known = lines if "lines" in lines.columns else with_accounts(lines)
    if grain == "row":
        # A row is a sale or a refund, never both.
        attributes_of_row = [F.col("currency"), F.col("channel"), F.lit(None).cast("date").alias("voided_on")]
        orders = with_row_ids(_grouped(known, grain, None, certify=False, extra=attributes_of_row))
    else:
        latest = [_latest(name) if name in attributes else _unknown(name) for name in ("currency", "channel")]
        extra = (*latest, F.min("voided_day").alias("voided_on"))
        orders = _grouped(with_voided_day(known, grain), grain, None, certify=False, extra=extra)
    # What only had superseded lines is no order.
    return orders.where(F.col("lines") > 0).select(
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


def _latest(name: str) -> Column:
    # max of a struct, not max_by: lines of one moment would be picked by chance.
    return F.max(F.struct("order_ts", name)).getField(name).alias(name)


def _unknown(name: str) -> Column:
    return F.lit(None).cast("string").alias(name)
