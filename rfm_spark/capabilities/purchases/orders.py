"""Orders and their parts, from the days they have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from rfm_spark.core.money import money

Grain = Literal["row", "day"] | None
# In so many tasks the orders of a customer who has too many for one are added up.
_PARTS, _PART = 64, "part"
# Of fewer lines a customer with a tenth of them is no burden; of more each one in so many rows is looked at.
_MANY, _ONE_IN = 100_000_000, 1000
# A customer is large who has more rows than this share of all lines.
_LARGE = 1 / 1000


def orders_of(
    rows: DataFrame,
    grain: Grain,
    window_start: date | None = None,
    large: Sequence[str] = (),
    *,
    by_currency: bool = False,
) -> DataFrame:
    """Rows of `order_days` added up to orders, after one shuffle by customer that later groupings reuse.

    An order's date is that of its latest sale line (of its latest line, where nothing was sold).

    Args:
        rows: of `days.visible`.
        grain: what is one order where lines have no order_id.
        window_start: first day whose refunds count as `window_refund_cents`; None counts all.
        large: customers whose orders are too many for one task; with some, later groupings by customer shuffle once
            more, a row per customer and task.
        by_currency: whether orders keep their currency; lines of one order in two are an order each.

    Returns:
        customer_id, order_date, last_line_date DATE, gross_cents, refund_cents, window_refund_cents, lines, orders
        BIGINT (how many equal ones; of grain `row` a row stands for several, less those that were taken off), and
        currency STRING with `by_currency`.
    """
    own = ("currency",) if by_currency else ()
    zero = F.lit(0).cast("bigint")
    in_window = F.lit(True) if window_start is None else F.col("day") >= F.lit(window_start)
    window_refund = F.when(in_window, F.col("refund_cents")).otherwise(zero)
    sold_on = F.when(F.col("last_sale_ts").isNotNull(), F.col("day"))
    line_on = F.when(F.col("last_line_ts").isNotNull(), F.col("day"))
    order = {None: (F.col("order_id"),), "day": (F.col("day"),), "row": ()}[grain]
    needed = rows.select(
        "customer_id", *own, *(key.alias("order") for key in order), "day", "sale_cents", "refund_cents", "lines",
        sold_on.alias("sold_on"), line_on.alias("line_on"), window_refund.alias("window_refund_cents"),
        *(_part(order or (F.col("day"),), large) if large else ()),
    )  # fmt: skip
    together = ("customer_id", _PART) if large else ("customer_id",)
    needed = needed.repartition(*(F.col(name) for name in together))
    if grain == "row":
        return needed.select(
            "customer_id", *own, F.col("day").alias("order_date"), F.col("line_on").alias("last_line_date"),
            F.col("sale_cents").alias("gross_cents"), "refund_cents", "window_refund_cents", "lines",
            F.col("lines").alias("orders"),
        )  # fmt: skip
    grouped = needed.groupBy(*together, *own, "order").agg(
        F.max("sold_on").alias("sold_on"),
        F.max("line_on").alias("last_line_date"),
        F.sum("sale_cents").alias("gross_cents"),
        F.sum("refund_cents").alias("refund_cents"),
        F.sum("window_refund_cents").alias("window_refund_cents"),
        F.sum("lines").alias("lines"),
    )
    return grouped.select(
        "customer_id", *own, F.coalesce("sold_on", "last_line_date").alias("order_date"), "last_line_date",
        "gross_cents", "refund_cents", "window_refund_cents", "lines", F.lit(1).cast("bigint").alias("orders"),
    )  # fmt: skip


def is_purchase(refunds: Literal["net", "ignore"]) -> Column:
    """Whether an order of `orders_of` is a purchase: something was sold, and with refunds netted some of it is left."""
    gross, sold = F.col("gross_cents"), F.col("gross_cents") != 0
    return sold if refunds == "ignore" else sold & ((gross > F.col("refund_cents")) | (F.col("orders") < 0))


def large_customers(rows: DataFrame, lines: int) -> list[str]:
    """Customers who have so large a share of all orders that a task of their own would be waited for.

    Args:
        rows: of `order_days`.
        lines: how many they were made of, about.

    Returns:
        A thousand at most; none where there are few lines.
    """
    if lines < _MANY:
        return []
    drawn = rows.where(F.pmod(F.xxhash64("customer_id", "order_id", "day"), F.lit(_ONE_IN)) == 0)
    counts = drawn.groupBy("customer_id").count().where(F.col("count") > F.lit(lines / _ONE_IN * _LARGE))
    return sorted(row["customer_id"] for row in counts.select("customer_id").collect())


def _part(order: Sequence[Column], large: Sequence[str]) -> list[Column]:
    part = F.pmod(F.xxhash64(*order), F.lit(_PARTS))
    return [F.when(F.col("customer_id").isin(list(large)), part).otherwise(F.lit(-1).cast("bigint")).alias(_PART)]


def each_order(rows: DataFrame, grain: Grain, *, by_currency: bool = False) -> DataFrame:
    """One row per order: lines of one customer_id and order_id, and with `by_currency` of one currency.

    Args:
        rows: of `days.visible`, of all dates.
        grain: what is one order where lines have no order_id.
        by_currency: whether amounts of two currencies are kept apart.

    Returns:
        customer_id, order_id (made from time or day where the source has none), order_ts TIMESTAMP, order_date DATE,
        gross, refunds, net DECIMAL(18,2), voided_on DATE (of the refund that left nothing of the order), lines BIGINT,
        currency, channel STRING (of the latest line).
    """
    found = _single_rows(rows) if grain == "row" else _by_order(rows, grain, ("currency",) if by_currency else ())
    return found.where("lines > 0").select(
        "customer_id", "order_id", "order_ts", "order_date",
        money(F.col("gross_cents")).alias("gross"), money(F.col("refunds")).alias("refunds"),
        money(F.col("gross_cents") - F.col("refunds")).alias("net"), "voided_on", "lines", "currency", "channel",
    )  # fmt: skip


def _by_order(rows: DataFrame, grain: Grain, own: tuple[str, ...]) -> DataFrame:
    order = F.col("order_id") if grain is None else F.col("day").cast("string")
    known = rows.withColumn("order_id", order)
    mine = Window.partitionBy("customer_id", "order_id", *own)
    until = mine.orderBy("day").rangeBetween(Window.unboundedPreceding, Window.currentRow)
    gross, refunded = F.sum("sale_cents").over(mine), F.sum("refund_cents").over(until)
    voided = F.when((gross > 0) & (refunded >= gross), F.col("day"))
    return known.withColumn("voided_day", voided).groupBy("customer_id", "order_id", *own).agg(
        F.coalesce(F.max("last_sale_ts"), F.max("last_line_ts")).alias("order_ts"),
        # Days are those of the configuration's time zone, whatever that of the reader is.
        F.coalesce(_last_day("last_sale_ts"), _last_day("last_line_ts")).alias("order_date"),
        F.sum("sale_cents").alias("gross_cents"),
        F.sum("refund_cents").alias("refunds"),
        F.min("voided_day").alias("voided_on"),
        F.sum("lines").alias("lines"),
        *(_latest(name) for name in ("currency", "channel") if name not in own),
    )  # fmt: skip


def _single_rows(rows: DataFrame) -> DataFrame:
    """Equal rows one by one, numbered: they are interchangeable."""
    keys = ("customer_id", "day", "last_line_ts", "marks", "currency", "channel")
    kept = rows.groupBy(*keys, (F.col("sale_cents") != 0).alias("is_sale"), F.try_divide(
        F.col("sale_cents") + F.col("refund_cents"), F.col("lines")).alias("each"),
    ).agg(F.sum("lines").alias("copies"))  # fmt: skip
    one = F.explode(F.sequence(F.lit(1), F.col("copies").cast("int")))
    each = kept.where("copies > 0").withColumn("copy", one)
    cents = F.col("each").cast("bigint")
    zero = F.lit(0).cast("bigint")
    known = each.withColumns(
        {
            "gross_cents": F.when(F.col("is_sale"), cents).otherwise(zero),
            "refunds": F.when(F.col("is_sale"), zero).otherwise(cents),
        }
    )
    same_moment = Window.partitionBy("customer_id", "last_line_ts").orderBy(
        "gross_cents", "refunds", "currency", "channel", "marks", "copy"
    )
    stamp = F.date_format("last_line_ts", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS")
    order_id = F.concat_ws("#", stamp, F.row_number().over(same_moment).cast("string"))
    return known.withColumns(
        {
            "order_id": order_id, "order_ts": F.col("last_line_ts"), "order_date": F.col("day"),
            "lines": F.lit(1).cast("bigint"), "voided_on": F.lit(None).cast("date"),
        }
    )  # fmt: skip


def _last_day(moment: str) -> Column:
    return F.max(F.when(F.col(moment).isNotNull(), F.col("day")))


def _latest(name: str) -> Column:
    # max of a struct, not max_by: rows of one moment would be picked by chance.
    return F.max(F.struct("last_line_ts", name)).getField(name).alias(name)
