"""What a source's history is good for, against pandas."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from rfm_spark.capabilities.purchases.history import GAP_SHARES, History, history

SCHEMA = "customer_id STRING, order_date DATE, gross_cents BIGINT, refund_cents BIGINT, orders BIGINT"
START = date(2023, 1, 1)


def test_gaps_are_those_between_days_with_a_purchase(spark: SparkSession) -> None:
    drawn = np.random.default_rng(11)
    rows = [
        (f"c{customer}", START + timedelta(days=int(day)), int(gross), int(back), 1)
        for customer, day, gross, back in zip(
            drawn.integers(0, 60, 400), drawn.integers(0, 500, 400), drawn.integers(0, 3, 400) * 100,
            drawn.integers(0, 2, 400) * 100, strict=True,
        )
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["customer", "day", "gross", "back", "orders"])
    bought = frame[(frame.gross > 0) & (frame.gross > frame.back)].astype({"day": "datetime64[ns]"})
    days = bought[["customer", "day"]].drop_duplicates().sort_values(["customer", "day"])
    gaps = days.groupby("customer")["day"].diff().dropna().dt.days
    found = history(spark.createDataFrame(rows, SCHEMA))
    assert found.orders == len(bought)
    assert found.customers == bought.customer.nunique()
    assert found.repeaters == int((days.groupby("customer").size() > 1).sum())
    assert (found.first, found.last) == (bought.day.min().date(), bought.day.max().date())
    assert found.gap_days == tuple(int(np.quantile(gaps, share, method="inverted_cdf")) for share in GAP_SHARES)


def test_two_orders_of_one_day_are_no_return(spark: SparkSession) -> None:
    found = history(spark.createDataFrame([("a", START, 100, 0, 1), ("a", START, 200, 0, 1)], SCHEMA))
    assert found == History(2, 1, 0, START, START, ())
    assert found.suggested_window is None


def test_no_orders_have_no_history(spark: SparkSession) -> None:
    assert history(spark.createDataFrame([("a", START, 0, 100, 1)], SCHEMA)) == History(0, 0, 0, None, None, ())


@pytest.mark.parametrize(
    ("gap", "window"), [(1, 30), (7, 30), (8, 60), (15, 60), (45, 180), (91, 365), (182, 730), (183, None)]
)
def test_the_suggested_window_is_the_shortest_that_holds_four_gaps(gap: int, window: int | None) -> None:
    assert History(9, 3, 3, START, START + timedelta(days=800), (1, 1, gap, 400)).suggested_window == window


@pytest.mark.parametrize(
    ("gap", "days", "window"), [(100, 374, None), (91, 374, 365), (91, 364, None), (182, 730, 730)]
)
def test_no_window_is_longer_than_the_history(gap: int, days: int, window: int | None) -> None:
    last = START + timedelta(days=days - 1)
    assert History(9, 3, 3, START, last, (1, 1, gap, 400)).suggested_window == window
