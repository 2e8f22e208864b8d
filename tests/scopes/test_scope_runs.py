"""Runs that score customers within their market: as runs on that market alone, in one go."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from rfm_spark.core.config import Config
from rfm_spark.core.scopes import scopes_counted
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome
from tests.helpers import run_tiny
from tests.scopes.world import AS_OF, NOBODY_KNOWS, scoped, write

RFM = {"window_days": 365, "scope": ["country"], "smallest_scope": 50}
# Of the columns of a customer's row those that don't follow from others like them.
OWN = [
    "recency_days", "frequency", "monetary", "r_score", "f_score", "m_score", "r_pct", "f_pct", "m_pct", "r_z", "f_z",
    "m_z", "rfm_code", "rfm_weighted", "value_tier", "segment",
]  # fmt: skip


@pytest.fixture(scope="module")
def world(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Outcome, Path]:
    folder = tmp_path_factory.mktemp("scopes")
    write(session, folder)
    config = scoped(folder, rfm=RFM)
    return config, run_tiny(session, config, AS_OF), folder


def people(spark: SparkSession, config: Config, outcome: Outcome) -> pd.DataFrame:
    rows = of_run(spark, LakeLocation.of(config), "segments", outcome.run_id).toPandas()
    return rows.set_index("customer_id").sort_index()


@pytest.mark.parametrize("market", ["DE", "FR"])
def test_each_scope_is_scored_as_a_run_on_it_alone(
    spark: SparkSession, world: tuple[Config, Outcome, Path], market: str
) -> None:
    config, outcome, folder = world
    alone = scoped(folder, f"lake_{market}", f"customer LIKE '{market.lower()}%'", rfm={"window_days": 365})
    theirs = people(spark, alone, run_tiny(spark, alone, AS_OF))
    ours = people(spark, config, outcome).query("scope == @market")
    assert len(ours) == len(theirs) > 100
    pd.testing.assert_frame_equal(ours[OWN], theirs[OWN])
    assert set(theirs["scope"]) == {"all"}


def test_a_small_scope_takes_the_cuts_of_all_and_says_so(
    spark: SparkSession, world: tuple[Config, Outcome, Path]
) -> None:
    config, outcome, folder = world
    whole = scoped(folder, "lake_all", rfm={"window_days": 365})
    everybody = people(spark, whole, run_tiny(spark, whole, AS_OF))
    ours = people(spark, config, outcome)
    small = ours.query("scope == 'LI'")
    assert len(small) == 8
    scores = ["r_score", "f_score", "m_score", "segment"]
    pd.testing.assert_frame_equal(small[scores], everybody.loc[small.index, scores])
    assert (small["m_score"] == 5).all()
    # Where they stand is told among their own.
    assert small["m_pct"].mean() == pytest.approx(50)
    assert set(ours.query("scope == 'unknown'").index) == set(NOBODY_KNOWS)
    assert any("LI (8), unknown (3)" in warning for warning in outcome.warnings)
    cuts = of_run(spark, LakeLocation.of(config), "segment_cuts", outcome.run_id).toPandas()
    assert dict(cuts.groupby("scope")["cuts_of"].first()) == {
        "all": "all", "DE": "DE", "FR": "FR", "LI": "all", "unknown": "all",
    }  # fmt: skip


def test_a_record_that_came_later_counts(spark: SparkSession, world: tuple[Config, Outcome, Path]) -> None:
    config, outcome, _ = world
    assert people(spark, config, outcome).loc["de1", "scope"] == "DE"


def test_summaries_and_moves_are_told_by_scope(spark: SparkSession, world: tuple[Config, Outcome, Path]) -> None:
    config, outcome, _ = world
    location = LakeLocation.of(config)
    ours = people(spark, config, outcome)
    summary = of_run(spark, location, "segment_summary", outcome.run_id).toPandas()
    for scope, mine in [("all", ours), *ours.groupby("scope")]:
        theirs = summary[summary["scope"] == scope].set_index("segment")
        grouped = mine.groupby("segment")
        assert theirs["customers"].to_dict() == grouped.size().to_dict()
        assert theirs["revenue"].to_dict() == grouped["monetary"].sum().to_dict()
        for name, column in (("median_monetary", "monetary"), ("median_recency", "recency_days")):
            middle = grouped[column].apply(lambda values: float(sorted(values)[(len(values) - 1) // 2]))
            assert theirs[name].to_dict() == middle.to_dict()
        assert theirs["customers_pct"].sum() == pytest.approx(100)
    counted = scopes_counted(Store(spark, location).rows("runs", run_id=outcome.run_id)[0]["rows"])
    assert counted == {scope: len(mine) for scope, mine in ours.groupby("scope")}
