"""Runs of a business without orders: recency of logins, weekly sessions, monthly revenue."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from rfm_spark.cli.main import main
from rfm_spark.core.config import Config, config_model
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.loading import validate
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.pipeline import Outcome
from rfm_spark.report.build import build_report
from rfm_spark.report.collect import collect
from tests.helpers import run_tiny
from tests.usage.world import AS_OF, LATER, MEASURES, expected, saas, write


@pytest.fixture(scope="module")
def world(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Outcome, Outcome, Path]:
    folder = tmp_path_factory.mktemp("usage")
    write(session, folder)
    cohorts = {"enabled": True, "start": "first_event", "existing_days": 0}
    pairs = [{"first": "mrr > 50", "second": "mrr <= 50"}]
    config = saas(folder, cohorts=cohorts, groups={"compare": pairs}, clusters={"k": 3})
    return config, run_tiny(session, config, AS_OF), run_tiny(session, config, LATER), folder


def people(spark: SparkSession, config: Config, outcome: Outcome) -> pd.DataFrame:
    rows = of_run(spark, LakeLocation.of(config), "segments", outcome.run_id).toPandas()
    return rows.set_index("customer_id").sort_index()


@pytest.mark.parametrize(("as_of", "which"), [(AS_OF, 0), (LATER, 1)])
def test_every_account_is_measured_as_pandas_does(
    spark: SparkSession, world: tuple[Config, Outcome, Outcome, Path], as_of: date, which: int
) -> None:
    config, first, second, _ = world
    ours, theirs = people(spark, config, (first, second)[which]), expected(as_of)
    assert list(ours.index) == list(theirs.index)
    assert ours["recency_days"].tolist() == theirs["recency_days"].tolist()
    assert ours["recency_date"].tolist() == theirs["recency_date"].tolist()
    assert ours["frequency"].tolist() == theirs["frequency"].tolist()
    assert ours["weekly_sessions"].tolist() == (theirs["frequency"] / 4).tolist()
    assert [int(amount * 100) for amount in ours["monetary"]] == theirs["cents"].tolist()
    assert ours["monetary"].tolist() == ours["mrr"].tolist()
    assert ours["first_order_date"].isna().all()
    assert (theirs["frequency"] == 0).sum() > 5
    assert (theirs["cents"] == 0).sum() > 5


def test_an_event_counts_on_its_local_day(spark: SparkSession, world: tuple[Config, Outcome, Outcome, Path]) -> None:
    config, first, second, _ = world
    dates = [people(spark, config, outcome)["recency_date"].to_dict() for outcome in (first, second)]
    # Ten minutes before midnight in Berlin, and ten minutes after it: both are on one day of UTC.
    assert dates[0]["a112"] == AS_OF
    assert "a113" not in dates[0]
    assert dates[1]["a113"] >= date(2024, 6, 1)


def test_scores_are_those_of_the_measures(spark: SparkSession, world: tuple[Config, Outcome, Outcome, Path]) -> None:
    config, _, second, _ = world
    ours, theirs = people(spark, config, second), expected(LATER)
    for measure, column, low_is_good in (("r", "recency_days", True), ("f", "frequency", False), ("m", "cents", False)):
        values = theirs[column].to_numpy(dtype=float)
        counted = values if measure == "r" else values[values > 0]
        cuts = [sorted(counted)[-(-j * len(counted) // 5) - 1] for j in range(1, 5)]
        above = (values[:, None] > np.array(cuts)).sum(axis=1)
        scores = 5 - above if low_is_good else np.where(values > 0, 1 + above, 1)
        assert ours[f"{measure}_score"].tolist() == scores.tolist(), measure
    # Money is scored among those who pay, whether they were there or not.
    silent = theirs[(theirs["frequency"] == 0) & (theirs["cents"] > 5000)]
    assert len(silent) > 2
    assert (ours.loc[silent.index, "m_score"] > 1).all()


def test_moves_have_causes_of_usage(spark: SparkSession, world: tuple[Config, Outcome, Outcome, Path]) -> None:
    config, _, second, _ = world
    ours, was, now = people(spark, config, second), expected(AS_OF), expected(LATER)
    both = was.index.intersection(now.index)
    same = ours.loc[both]
    moved = same[same["segment"] != same["previous_segment"]]
    did = (
        (now.loc[both, "recency_date"] != was.loc[both, "recency_date"])
        | (now.loc[both, "cents"] != was.loc[both, "cents"])
        | (now.loc[both, "frequency"] > was.loc[both, "frequency"])
    )
    theirs = moved[moved["move_cause"].isin(["behaviour", "inactivity"])]
    assert {"behaviour", "inactivity"} <= set(theirs["move_cause"])
    assert (theirs["move_cause"] == np.where(did.loc[theirs.index], "behaviour", "inactivity")).all()


def test_a_second_time_nothing_is_done(spark: SparkSession, world: tuple[Config, Outcome, Outcome, Path]) -> None:
    config, _, second, _ = world
    again = run_tiny(spark, config, LATER)
    assert (again.run_id, again.repeated) == (second.run_id, True)


def test_a_login_of_long_ago_that_arrives_late_makes_a_new_run(spark: SparkSession, tmp_path: Path) -> None:
    write(spark, tmp_path)
    config = saas(tmp_path)
    first = run_tiny(spark, config, AS_OF)
    silent = people(spark, config, first).query("recency_date == subscribed_since").index[0]
    late = [(silent, datetime(2023, 1, 1, 12), "Login", "late")]
    kinds = "account string, at timestamp, action string, session string"
    spark.createDataFrame(late, kinds).write.format("delta").mode("append").save(str(tmp_path / "events"))
    again = run_tiny(spark, config, AS_OF)
    assert not again.repeated
    # What comes after the date, and a login that is not their latest, change nothing of it.
    more = [("a5", datetime(2024, 8, 1, 12), "Login", "ahead"), (silent, datetime(2022, 1, 1, 12), "Login", "older")]
    spark.createDataFrame(more, kinds).write.format("delta").mode("append").save(str(tmp_path / "events"))
    assert run_tiny(spark, config, AS_OF).repeated
    assert str(people(spark, config, again).loc[silent, "recency_date"]) == "2023-01-01"


def test_the_ledger_counts_them(spark: SparkSession, world: tuple[Config, Outcome, Outcome, Path]) -> None:
    config, _, second, _ = world
    row = of_run(spark, LakeLocation.of(config), "runs", second.run_id).collect()[0]
    theirs = expected(LATER)
    assert row["rows"]["customers"] == len(theirs)
    assert row["rows"]["customers.active"] == int((theirs["frequency"] > 0).sum())
    assert int(row["money"]["monetary"] * 100) == int(theirs["cents"].sum())
    assert not any(name.startswith("transactions") for name in row["rows"])


def test_other_steps_take_these_measures(spark: SparkSession, world: tuple[Config, Outcome, Outcome, Path]) -> None:
    config, _, second, _ = world
    location = LakeLocation.of(config)
    for table in ("cohorts", "group_differences", "drift", "distributions", "segment_transitions", "mrr_movement"):
        assert of_run(spark, location, table, second.run_id).count() > 1, table
    page = build_report(collect(spark, location, second.run_id), config.display)
    assert "MRR" in page
    assert "How recently and how often they come" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rfm": {"measures": {**MEASURES, "monetary": "purchases"}}}, "rfm.measures.monetary is made from sources.tr"),
        ({"lifecycle": {"enabled": True}}, "lifecycle goes by purchases"),
        ({"cohorts": {"enabled": True}}, "cohorts.start is first_order, which needs sources.transactions"),
        ({"rfm": {"measures": {**MEASURES, "recency": "login"}}}, "recency takes purchase, or an event such as"),
        ({"rfm": {"measures": MEASURES, "scope": ["currency"]}}, "currency is that of purchases"),
    ],
)
def test_measures_that_nothing_is_made_from_are_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        saas(tmp_path, **changes)
    assert said in str(caught.value)


def test_nothing_at_all_is_refused(tmp_path: Path) -> None:
    document = {"name": "x", "lake": {"root": str(tmp_path)}, "sources": {}}
    with pytest.raises(ConfigError, match=r"rfm\.measures\.recency is made from sources\.transactions"):
        validate(config_model(), document, "x.yml")


def test_an_event_that_nobody_has_is_said(spark: SparkSession, world: tuple[Config, Outcome, Outcome, Path]) -> None:
    folder = world[3]
    config = saas(folder, "lake_typo", rfm={"measures": {**MEASURES, "recency": {"event": "sign-in"}}})
    found = run_tiny(spark, config, LATER)
    assert any("nobody has an event sign-in" in warning for warning in found.warnings)
    ours = people(spark, config, found)
    # Silent since their subscription began.
    assert (ours["recency_date"] == ours["subscribed_since"]).all()


def test_plan_and_check_work_without_transactions(
    world: tuple[Config, Outcome, Outcome, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, *_, folder = world
    file = tmp_path / "saas.yml"
    document = json.loads(config.model_dump_json(by_alias=True, exclude_none=True))
    file.write_text(json.dumps(document), encoding="utf-8")
    assert main(["run", "-c", str(file), "--as-of", "2024-07-31", "--plan"]) == 0
    assert "Measures of usage" in capsys.readouterr().out
    assert main(["check", "-c", str(file), "--as-of", "2024-06-30"]) == 0
    assert main(["explain", "a5", "--lake", str(folder / "lake")]) == 0
    assert "days since" in capsys.readouterr().out


def test_a_lake_knows_nothing_of_measures_that_are_none(tmp_path: Path) -> None:
    plain = {
        "path": "x",
        "format": "delta",
        "columns": {"customer_id": "c", "order_id": "o", "order_ts": "t", "amount": "a"},
    }
    document = {"name": "x", "lake": {"root": str(tmp_path)}, "sources": {"transactions": plain}}
    stored = validate(config_model(), document, "x.yml").stored()["rfm"]
    assert not {"measures", "scope", "smallest_scope"} & set(stored)
