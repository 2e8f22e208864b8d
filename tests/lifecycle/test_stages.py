"""Every boundary between stages, and all customers of two public data sets against pandas."""

from __future__ import annotations

import gzip
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from rfm_spark.capabilities.lifecycle.config import DayLimits, LifecycleConfig
from rfm_spark.capabilities.lifecycle.rhythm import Rhythm, expected_gap, gaps_of, rhythm_of
from rfm_spark.capabilities.lifecycle.stages import Terms, lifecycle_stage
from rfm_spark.capabilities.purchases.measures import customer_measures
from tests.lifecycle.oracle import stages

AS_OF = date(2024, 6, 30)
DATA = Path(__file__).resolve().parents[1] / "data"
# Everybody is expected to buy every 10 days, whatever they did.
TEN = Rhythm(mean_gap=10.0, weight=None, within=None, between=None, customers=1, gaps=1)


def measured(spark: SparkSession, purchases: pd.DataFrame, as_of: date) -> DataFrame:
    """Measures of customers of whom each purchase is an order: customer, day."""
    orders = spark.createDataFrame(
        [
            (customer, day.date(), day.date(), 100, 0, 0, 1, 1)
            for customer, day in zip(purchases["customer"], purchases["day"], strict=True)
        ],
        "customer_id string, order_date date, last_line_date date, gross_cents bigint, refund_cents bigint, "
        "window_refund_cents bigint, lines bigint, orders bigint",
    )
    return customer_measures(orders, as_of, gaps=True)


def ago(*days: int) -> list[datetime]:
    return [datetime.combine(AS_OF, datetime.min.time()) - timedelta(days=one) for one in days]


# Days ago of each purchase, and the stage with a gap of 10 days: lapsing beyond 15, lapsed beyond 30, loyal from 40.
BOUNDARIES = {
    "new on the day": ([0], "new"),
    "new until 15": ([15], "new"),
    "lapsing from 16": ([16], "lapsing"),
    "lapsing until 30": ([30], "lapsing"),
    "lapsed from 31": ([31], "lapsed"),
    "repeat": ([3, 12], "repeat"),
    "two on one day are two orders": ([3, 3], "repeat"),
    "a silence of 30 days is none": ([0, 30, 40], "repeat"),
    "one of 31 is": ([0, 31, 40], "reactivated"),
    "reactivated though five times": ([0, 31, 40, 45, 50, 55], "reactivated"),
    "silent again is lapsing": ([16, 60], "lapsing"),
    "silent for long is lapsed": ([31, 90], "lapsed"),
    "the silence before the last one does not count": ([0, 5, 60], "repeat"),
    "four orders are not loyal": ([0, 20, 30, 40], "repeat"),
    "five in 39 days are not": ([0, 10, 20, 30, 39], "repeat"),
    "five in 40 days are": ([0, 10, 20, 30, 40], "loyal"),
    "five on two days": ([0, 20, 20, 40, 40], "loyal"),
}


def told(customers: DataFrame, terms: Terms) -> dict[str, str]:
    rows = customers.select("customer_id", lifecycle_stage(terms).alias("stage")).collect()
    return {row["customer_id"]: row["stage"] for row in rows}


def world(cases: dict[str, tuple[list[int], str]]) -> pd.DataFrame:
    return pd.DataFrame(
        [(name, day) for name, (days, _) in cases.items() for day in ago(*days)], columns=["customer", "day"]
    )


def test_boundaries_of_own_rhythm(spark: SparkSession) -> None:
    config = LifecycleConfig(enabled=True)
    found = told(measured(spark, world(BOUNDARIES), AS_OF), Terms(config, TEN))
    assert found == {name: stage for name, (_, stage) in BOUNDARIES.items()}


def test_boundaries_of_fixed_days(spark: SparkSession) -> None:
    config = LifecycleConfig(enabled=True, rhythm="fixed", days=DayLimits(lapsing=15, lapsed=30, loyal=40))
    found = told(measured(spark, world(BOUNDARIES), AS_OF), Terms(config, None))
    assert found == {name: stage for name, (_, stage) in BOUNDARIES.items()}


def test_own_gaps_outweigh_those_of_all_the_more_there_are(spark: SparkSession) -> None:
    rhythm = Rhythm(mean_gap=30.0, weight=2.0, within=1.0, between=0.5, customers=9, gaps=9)
    days = world({"none": ([4], ""), "one": ([0, 6], ""), "four": ([0, 6, 12, 18, 24], "")})
    rows = measured(spark, days, AS_OF).select("customer_id", expected_gap(rhythm).alias("gap")).collect()
    # (2 · 30 + own days) / (2 + own gaps)
    assert {row["customer_id"]: row["gap"] for row in rows} == {"none": 30.0, "one": 22.0, "four": 14.0}


