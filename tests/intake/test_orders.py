"""Orders of days: one row per order, its money, and the day a refund left nothing of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.days import ATTRIBUTES, DayShape, order_days, visible
from rfm_spark.capabilities.purchases.orders import Grain, each_order

LINES = (
    "customer_id STRING, order_id STRING, order_ts TIMESTAMP, order_date DATE, sale_cents BIGINT, refund_cents BIGINT, "
    "currency STRING, channel STRING, marks BIGINT"
)
SHOWN = (
    "customer_id STRING, order_id STRING, order_ts TIMESTAMP, gross DECIMAL(18,2), refunds DECIMAL(18,2), "
    "net DECIMAL(18,2), voided_on STRING, lines BIGINT"
)


def line(
    order: str, day: int, sale: int = 0, refund: int = 0, hour: int = 12, channel: str | None = None
) -> tuple[object, ...]:
    moment = datetime(2024, 3, day, hour)
    return "c", order, moment, moment.date(), sale, refund, "EUR", channel, 0


def orders_of(spark: SparkSession, rows: list[tuple[object, ...]], grain: Grain = None) -> DataFrame:
    return orders_of_lines(spark.createDataFrame(rows, LINES), grain)


def orders_of_lines(lines: DataFrame, grain: Grain) -> DataFrame:
    return each_order(visible(order_days(lines, DayShape(grain, ATTRIBUTES), looks=False), None), grain)


def voided(spark: SparkSession, rows: list[tuple[object, ...]]) -> dict[str, str | None]:
    found = orders_of(spark, rows).select("order_id", F.col("voided_on").cast("string")).collect()
    return {row[0]: row[1] for row in found}


def row(order: str, day: int, hour: int, gross: str, refunds: str, void: str | None, lines: int) -> tuple[object, ...]:
    net = Decimal(gross) - Decimal(refunds)
    return "c", order, datetime(2024, 3, day, hour), Decimal(gross), Decimal(refunds), net, void, lines


def test_lines_become_orders_with_their_refunds(spark: SparkSession) -> None:
    rows = [
        line("two lines", 1, sale=1000, hour=9), line("two lines", 1, sale=250, hour=11),
        line("partly refunded", 2, sale=1000), line("partly refunded", 5, refund=400),
        line("fully refunded", 2, sale=1000), line("fully refunded", 5, refund=400),
        line("fully refunded", 9, refund=600),
        line("only a refund", 7, refund=5), line("free", 8),
    ]  # fmt: skip
    expected = [
        row("two lines", 1, 11, "12.50", "0.00", None, 2),
        row("partly refunded", 2, 12, "10.00", "4.00", None, 2),
        row("fully refunded", 2, 12, "10.00", "10.00", "2024-03-09", 3),
        row("only a refund", 7, 12, "0.00", "0.05", None, 1),
        row("free", 8, 12, "0.00", "0.00", None, 1),
    ]
    found = orders_of(spark, rows).withColumn("voided_on", F.col("voided_on").cast("string"))
    assert_df_equality(
        found.drop("order_date", "currency", "channel"),
        spark.createDataFrame(expected, SHOWN),
        ignore_row_order=True,
        ignore_nullable=True,
    )


def test_an_order_is_void_from_the_refund_that_left_nothing_not_from_a_later_one(spark: SparkSession) -> None:
    rows = [
        line("refunded twice", 1, sale=1000), line("refunded twice", 5, refund=1000),
        line("refunded twice", 9, refund=10),
        line("sold again", 1, sale=1000), line("sold again", 5, refund=1000), line("sold again", 9, sale=500),
    ]  # fmt: skip
    assert voided(spark, rows) == {"refunded twice": "2024-03-05", "sold again": None}


def test_orders_of_a_day_are_one(spark: SparkSession) -> None:
    rows = [
        line("x", 1, sale=100, hour=8),
        line("y", 1, sale=100, hour=20),
        line("x", 2, sale=100),
        line("y", 2, refund=40),
    ]
    found = orders_of(spark, rows, "day").select("order_id", "order_ts", F.col("net").cast("string"), "lines").collect()
    assert sorted(tuple(r) for r in found) == [
        ("2024-03-01", datetime(2024, 3, 1, 20), "2.00", 2),
        ("2024-03-02", datetime(2024, 3, 2, 12), "0.60", 2),
    ]


def test_rows_of_one_moment_are_orders_of_their_own_in_any_layout(spark: SparkSession) -> None:
    sales = ((100, "web"), (100, "shop"), (100, "web"), (50, None))
    rows = [line("", 1, sale=sale, channel=channel) for sale, channel in sales]
    lines = spark.createDataFrame([*rows, line("", 1, refund=70)], LINES)
    first = orders_of_lines(lines, "row")
    assert first.select("order_id").distinct().count() == 5
    for layout in (lines.repartition(5), lines.orderBy(F.desc("channel")).coalesce(1)):
        assert_df_equality(orders_of_lines(layout, "row"), first, ignore_row_order=True)


def test_the_same_order_id_of_two_customers_is_two_orders(spark: SparkSession) -> None:
    other = ("d", *line("A", 3, sale=700)[1:])
    found = orders_of(spark, [line("A", 1, sale=100), other]).collect()
    assert sorted((r["customer_id"], r["net"]) for r in found) == [("c", Decimal("1.00")), ("d", Decimal("7.00"))]


def test_currency_and_channel_are_those_of_the_latest_line(spark: SparkSession) -> None:
    rows = [line("A", 1, sale=100, hour=9, channel="web"), line("A", 1, sale=100, hour=10, channel="shop")]
    found = orders_of(spark, rows).collect()[0]
    assert (found["currency"], found["channel"], found["lines"]) == ("EUR", "shop", 2)
