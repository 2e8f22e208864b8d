"""Twenty subscriptions over two years, against a ledger that was worked out by hand; and rows that are wrong."""

from __future__ import annotations

import calendar
from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from rfm_spark.capabilities.subscriptions.checks import SUBSCRIPTION_CHECKS
from rfm_spark.capabilities.subscriptions.config import SubscriptionsSource
from rfm_spark.capabilities.subscriptions.mrr import movements, mrr_of, versions
from rfm_spark.capabilities.subscriptions.rows import validated_subscriptions
from rfm_spark.core.reading.verdicts import codes_of

SCHEMA = ", ".join(f"{name} string" for name in "who sub start end plan amount off every state".split())
MAPPING = {
    "customer_id": "who", "subscription_id": "sub", "start_date": "start", "end_date": "end", "plan": "plan",
    "amount": "amount", "discount": "off", "interval": "every", "status": "state",
}  # fmt: skip
# who, subscription, start, first day it runs no more, plan, amount, discount, interval, status
SUBSCRIPTIONS = [
    ("c01", "s01", "2023-01-05", None, "basic", "10", None, "month", "active"),
    ("c02", "s02", "2023-01-31", "2023-02-28", "basic", "20", None, "month", "canceled"),
    ("c03", "s03", "2023-02-01", "2024-02-01", "basic", "120", None, "year", "active"),
    ("c04", "s04", "2023-03-10", "2023-06-15", "basic", "15", None, "month", "active"),
    ("c04", "s04", "2023-06-15", None, "pro", "45", None, "month", "active"),
    ("c05", "s05", "2023-03-01", "2023-09-30", "pro", "45", None, "month", "active"),
    ("c05", "s05", "2023-09-30", None, "basic", "15", None, "month", "active"),
    ("c06", "s06", "2023-04-01", "2023-07-01", "mid", "30", None, "month", "active"),
    ("c06", "s06", "2023-07-01", "2023-10-01", "mid", "30", None, "month", "paused"),
    ("c06", "s06", "2023-10-01", None, "mid", "30", None, "month", "active"),
    ("c07", "s07", "2023-05-20", None, "basic", "99.99", None, "annual", "active"),
    ("c07", "s08", "2023-08-01", None, "addon", "5", None, "month", "active"),
    ("c08", "s09", "2023-06-01", "2023-12-01", "mid", "25", "5", "month", "active"),
    ("c08", "s09", "2023-12-01", None, "mid", "25", None, "month", "active"),
    ("c09", "s10", "2023-07-01", "2023-07-15", "basic", "0", None, "month", "trialing"),
    ("c09", "s10", "2023-07-15", None, "basic", "12", None, "month", "active"),
    ("c10", "s11", "2023-08-01", "2023-10-10", "free", "0", None, "month", "active"),
    ("c10", "s11", "2023-10-10", None, "mid", "18", None, "month", "active"),
    ("c11", "s12", "2023-09-01", "2024-01-01", "pro", "40", None, "month", "active"),
    ("c11", "s13", "2024-04-01", None, "pro", "50", None, "month", "active"),
    ("c12", "s14", "2023-10-01", None, "pro", "100", None, "quarter", "active"),
    ("c12", "s14", "2023-10-01", None, "pro", "100", None, "quarter", "active"),
    ("c13", "s16", "2023-11-15", "2024-02-29", "pro", "60", None, "month", "active"),
    ("c14", "s17", "2024-01-10", "2024-01-10", "basic", "10", None, "month", "active"),
    ("c14", "s17", "2024-01-10", None, "mid", "20", None, "month", "active"),
    ("c15", "s18", "2024-02-01", "2024-12-31", "basic", "10", None, "month", "active"),
    ("c15", "s18", "2024-05-01", None, "mid", "30", None, "month", "active"),
    ("c16", "s19", "2024-03-01", None, "mid", "480", None, "two_years", "active"),
    ("c17", "s20", "2024-06-30", "2024-12-31", "pro", "70", None, "month", "active"),
    ("c18", "s15", "2023-12-31", None, "basic", "9", None, "monthly", "active"),
]  # fmt: skip
# By month: what happened, and to how much a month. 99.99 a year is 8.33 a month, 100 a quarter 33.33.
LEDGER = {
    (2023, 1): [("new", "10"), ("new", "20")],
    (2023, 2): [("churn", "-20"), ("new", "10")],
    (2023, 3): [("new", "15"), ("new", "45")],
    (2023, 4): [("new", "30")],
    (2023, 5): [("new", "8.33")],
    (2023, 6): [("expansion", "30"), ("new", "20")],
    (2023, 7): [("churn", "-30"), ("new", "12")],
    (2023, 8): [("expansion", "5")],
    (2023, 9): [("contraction", "-30"), ("new", "40")],
    (2023, 10): [("reactivation", "30"), ("new", "18"), ("new", "33.33")],
    (2023, 11): [("new", "60")],
    (2023, 12): [("expansion", "5"), ("new", "9")],
    (2024, 1): [("churn", "-40"), ("new", "20")],
    (2024, 2): [("churn", "-10"), ("churn", "-60"), ("new", "10")],
    (2024, 3): [("new", "20")],
    (2024, 4): [("reactivation", "50")],
    (2024, 5): [("expansion", "20")],
    (2024, 6): [("new", "70")],
    (2024, 7): [],
    (2024, 8): [],
    (2024, 9): [],
    (2024, 10): [],
    (2024, 11): [],
    (2024, 12): [("churn", "-70")],
}


