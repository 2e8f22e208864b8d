"""What churn is learnt from: against pandas, and blind to what came later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from rfm_spark.capabilities.churn.features import PREFIX, of_orders, of_subscriptions
from rfm_spark.capabilities.churn.panel import (
    HELD,
    LEARNT,
    STOPPED,
    TESTED,
    Dates,
    order_panel,
    subscription_panel,
)

AS_OF = date(2024, 6, 30)
DATES = Dates.before(AS_OF, 60, 7)
SILENCE = 120
Rows = list[tuple[str, date, float]]


def orders(customers: int = 60) -> Rows:
    """Customers who order at their own pace for some time."""
    rng = np.random.default_rng(12)
    rows: Rows = []
    for number in range(customers):
        day = date(2023, 1, 1) + timedelta(days=int(rng.integers(0, 300)))
        lasts = day + timedelta(days=int(rng.integers(1, 500)))
        while day <= min(lasts, AS_OF):
            rows.append((f"c{number:02d}", day, float(rng.integers(5, 90))))
            day += timedelta(days=int(rng.integers(5, 60)))
    return rows


def frame_of(spark: SparkSession, rows: Rows) -> DataFrame:
    return spark.createDataFrame(rows, "customer_id string, order_date date, amount double")


def measured(rows: DataFrame) -> Callable[[date], DataFrame]:
    """Measures of one-line orders, by Spark's own aggregates."""

    def of_day(day: date) -> DataFrame:
        known = rows.where(F.col("order_date") <= F.lit(day))
        days = known.select("customer_id", "order_date").distinct()
        before = F.lag("order_date").over(Window.partitionBy("customer_id").orderBy("order_date"))
        gaps = days.withColumn("gap", F.datediff("order_date", before))
        squares = gaps.groupBy("customer_id").agg(F.sum(F.col("gap") * F.col("gap")).alias("gap_squares"))
        return known.groupBy("customer_id").agg(
            F.datediff(F.lit(day), F.max("order_date")).alias("recency_days"),
            F.datediff(F.lit(day), F.min("order_date")).alias("tenure_days"),
            F.count_distinct("order_date").cast("int").alias("purchase_days"),
            F.count(F.lit(1)).alias("frequency"),
            F.sum("amount").cast("decimal(18,2)").alias("monetary"),
        ).join(squares, "customer_id")  # fmt: skip

    return of_day


def panel(spark: SparkSession, rows: Rows) -> pd.DataFrame:
    frame = frame_of(spark, rows)
    found = order_panel(
        measured(frame),
        lambda _: frame.select("customer_id", "order_date"),
        DATES,
        SILENCE,
        of_orders(amounts_apart=False),
    )
    return found.toPandas().sort_values(["part", "customer_id"], ignore_index=True)


def test_the_days_keep_their_distance() -> None:
    assert DATES.tested == date(2024, 5, 1)
    assert DATES.until(DATES.tested) == AS_OF
    assert DATES.until(DATES.learnt) == DATES.tested - timedelta(days=7)


def test_customers_and_what_became_of_them_against_pandas(spark: SparkSession) -> None:
    rows = orders()
    found = panel(spark, rows)
    seen = pd.DataFrame(rows, columns=["customer", "day", "amount"])
    for day, parts in ((DATES.learnt, (LEARNT, HELD)), (DATES.tested, (TESTED,))):
        mine = found[found["part"].isin(parts)].set_index("customer_id")
        before = seen[seen["day"] <= day]
        last = before.groupby("customer")["day"].max()
        recent = last[[(day - one).days <= SILENCE for one in last]]
        assert set(mine.index) == set(recent.index)
        end = day + timedelta(days=60)
        came = set(seen[(seen["day"] > day) & (seen["day"] <= end)]["customer"])
        assert dict(mine[STOPPED]) == {name: float(name not in came) for name in mine.index}
        for name in mine.index:
            days = sorted(set(before[before["customer"] == name]["day"]))
            gaps = [(later - earlier).days for earlier, later in pairwise(days)]
            silence, tenure = (day - days[-1]).days, (day - days[0]).days
            irregular = float(np.std(gaps) / np.mean(gaps)) if len(gaps) >= 2 else 1.0
            wanted = {
                "silence_days": silence, "missed_orders": silence * len(days) / (tenure + 30), "tenure_days": tenure,
                "order_days": len(days), "irregularity": irregular,
                "monetary": before[before["customer"] == name]["amount"].sum(),
            }  # fmt: skip
            for feature, value in wanted.items():
                assert mine.loc[name, f"{PREFIX}{feature}"] == pytest.approx(np.log1p(value), abs=1e-6), feature


