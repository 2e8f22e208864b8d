"""Runs that score customers within their market: as runs on that market alone, in one go."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from rfm_spark.cli.main import main
from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.scopes import scopes_counted
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome
from rfm_spark.report.build import build_report
from rfm_spark.report.collect import collect
from tests.helpers import rows_of, run_tiny
from tests.scopes.world import AS_OF, NOBODY_KNOWS, scoped, write

LATER = date(2024, 7, 31)
MOVED = [f"de{number}" for number in range(2, 12)]
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


@pytest.fixture(scope="module")
def later(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Outcome, Outcome, Path]:
    """Two dates of a lake; in between some of DE moved to LI."""
    folder = tmp_path_factory.mktemp("later")
    write(session, folder, LATER)
    config = scoped(folder, rfm=RFM)
    first = run_tiny(session, config, AS_OF)
    kinds = "customer string, changed timestamp, country string"
    moved = session.createDataFrame([(name, datetime(2024, 7, 10), "LI") for name in MOVED], kinds)
    moved.write.format("delta").mode("append").save(str(folder / "records"))
    return config, first, run_tiny(session, config, LATER), folder


def test_moves_of_a_scope_are_those_of_a_run_on_it_alone(
    spark: SparkSession, later: tuple[Config, Outcome, Outcome, Path]
) -> None:
    config, _, second, folder = later
    alone = scoped(folder, "lake_fr", "customer LIKE 'fr%'", rfm={"window_days": 365})
    run_tiny(spark, alone, AS_OF)
    theirs = of_run(spark, LakeLocation.of(alone), "segment_transitions", run_tiny(spark, alone, LATER).run_id)
    ours = of_run(spark, LakeLocation.of(config), "segment_transitions", second.run_id).where("scope = 'FR'")
    keys = ("run_id", "as_of_date", "previous_run_id", "scope")
    assert rows_of(ours, *keys) == rows_of(theirs, *keys)
    assert len(rows_of(ours)) > 5


def test_whoever_comes_to_another_market_moves_by_its_thresholds(
    spark: SparkSession, later: tuple[Config, Outcome, Outcome, Path]
) -> None:
    config, first, second, _ = later
    assert set(people(spark, config, first).loc[MOVED, "scope"]) == {"DE"}
    now = people(spark, config, second).loc[MOVED]
    assert set(now["scope"]) == {"LI"}
    cuts = of_run(spark, LakeLocation.of(config), "segment_cuts", first.run_id).toPandas()
    mine = cuts[cuts["scope"] == "DE"].set_index("measure")["cuts"]
    # By yesterday's cut points of DE, where they were: the segment of a cell is looked up among all customers.
    r = 5 - (now["recency_days"].to_numpy()[:, None] > np.array(mine["recency_days"])).sum(axis=1)
    f = 1 + (now["frequency"].to_numpy()[:, None] > np.array(mine["frequency"])).sum(axis=1)
    every = people(spark, config, second)
    cells = every.groupby(["r_score", "f_score"])["segment"].agg(
        lambda names: names.iloc[0] if names.nunique() == 1 else ""
    )
    told = 0
    for row, cell in zip(now.itertuples(), zip(r, f, strict=True), strict=True):
        under = cells.get(cell, "")
        if under and row.frequency:
            was, is_now = row.previous_segment, row.segment
            stays = {None} if under == was else {"masked"}
            goes = {"behaviour", "inactivity"} if under == is_now else {"thresholds"} if under == was else {"both"}
            assert row.move_cause in (stays if was == is_now else goes), row.Index
            told += 1
    assert told >= 5
    changes = of_run(spark, LakeLocation.of(config), "segment_changes", second.run_id).toPandas()
    ours = people(spark, config, second)
    assert (changes["scope"] == ours.loc[changes["customer_id"], "scope"].to_numpy()).all()


def test_drift_is_judged_in_each_scope(spark: SparkSession, later: tuple[Config, Outcome, Outcome, Path]) -> None:
    config, _, second, _ = later
    drift = of_run(spark, LakeLocation.of(config), "drift", second.run_id).toPandas()
    verdicts = drift[drift["metric"] == "verdict"].set_index("scope")["severity"]
    assert set(verdicts.index) == {"all", "DE", "FR", "LI", "unknown"}
    # Their figure is told, and raises no alarm: tenths are tenths.
    assert len(drift[(drift["metric"] == "psi") & (drift["subject"] == "value_tier")]) >= 3
    volumes = drift[(drift["metric"] == "volume") & (drift["subject"] == "customers")].set_index("scope")["detail"]
    ours = people(spark, config, second).groupby("scope").size()
    assert all(f"{ours[scope]} now" in volumes[scope] for scope in ("DE", "FR", "LI"))


def test_a_market_that_breaks_shows_though_the_whole_is_quiet(spark: SparkSession, tmp_path: Path) -> None:
    write(spark, tmp_path, LATER)
    config = scoped(tmp_path, rfm=RFM)
    run_tiny(spark, config, AS_OF)
    lines = spark.read.format("delta").load(str(tmp_path / "source"))
    kept = lines.where("NOT (customer LIKE 'fr%' AND at > '2024-05-01')").localCheckpoint()
    kept.write.format("delta").mode("overwrite").save(str(tmp_path / "source"))
    second = run_tiny(spark, config, LATER)
    drift = of_run(spark, LakeLocation.of(config), "drift", second.run_id).toPandas()
    verdicts = drift[drift["metric"] == "verdict"].set_index("scope")["severity"]
    assert verdicts["FR"] == "major"
    assert verdicts["DE"] != "major"
    assert second.verdict.startswith("FR: ") or verdicts["all"] == "major"


def test_the_report_has_all_scopes_and_each_alone(
    spark: SparkSession, later: tuple[Config, Outcome, Outcome, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, _, second, folder = later
    location = LakeLocation.of(config)
    page = build_report(collect(spark, location, second.run_id), config.display)
    assert "Customers are scored, ranked and clustered within their country: 4 scopes" in page
    lake = ["--lake", str(folder / "lake")]
    assert main(["report", "--scope", "FR", *lake, "-o", str(folder / "fr.html")]) == 0
    theirs = (folder / "fr.html").read_text(encoding="utf-8")
    assert "only FR" in theirs
    assert "Customers are scored, ranked" not in theirs
    capsys.readouterr()
    assert main(["report", "--scope", "IT", *lake]) == 2
    assert "has no scope IT; there are DE, FR, LI, unknown" in capsys.readouterr().err
    assert main(["explain", "fr3", *lake]) == 0
    assert "scored in FR" in capsys.readouterr().out
    assert main(["explain", "li3", *lake]) == 0
    assert "scored in LI, by the cuts of all customers" in capsys.readouterr().out


def test_records_that_say_the_same_make_no_new_run(
    spark: SparkSession, later: tuple[Config, Outcome, Outcome, Path]
) -> None:
    config, _, second, folder = later
    records = str(folder / "records")
    known = spark.read.format("delta").load(records).localCheckpoint()
    known.write.format("delta").mode("overwrite").save(records)
    again = run_tiny(spark, config, LATER)
    assert (again.run_id, again.repeated) == (second.run_id, True)
    # Who is on record after the date says nothing of it; one more market on it does.
    kinds = "customer string, changed timestamp, country string"
    ahead = [("de20", datetime(2024, 8, 20), "LI")]
    spark.createDataFrame(ahead, kinds).write.format("delta").mode("append").save(records)
    assert run_tiny(spark, config, LATER).repeated
    now = [("de20", datetime(2024, 7, 20), "LI")]
    spark.createDataFrame(now, kinds).write.format("delta").mode("append").save(records)
    assert not run_tiny(spark, config, LATER).repeated


def test_another_scope_leaves_no_names_of_before(spark: SparkSession, tmp_path: Path) -> None:
    write(spark, tmp_path, LATER)
    run_tiny(spark, scoped(tmp_path, rfm=RFM), AS_OF)
    lines = spark.read.format("delta").load(str(tmp_path / "source"))
    kept = lines.where("customer NOT LIKE 'fr1%'").localCheckpoint()
    kept.write.format("delta").mode("overwrite").save(str(tmp_path / "source"))
    whole = scoped(tmp_path, rfm={"window_days": 365})
    second = run_tiny(spark, whole, LATER)
    for table in ("segment_changes", "segment_transitions", "segments"):
        rows = of_run(spark, LakeLocation.of(whole), table, second.run_id).toPandas()
        assert set(rows["scope"]) == {"all"}, table
    changes = of_run(spark, LakeLocation.of(whole), "segment_changes", second.run_id)
    assert changes.where("cause = 'left'").count() > 20


def test_cut_points_of_another_scope_are_refused(spark: SparkSession, world: tuple[Config, Outcome, Path]) -> None:
    _, outcome, folder = world
    frozen = {"scoring": {"method": "frozen", "run": outcome.run_id}}
    with pytest.raises(ConfigError, match=r"has another rfm\.scope; set it as it has, or name another run"):
        run_tiny(spark, scoped(folder, name="other", rfm={"window_days": 365, **frozen}), AS_OF)
    same = scoped(folder, name="same", rfm={**RFM, **frozen})
    theirs = people(spark, same, run_tiny(spark, same, AS_OF))
    scores = ["r_score", "f_score", "m_score"]
    pd.testing.assert_frame_equal(theirs[scores], people(spark, world[0], outcome)[scores])


def test_scopes_that_nobody_tells_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"rfm.scope: region is unknown; map it in sources.customers.attributes"):
        scoped(tmp_path, rfm={"scope": ["region"]})
    with pytest.raises(ConfigError, match=r"scope can't be combined with scoring\.nested"):
        scoped(tmp_path, rfm={"scope": "country", "scoring": {"nested": True}})
