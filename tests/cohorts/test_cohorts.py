"""Cohorts against pandas, on a public data set and by hand; weeks and months, and periods that are not over."""

from __future__ import annotations

import gzip
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from rfm_spark.capabilities.cohorts.cells import Cell, cells_of, cohort_rows
from rfm_spark.capabilities.cohorts.periods import Period, between, later, start_of
from rfm_spark.capabilities.cohorts.section import cells_of_rows, compared

DATA = Path(__file__).resolve().parents[1] / "data"


def activity(spark: SparkSession, rows: list[tuple[str, date, bool, int, int]]) -> DataFrame:
    return spark.createDataFrame(rows, "customer_id string, day date, is_active boolean, orders bigint, cents bigint")


def expected_cells(orders: pd.DataFrame, period: Period) -> pd.DataFrame:
    """By pandas: customer, date, cents."""
    code = {"month": "M", "week": "W-SUN"}[period]
    known = orders.assign(period=orders["date"].dt.to_period(code).dt.start_time.dt.date)
    first = known.groupby("customer")["date"].transform("min")
    known["cohort"] = first.dt.to_period(code).dt.start_time.dt.date
    found = known.groupby(["cohort", "period"]).agg(
        active=("customer", "nunique"), orders=("date", "size"), cents=("cents", "sum"), first_day=("date", "min")
    )
    return found.reset_index()


@pytest.mark.parametrize("period", ["month", "week"])
def test_every_cohort_of_cdnow(spark: SparkSession, compiled: None, period: Period) -> None:
    with gzip.open(DATA / "cdnow_sample.csv.gz", "rt", encoding="ascii") as file:
        orders = pd.read_csv(file, dtype={"customer": str}, parse_dates=["date"], date_format="%Y%m%d")
    orders = orders[orders["dollars"] > 0]
    orders["cents"] = (orders["dollars"] * 100).round().astype(int)
    rows = [(who, day.date(), True, 1, int(cents)) for who, day, cents in
            zip(orders["customer"], orders["date"], orders["cents"], strict=True)]  # fmt: skip
    found = cells_of(activity(spark, rows), period)
    expected = expected_cells(orders, period)
    assert [(c.cohort, c.period, c.active, c.orders, c.cents) for c in found] == list(
        expected[["cohort", "period", "active", "orders", "cents"]].itertuples(index=False, name=None)
    )
    as_of = date(1998, 6, 30)
    made = pd.DataFrame(cohort_rows(found, as_of, period, 0, {}))
    sizes = (
        orders.groupby("customer")["date"].min().dt.to_period({"month": "M", "week": "W-SUN"}[period]).value_counts()
    )
    assert made.groupby("cohort_month")["customers"].first().to_list() == sizes.sort_index().to_list()
    assert (made["retention"] == made["active"] / made["customers"]).all()
    assert made[made["period"] == 0]["retention"].eq(1).all()
    # All money is in some cell, and the last cumulated one of each cohort is all of its money.
    assert made["revenue"].sum() == Decimal(int(orders["cents"].sum())) / 100
    last = made.groupby("cohort_month").last()["cumulated_revenue"]
    assert last.to_list() == made.groupby("cohort_month")["revenue"].sum().to_list()


def test_a_refund_is_no_activity(spark: SparkSession) -> None:
    rows = [
        ("a", date(2024, 1, 31), True, 1, 1000),
        ("a", date(2024, 2, 1), False, 0, -300),
        ("b", date(2024, 2, 29), True, 2, 500),
        ("never", date(2024, 2, 1), False, 0, -100),
    ]
    found = cells_of(activity(spark, rows), "month")
    jan, feb = date(2024, 1, 1), date(2024, 2, 1)
    assert found == [
        Cell(jan, jan, date(2024, 1, 31), 1, 1, 1000),
        Cell(jan, feb, date(2024, 1, 31), 0, 0, -300),
        Cell(feb, feb, date(2024, 2, 29), 1, 2, 500),
    ]