def test_some_are_held_back_by_their_id_alone(spark: SparkSession) -> None:
    parts = panel(spark, orders()).groupby("part")["customer_id"].agg(set)
    assert len(parts[HELD]) > 5
    assert not parts[HELD] & parts[LEARNT]
    fewer = [row for row in orders() if row[0] < "c40"]
    again = panel(spark, fewer).groupby("part")["customer_id"].agg(set)
    assert again[HELD] == {name for name in parts[HELD] if name < "c40"}


def test_a_planted_leak_reaches_no_feature(spark: SparkSession) -> None:
    """Who stays orders for a fortune the day after; models that saw it would be always right."""
    rows = orders()
    plain = panel(spark, rows)
    planted = [
        (name, day + timedelta(days=1), 1e6)
        for day, parts in ((DATES.learnt, (LEARNT, HELD)), (DATES.tested, (TESTED,)))
        for name in plain[plain["part"].isin(parts) & (plain[STOPPED] == 0)]["customer_id"]
    ]
    # The fortune of the first day is of the past on the second.
    later = {name for name, day, _ in planted if day <= DATES.tested}
    found = panel(spark, [*rows, *planted])
    features = [name for name in plain.columns if name.startswith(PREFIX)]
    learnt = plain["part"].isin((LEARNT, HELD))
    pd.testing.assert_frame_equal(plain[learnt][[*features, STOPPED]], found[learnt][[*features, STOPPED]])
    untouched = (plain["part"] == TESTED) & ~plain["customer_id"].isin(later)
    kept = plain[untouched]["customer_id"]
    assert len(kept) > 3
    mine = found[(found["part"] == TESTED) & found["customer_id"].isin(kept)]
    pd.testing.assert_frame_equal(
        plain[untouched][features].reset_index(drop=True), mine[features].reset_index(drop=True)
    )


def test_subscribers_and_whose_subscription_ended(spark: SparkSession) -> None:
    """By hand: pays on both days; ends within the first horizon; ends within the second; comes later."""
    learnt, tested = DATES.learnt, DATES.tested
    start = date(2023, 1, 1)
    rows = [
        ("stays", "s1", start, None, "pro", 1000, None),
        ("first", "s2", start, learnt + timedelta(days=10), "pro", 1000, learnt + timedelta(days=10)),
        ("second", "s3", start, AS_OF - timedelta(days=1), "pro", 500, AS_OF - timedelta(days=1)),
        ("late", "s4", tested - timedelta(days=3), None, "pro", 2000, None),
        ("free", "s5", start, None, "free", 0, None),
    ]  # fmt: skip
    kinds = (
        "customer_id string, subscription_id string, start_date date, end_date date, plan string, cents bigint, "
        "until date"
    )
    versions = spark.createDataFrame(rows, kinds)
    used = spark.createDataFrame(
        [("stays", learnt), ("stays", learnt - timedelta(days=30)), ("stays", tested + timedelta(days=1))],
        "customer_id string, event_date date",
    )
    features = of_subscriptions(has_events=True)
    found = subscription_panel(versions, used, DATES, features).toPandas()
    found["part"] = found["part"].replace(HELD, LEARNT)
    known = found.set_index(["part", "customer_id"])
    assert dict(known[STOPPED]) == {
        (LEARNT, "stays"): 0.0, (LEARNT, "first"): 1.0, (LEARNT, "second"): 0.0,
        (TESTED, "stays"): 0.0, (TESTED, "second"): 1.0, (TESTED, "late"): 0.0,
    }  # fmt: skip

    def of(part: str, customer: str, feature: str) -> float:
        return float(np.expm1(known[f"{PREFIX}{feature}"][part, customer]))

    assert of(LEARNT, "stays", "silence_days") == pytest.approx(0)
    assert of(LEARNT, "stays", "active_days") == pytest.approx(1)
    assert of(LEARNT, "stays", "active_days_before") == pytest.approx(1)
    assert of(LEARNT, "stays", "mrr") == pytest.approx(10)
    assert of(TESTED, "stays", "silence_days") == pytest.approx((tested - learnt).days)
    assert of(TESTED, "late", "silence_days") == pytest.approx(3650)