def read(spark: SparkSession, rows: list[tuple[Any, ...]], **settings: Any) -> DataFrame:
    source = SubscriptionsSource(path="x", format="delta", columns=MAPPING, **settings)
    return validated_subscriptions(spark.createDataFrame(rows, SCHEMA), source)


def kept(spark: SparkSession, frame: DataFrame) -> DataFrame:
    """The same rows without what they were made from."""
    return spark.createDataFrame(frame.collect(), frame.schema)


def test_twenty_subscriptions_over_two_years(spark: SparkSession) -> None:
    known = kept(spark, versions(read(spark, SUBSCRIPTIONS).where("reason IS NULL")))
    before, total = None, Decimal(0)
    for (year, month), entries in LEDGER.items():
        now = kept(spark, mrr_of(known, date(year, month, calendar.monthrange(year, month)[1])))
        found = {row["movement"]: row for row in movements(now, before).collect()}
        expected: dict[str, list[Decimal]] = defaultdict(list)
        for movement, change in entries:
            expected[movement].append(Decimal(change))
        moved = {name: (row["customers"], row["change"]) for name, row in found.items() if name != "unchanged"}
        assert moved == {name: (len(mine), sum(mine)) for name, mine in expected.items()}, (year, month)
        # What moved adds up to the difference, and what is now to all there is.
        assert sum((row["mrr_before"] for row in found.values()), Decimal(0)) == total
        total += sum((Decimal(change) for _, change in entries), Decimal(0))
        assert sum((row["mrr_now"] for row in found.values()), Decimal(0)) == total
        before = now
    assert total == Decimal("330.66")
    assert len({row[1] for row in SUBSCRIPTIONS}) == 20


def test_customers_on_a_day(spark: SparkSession) -> None:
    known = versions(read(spark, SUBSCRIPTIONS).where("reason IS NULL"))
    rows = {row["customer_id"]: row for row in mrr_of(known, date(2024, 2, 29)).collect()}
    assert (rows["c07"]["mrr"], rows["c07"]["plan"], rows["c07"]["subscriptions"]) == (Decimal("13.33"), "basic", 2)
    assert (rows["c13"]["mrr"], rows["c13"]["plan"], rows["c13"]["subscribed_until"]) == (0, None, date(2024, 2, 29))
    assert rows["c13"]["has_paid"]
    assert rows["c06"]["subscribed_since"] == date(2023, 4, 1)
    assert "c16" not in rows
    free = {row["customer_id"]: row for row in mrr_of(known, date(2023, 9, 1)).collect()}["c10"]
    assert (free["mrr"], free["plan"], free["has_paid"], free["subscriptions"]) == (0, "free", False, 1)


def test_a_change_that_was_taken_back_ends_nothing(spark: SparkSession) -> None:
    rows = [("a", "s", "2023-01-01", None, "p", "10", None, "month", "active"),
            ("a", "s", "2023-06-01", "2023-06-01", "q", "99", None, "month", "active")]  # fmt: skip
    known = versions(read(spark, rows).where("reason IS NULL"))
    (row,) = mrr_of(known, date(2023, 7, 1)).collect()
    assert (row["mrr"], row["plan"], row["subscriptions"]) == (10, "p", 1)


def test_who_pays_from_today_on_has_paid(spark: SparkSession) -> None:
    rows = [("a", "s", "2023-06-01", None, "p", "10", None, "month", "active")]
    (row,) = mrr_of(versions(read(spark, rows).where("reason IS NULL")), date(2023, 6, 1)).collect()
    assert (row["mrr"], row["has_paid"]) == (10, True)


@pytest.mark.parametrize(("last_day", "running"), [(False, 27), (True, 28)])
def test_an_end_is_the_day_after_or_the_last_one(spark: SparkSession, last_day: bool, running: int) -> None:
    row = [("a", "s", "2023-02-01", "2023-02-28", "p", "28", None, "month", None)]
    known = versions(read(spark, row, end_is_last_day=last_day).where("reason IS NULL"))
    days = [day for day in range(1, 29) if mrr_of(known, date(2023, 2, day)).collect()[0]["mrr"] == 28]
    assert len(days) == running


