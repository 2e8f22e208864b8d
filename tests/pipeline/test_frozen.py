"""Scoring by the nested cuts of another run, which did not see every group."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from tests.helpers import config_for, run_tiny, write_source

DAY = datetime(2024, 6, 30, 12)
RULES = {"segments": {"rules": "tercile"}}


def bought(customer: str, days_ago: int, amount: str, number: int = 0) -> tuple[str, str, datetime, str]:
    return (customer, f"{customer}-{number}", DAY - timedelta(days=days_ago), amount)


def test_a_group_without_cuts_takes_those_of_its_nearest_and_is_counted(spark: SparkSession, tmp_path: Path) -> None:
    # Three recent customers, three of a while ago and three of long ago, each with one purchase of 10, 20 or 30.
    usual = [
        bought(f"{ago}-{amount}", ago + amount // 10, str(amount)) for ago in (0, 100, 200) for amount in (10, 20, 30)
    ]
    write_source(spark, tmp_path / "source", usual)
    scoring: dict[str, Any] = {"bins": 3, "nested": True}
    first = run_tiny(spark, config_for(tmp_path, rfm={"window_days": 365, "scoring": scoring}, **RULES))
    # Recent and often: nobody was, so no money was compared there. F of 1 is 1, above it 3.
    often = [bought("whale", 1, "333333", n) for n in range(3)] + [bought("small", 1, "2", n) for n in range(3)]
    write_source(spark, tmp_path / "source", usual + often)
    frozen = {"window_days": 365, "scoring": {**scoring, "method": "frozen", "run": first.run_id}}
    config = config_for(tmp_path, name="frozen", rfm=frozen, **RULES)
    outcome = run_tiny(spark, config)
    rows = of_run(spark, LakeLocation.of(config), "segments", outcome.run_id).collect()
    scores = {row["customer_id"]: (row["r_score"], row["f_score"], row["m_score"]) for row in rows}
    assert scores["whale"] == (3, 3, 3)
    assert scores["small"] == (3, 3, 1)
    assert scores["0-20"] == (3, 1, 2)
    said = [warning for warning in outcome.warnings if "nearest group" in warning]
    assert said == [
        f"run {first.run_id} had no buyers in some groups of its nested cuts; customers there were scored by the "
        "cuts of the nearest group: 2 in r=3,f=3"
    ]
