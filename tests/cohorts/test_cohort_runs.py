"""Cohorts through whole runs: from orders and from events, with tiers over time, and in the demo."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.pipeline import Outcome
from rfm_spark.report.build import build_report
from rfm_spark.report.collect import collect
from tests.helpers import AS_OF, config_for, purchases, run_tiny, write_source
from tests.pipeline.interactions import events_log, shop

MAY = date(2024, 5, 31)
QUIET = {"max_staleness_days": None}


def cohorts(spark: SparkSession, config: Config, outcome: Outcome) -> list[dict[str, Any]]:
    rows = of_run(spark, LakeLocation.of(config), "cohorts", outcome.run_id).orderBy("cohort_month", "period").collect()
    return [row.asDict() for row in rows]


@pytest.fixture(scope="module")
def runs(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Outcome, Outcome]:
    config = shop(session, tmp_path_factory.mktemp("cohorts"), quality=QUIET, cohorts={"enabled": True})
    return config, run_tiny(session, config, MAY), run_tiny(session, config)


def test_all_money_and_all_orders_are_in_some_cell(spark: SparkSession, runs: tuple[Config, Outcome, Outcome]) -> None:
    config, _, second = runs
    rows = cohorts(spark, config, second)
    lines = spark.read.format("delta").load(str(Path(config.lake.root or "").parent / "source"))
    orders, money = lines.selectExpr("count(distinct `order`)", "sum(amount)").collect()[0]
    assert sum(row["orders"] for row in rows) == orders
    assert sum((row["revenue"] for row in rows), Decimal(0)) == money
    sizes = {row["cohort_month"]: row["customers"] for row in rows}
    assert sum(sizes.values()) == 24


def test_tiers_of_a_past_month_are_those_it_had(spark: SparkSession, runs: tuple[Config, Outcome, Outcome]) -> None:
    config, first, second = runs
    then = {(row["cohort_month"], row["period"]): row["tiers"] for row in cohorts(spark, config, first)}
    now = {(row["cohort_month"], row["period"]): row for row in cohorts(spark, config, second)}
    of_may = {key: tiers for key, tiers in then.items() if tiers}
    assert of_may
    for key, tiers in of_may.items():
        assert now[key]["tiers"] == tiers
        assert now[key]["period_start"] == date(2024, 5, 1)
    of_june = [row for row in now.values() if row["period_start"] == date(2024, 6, 1)]
    assert all(row["tiers"] and sum(row["tiers"].values()) == pytest.approx(1) for row in of_june)
    assert {row["tiers"] is None for row in now.values() if row["period_start"] < date(2024, 5, 1)} == {True}


def test_events_make_customers_begin_too(spark: SparkSession, tmp_path: Path) -> None:
    settings = {"enabled": True, "start": "first_event", "period": "week"}
    config = shop(spark, tmp_path, quality=QUIET, cohorts=settings)
    rows = cohorts(spark, config, run_tiny(spark, config))
    log = events_log()
    log = log[log["ts"] < pd.Timestamp(AS_OF + timedelta(days=1))]
    first = log.groupby("who")["ts"].min().dt.to_period("W-SUN").value_counts()
    assert {row["cohort_month"]: row["customers"] for row in rows} == {
        week.start_time.date(): count for week, count in first.items()
    }
    weeks = log.assign(week=log["ts"].dt.to_period("W-SUN")).groupby(["who", "week"]).size().reset_index()
    assert sum(row["active"] for row in rows) == len(weeks)


def test_the_report_shows_who_stays(spark: SparkSession, runs: tuple[Config, Outcome, Outcome]) -> None:
    config, _, second = runs
    page = build_report(collect(spark, LakeLocation.of(config), second.run_id), config.display)
    assert "Who stays" in page
    assert "existing at start" in page


def test_cohorts_by_events_need_events(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cohorts.start is first_event, which needs sources.events"):
        config_for(tmp_path, cohorts={"enabled": True, "start": "first_event"})


def test_cohorts_of_the_demo_are_those_of_pandas(demo: tuple[Path, str], spark: SparkSession, compiled: None) -> None:
    lines = spark.read.format("delta").load(str(demo[0] / "sources" / "transactions"))
    until = lines.where("to_date(transaction_timestamp) <= DATE'2017-12-31'")
    baskets = until.selectExpr(
        "household_id", "basket_id", "to_date(transaction_timestamp) AS day",
        "cast(round(sales_value * 100) AS bigint) AS cents",
    ).groupBy("household_id", "basket_id").agg({"day": "max", "cents": "sum"}).toPandas()  # fmt: skip
    baskets = baskets[baskets["sum(cents)"] > 0]
    month = pd.to_datetime(baskets["max(day)"]).dt.to_period("M")
    began = month.groupby(baskets["household_id"]).transform("min")
    expected = baskets.groupby([began, month]).agg(
        active=("household_id", "nunique"), orders=("basket_id", "size"), cents=("sum(cents)", "sum")
    )
    found = spark.read.format("delta").load(str(demo[0] / "cohorts")).where("as_of_date = DATE'2017-12-31'").toPandas()
    assert found["existing_at_start"].any()
    found = found[(found["active"] > 0)].sort_values(["cohort_month", "period"])
    assert found["active"].to_list() == expected["active"].to_list()
    assert found["orders"].to_list() == expected["orders"].to_list()
    assert [int(one * 100) for one in found["revenue"]] == expected["cents"].to_list()
    sizes = began.groupby(baskets["household_id"]).first().value_counts()
    retention = expected["active"] / sizes.reindex(expected.index.get_level_values(0)).to_numpy()
    assert found["retention"].to_list() == pytest.approx(retention.to_list(), rel=1e-12)


def test_another_period_is_counted_anew(spark: SparkSession, tmp_path: Path) -> None:
    write_source(spark, tmp_path / "source", purchases())
    by_month = config_for(tmp_path, quality=QUIET, cohorts={"enabled": True})
    by_week = config_for(tmp_path, quality=QUIET, cohorts={"enabled": True, "period": "week"})
    alone = by_week.model_copy(update={"lake": by_week.lake.model_copy(update={"root": str(tmp_path / "alone")})})
    run_tiny(spark, by_month, AS_OF)
    found = cohorts(spark, by_week, run_tiny(spark, by_week, AS_OF + timedelta(days=7)))
    assert {row["length"] for row in found} == {"week"}
    theirs = cohorts(spark, alone, run_tiny(spark, alone, AS_OF + timedelta(days=7)))
    for rows in (found, theirs):
        for row in rows:
            del row["run_id"], row["tiers"]
    assert found == theirs