WRONG = {
    "anonymous": (None, "s", "2023-01-01", None, "p", "1", None, "month", "active"),
    "bad_date": ("a", "s", "01/02/2023", None, "p", "1", None, "month", "active"),
    "bad_date ": ("a", "s", "2023-01-01", "soon", "p", "1", None, "month", "active"),
    "bad_amount": ("a", "s", "2023-01-01", None, "p", "a lot", None, "month", "active"),
    "bad_amount ": ("a", "s", "2023-01-01", None, "p", None, None, "month", "active"),
    "unknown_interval": ("a", "s", "2023-01-01", None, "p", "1", None, "fortnight", "active"),
    "end_before_start": ("a", "s", "2023-01-02", "2023-01-01", "p", "1", None, "month", "active"),
    "bad_amount  ": ("a", "s", "2023-01-01", None, "p", "10", "10%", "month", "active"),
    "ended_without_end": ("a", "s", "2023-01-01", None, "p", "1", None, "month", "churned"),
    "negative_mrr": ("a", "s", "2023-01-01", None, "p", "1", "2", "month", "active"),
    "placeholder_id": ("n/a", "s", "2023-01-01", None, "p", "1", None, "month", "active"),
}  # fmt: skip
FLAGGED = {
    "unknown_status": ("a", "s", "2023-01-01", None, "p", "1", None, "month", "dormant"),
    "zero_mrr": ("a", "s", "2023-01-01", None, "p", "0", None, "month", "active"),
    "id_whitespace": (" a ", "s", "2023-01-01", None, "p", "1", None, "month", "active"),
}  # fmt: skip


@pytest.mark.parametrize("code", WRONG)
def test_rows_that_are_wrong_are_rejected(spark: SparkSession, code: str) -> None:
    (row,) = read(spark, [WRONG[code]]).collect()
    assert (row["reason"], row["marks"]) == (code.strip(), 0)


@pytest.mark.parametrize("code", FLAGGED)
def test_rows_that_are_odd_are_flagged(spark: SparkSession, code: str) -> None:
    (row,) = read(spark, [FLAGGED[code]]).collect()
    assert row["reason"] is None
    assert codes_of(row["marks"], SUBSCRIPTION_CHECKS) == [code]


def test_versions_that_contradict_each_other(spark: SparkSession) -> None:
    known = versions(read(spark, SUBSCRIPTIONS).where("reason IS NULL"))
    assert {row["subscription_id"] for row in known.where("copies > 1").collect()} == {"s14"}
    assert {row["subscription_id"] for row in known.where("same_day").collect()} == {"s17"}
    assert {row["subscription_id"] for row in known.where("overlaps").collect()} == {"s18"}


def test_words_of_ones_own(spark: SparkSession) -> None:
    rows = [("a", "s", "2023-01-01", None, "p", "24", None, "Jahr", "aktiv"),
            ("b", "t", "2023-01-01", None, "p", "24", None, "jahr", "ruht")]  # fmt: skip
    found = read(spark, rows, intervals={"year": ["Jahr"]}, statuses={"running": "aktiv", "paused": ["ruht"]}).collect()
    assert [(row["cents"], row["marks"]) for row in found] == [(200, 0), (0, 0)]


def test_payments_are_versions_that_run_until_the_next_is_due(spark: SparkSession) -> None:
    # The recipe of docs/saas.md: monthly, a late one, one that never came; and a year paid at once.
    payments = [
        ("a", "mid", "2024-01-31", "30", "month"),
        ("a", "mid", "2024-02-29", "30", "month"),
        ("a", "mid", "2024-04-02", "30", "month"),
        ("b", "mid", "2024-01-10", "240", "year"),
    ]
    source = SubscriptionsSource(
        path="p",
        format="delta",
        columns={
            "customer_id": "account", "subscription_id": "plan", "start_date": "paid_on", "plan": "plan",
            "end_date": "add_months(paid_on, IF(billing = 'year', 12, 1)) + INTERVAL 3 DAYS",
            "amount": "amount", "interval": "billing",
        },
    )  # fmt: skip
    frame = spark.createDataFrame(
        payments, "account string, plan string, paid_on string, amount string, billing string"
    )
    typed = frame.withColumn("paid_on", frame["paid_on"].cast("date"))
    known = kept(spark, versions(validated_subscriptions(typed, source).where("reason IS NULL")))

    def paid(day: date) -> dict[str, Decimal]:
        return {row["customer_id"]: row["mrr"] for row in mrr_of(known, day).collect()}

    assert paid(date(2024, 2, 28)) == {"a": 30, "b": 20}
    # Within the three days of grace, after them, and when the money came.
    assert paid(date(2024, 3, 31)) == {"a": 30, "b": 20}
    assert paid(date(2024, 4, 1)) == {"a": 0, "b": 20}
    assert paid(date(2024, 4, 2)) == {"a": 30, "b": 20}
    assert paid(date(2024, 5, 5)) == {"a": 0, "b": 20}
    assert paid(date(2025, 1, 13)) == {"a": 0, "b": 0}