def flags(as_of: date, period: Period = "month", existing_days: int = 0, first: date = date(2023, 1, 31)) -> list[Any]:
    start = start_of(first, period)
    rows = cohort_rows([Cell(start, start, first, 4, 5, 999)], as_of, period, existing_days, {})
    return [(row["period"], row["is_complete"], row["existing_at_start"]) for row in rows]


def test_a_period_is_over_on_its_last_day() -> None:
    assert flags(date(2023, 2, 27)) == [(0, True, False), (1, False, False)]
    assert flags(date(2023, 2, 28)) == [(0, True, False), (1, True, False)]
    assert flags(date(2024, 2, 28))[-1] == (13, False, False)
    assert flags(date(2024, 2, 29))[-1] == (13, True, False)
    assert flags(date(2023, 1, 31)) == [(0, True, False)]
    # 2023-01-31 is a Tuesday: its week ends on the 5th of February.
    assert flags(date(2023, 2, 4), "week") == [(0, False, False)]
    assert flags(date(2023, 2, 5), "week") == [(0, True, False)]


def test_cohorts_of_the_beginning_were_there_before() -> None:
    first = {date(2023, 1, 1): date(2023, 1, 3), date(2023, 2, 1): date(2023, 2, 1), date(2023, 3, 1): date(2023, 3, 1)}
    cells = [Cell(start, start, day, 1, 1, 1) for start, day in first.items()]

    def labelled(days: int) -> list[int]:
        rows = cohort_rows(cells, date(2023, 3, 31), "month", days, {})
        return sorted({row["cohort_month"].month for row in rows if row["existing_at_start"]})

    assert labelled(0) == []
    assert labelled(1) == [1]
    assert labelled(29) == [1]
    assert labelled(30) == [1, 2]
    assert labelled(60) == [1, 2, 3]


def test_only_what_can_be_compared_is_compared() -> None:
    cells = [
        Cell(date(2023, 1, 1), date(2023, 1, 1), date(2023, 1, 1), 10, 10, 1),
        Cell(date(2023, 1, 1), date(2023, 2, 1), date(2023, 1, 1), 9, 9, 1),
        Cell(date(2023, 3, 1), date(2023, 3, 1), date(2023, 3, 1), 10, 10, 1),
        Cell(date(2023, 3, 1), date(2023, 4, 1), date(2023, 3, 1), 4, 4, 1),
        Cell(date(2023, 4, 1), date(2023, 4, 1), date(2023, 4, 1), 10, 10, 1),
        Cell(date(2023, 4, 1), date(2023, 5, 1), date(2023, 4, 1), 1, 1, 1),
    ]
    rows = cells_of_rows(cohort_rows(cells, date(2023, 5, 2), "month", 30, {}))
    assert compared(rows, 1) == (4, 10)


def test_money_of_cohorts_is_exact() -> None:
    start = date(2024, 1, 1)
    cells = [Cell(start, start, start, 3, 4, 10), Cell(start, date(2024, 3, 1), start, 1, 1, -1)]
    rows = cohort_rows(cells, date(2024, 3, 31), "month", 0, {})
    assert [row["revenue"] for row in rows] == [Decimal("0.10"), Decimal(0), Decimal("-0.01")]
    assert [row["cumulated_revenue"] for row in rows] == [Decimal("0.10"), Decimal("0.10"), Decimal("0.09")]
    assert rows[0]["revenue_per_customer"] == pytest.approx(0.1 / 3)
    assert rows[0]["orders_per_customer"] == pytest.approx(4 / 3)
    assert (rows[1]["active"], rows[1]["retention"]) == (0, 0)


@given(st.dates(date(1999, 1, 1), date(2030, 12, 31)), st.integers(0, 200), st.sampled_from(["month", "week"]))
def test_periods_add_up(day: date, number: int, period: Period) -> None:
    start = start_of(day, period)
    assert start <= day < later(start, 1, period)
    there = later(start, number, period)
    assert between(start, there, period) == number
    assert start_of(there - timedelta(days=1), period) == later(start, number - 1, period)