def test_a_silence_is_judged_by_the_gap_before_it(spark: SparkSession) -> None:
    """Lapsed on the day before the order that ended 100 days of silence, reactivated on the day after it."""
    rhythm = Rhythm(mean_gap=20.0, weight=1.0, within=1.0, between=1.0, customers=9, gaps=9)
    terms = Terms(LifecycleConfig(enabled=True), rhythm)
    days = world({"back": ([1, 101], ""), "gone": ([99], ""), "usual": ([1, 61], "")})
    # Without a gap 20 days are expected: 60 days are the limit, and are not beyond it. With 100 days, 60 would be.
    assert told(measured(spark, days, AS_OF), terms) == {"back": "reactivated", "gone": "lapsed", "usual": "repeat"}


def test_a_refund_takes_a_purchase_day_away(spark: SparkSession) -> None:
    rows = [("a", date(2024, 1, 1), 100, 0), ("a", date(2024, 2, 1), 100, 100), ("a", date(2024, 3, 1), 100, 40)]
    orders = spark.createDataFrame(
        [(who, day, day, gross, refund, refund, 1, 1) for who, day, gross, refund in rows],
        "customer_id string, order_date date, last_line_date date, gross_cents bigint, refund_cents bigint, "
        "window_refund_cents bigint, lines bigint, orders bigint",
    )
    (found,) = customer_measures(orders, AS_OF, gaps=True).collect()
    assert (found["orders"], found["purchase_days"], found["previous_order_date"]) == (2, 2, date(2024, 1, 1))
    assert found["gap_squares"] == 60 * 60
    assert found["repeat_cents"] == 60
    (kept,) = customer_measures(orders, AS_OF, refunds="ignore", gaps=True).collect()
    assert (kept["orders"], kept["previous_order_date"]) == (3, date(2024, 2, 1))
    assert kept["gap_squares"] == 31 * 31 + 29 * 29
    assert kept["repeat_cents"] == 200


def test_every_customer_of_cdnow(spark: SparkSession, compiled: None) -> None:
    with gzip.open(DATA / "cdnow_sample.csv.gz", "rt", encoding="ascii") as file:
        orders = pd.read_csv(file, dtype={"customer": str}, parse_dates=["date"], date_format="%Y%m%d")
    purchases = orders[orders["dollars"] > 0].rename(columns={"date": "day"})[["customer", "day"]]
    for as_of in (date(1997, 9, 30), date(1998, 6, 30)):
        until = purchases[purchases["day"] <= pd.Timestamp(as_of)]
        expected = stages(until, as_of)
        customers = measured(spark, until, as_of)
        terms = Terms(LifecycleConfig(enabled=True), rhythm_of(gaps_of(customers)))
        found = customers.select(
            "customer_id", terms.gap.alias("expected_gap_days"), lifecycle_stage(terms).alias("lifecycle_stage")
        ).toPandas().set_index("customer_id").sort_index()  # fmt: skip
        pd.testing.assert_series_equal(found["lifecycle_stage"], expected["lifecycle_stage"].sort_index())
        gaps = expected["expected_gap_days"].sort_index()
        pd.testing.assert_series_equal(found["expected_gap_days"], gaps, rtol=1e-9)
        assert set(found["lifecycle_stage"]) >= {"repeat", "loyal", "reactivated", "lapsing", "lapsed"}


@pytest.mark.parametrize("as_of", [date(2017, 12, 31)])
def test_every_household_of_the_demo(demo: tuple[Path, str], as_of: date, spark: SparkSession, compiled: None) -> None:
    """From the lines of the source, not from what the run made of them."""
    lines = spark.read.format("delta").load(str(demo[0] / "sources" / "transactions"))
    until = lines.where(f"to_date(transaction_timestamp) <= DATE'{as_of}'")
    baskets = until.selectExpr(
        "household_id AS customer", "basket_id", "to_date(transaction_timestamp) AS day",
        "cast(sales_value AS decimal(12,2)) AS amount",
    ).groupBy("customer", "basket_id").agg({"day": "max", "amount": "sum"}).toPandas()  # fmt: skip
    baskets = baskets[baskets["sum(amount)"] > 0].rename(columns={"max(day)": "day"})
    baskets["day"] = pd.to_datetime(baskets["day"])
    baskets["customer"] = baskets["customer"].astype(str)
    expected = stages(baskets[["customer", "day"]], as_of)
    rows = spark.read.format("delta").load(str(demo[0] / "segments")).where(f"as_of_date = DATE'{as_of}'")
    found = rows.select("customer_id", "expected_gap_days", "lifecycle_stage").toPandas().set_index("customer_id")
    pd.testing.assert_series_equal(found["lifecycle_stage"].sort_index(), expected["lifecycle_stage"].sort_index())
    pd.testing.assert_series_equal(
        found["expected_gap_days"].sort_index(), expected["expected_gap_days"].sort_index(), rtol=1e-9
    )
