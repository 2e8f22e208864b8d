"""Churn through the pipeline, of orders: learnt, tested, told, taken on."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.churn.features import of_orders
from rfm_spark.capabilities.churn.panel import Dates, order_panel
from rfm_spark.capabilities.churn.scorers import Scorer
from rfm_spark.capabilities.purchases.artefacts import WindowSettings, measures_until, orders_until
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.cli.main import main
from rfm_spark.core.config import Config
from rfm_spark.core.derived import derived
from rfm_spark.core.errors import ConfigError, GateError
from rfm_spark.lake.batches import read_for
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome
from rfm_spark.report.build import build_report
from rfm_spark.report.collect import collect
from tests.helpers import config_for, run_tiny, shuffle

AS_OF = date(2024, 6, 30)
QUIET = {"max_staleness_days": None, "min_volume_ratio": None, "max_volume_ratio": None}
CHURN = {"enabled": True, "horizon_days": 60, "gap_days": 7, "smallest": 300}
Known = tuple[Config, list[Outcome], Path]


def write(spark: SparkSession, folder: Path, customers: int = 1500) -> None:
    """Customers with a pace of their own, who stop at some time: late for their pace means gone."""
    rng = np.random.default_rng(21)
    rows = []
    for number in range(customers):
        pace = float(rng.choice([7, 21, 60]))
        day = datetime(2023, 1, 1, 12) + timedelta(days=int(rng.integers(0, 400)))
        ends = day + timedelta(days=float(rng.exponential(400)))
        order = 0
        while day < ends and day < datetime(2024, 8, 30):
            rows.append((f"c{number:04d}", f"o{number}-{order}", day, float(round(rng.lognormal(3, 0.5), 2))))
            day, order = day + timedelta(days=1 + float(rng.exponential(pace))), order + 1
    frame = spark.createDataFrame(rows, "customer string, `order` string, at timestamp, amount double")
    frame.selectExpr("customer", "`order`", "at", "cast(amount as decimal(12,2)) amount").write.format("delta").save(
        str(folder / "source")
    )


def telling(folder: Path, **changes: Any) -> Config:
    predict = {"churn": {**CHURN, **changes.pop("churn", {})}, "clv": {"enabled": True, "horizons": [13]}}
    return config_for(folder, quality=QUIET, predict=predict, value={"enabled": True}, **changes)


@pytest.fixture(scope="module")
def known(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Known:
    """A date, one a week later whose run takes the models on, and one that is too late for that."""
    folder = tmp_path_factory.mktemp("churn")
    write(session, folder)
    config = telling(folder, segments={"rules": "value_risk"})
    dates = (AS_OF, AS_OF + timedelta(days=7), AS_OF + timedelta(days=45))
    return config, [run_tiny(session, config, one) for one in dates], folder


def rows(spark: SparkSession, config: Config, outcome: Outcome, table: str) -> list[dict[str, Any]]:
    return Store(spark, LakeLocation.of(config)).rows(table, run_id=outcome.run_id)


def people(spark: SparkSession, config: Config, outcome: Outcome) -> pd.DataFrame:
    frame = of_run(spark, LakeLocation.of(config), "segments", outcome.run_id)
    return frame.toPandas().set_index("customer_id").sort_index()


def test_models_are_compared_with_the_rules_and_the_best_one_tells(spark: SparkSession, known: Known) -> None:
    config, (first, *_), _ = known
    models = {row["model"]: row for row in rows(spark, config, first, "churn_models")}
    assert set(models) == {"recency", "p_alive", "logistic", "trees"}
    chosen = [name for name, row in models.items() if row["is_chosen"]]
    assert len(chosen) == 1
    assert chosen[0] in ("logistic", "trees")
    briers = {name: dict(row["metrics"])["brier"] for name, row in models.items()}
    assert briers[chosen[0]] < min(briers["recency"], briers["p_alive"])
    one = models[chosen[0]]
    assert (one["learnt_as_of"], one["tested_as_of"]) == (AS_OF - timedelta(days=127), AS_OF - timedelta(days=60))
    assert one["drivers"][0].endswith("to stop")
    tenths = rows(spark, config, first, "churn_calibration")
    assert sum(row["customers"] for row in tenths) == one["tested_on"]
    assert sum(row["customers"] * row["stopped"] for row in tenths) == pytest.approx(one["stopped"])


def test_what_was_tested_is_what_pandas_sees(spark: SparkSession, known: Known) -> None:
    config, (first, *_), folder = known
    one = next(row for row in rows(spark, config, first, "churn_models") if row["is_chosen"])
    seen = spark.read.format("delta").load(str(folder / "source")).toPandas()
    seen["day"] = seen["at"].dt.date
    tested = one["tested_as_of"]
    last = seen[seen["day"] <= tested].groupby("customer")["day"].max()
    recent = {name for name, day in last.items() if (tested - day).days <= 120}
    came = set(seen[(seen["day"] > tested) & (seen["day"] <= AS_OF)]["customer"])
    assert one["tested_on"] == len(recent)
    assert one["stopped"] == len(recent - came)


def test_probabilities_follow_from_the_table_alone(spark: SparkSession, known: Known) -> None:
    """The model is a row: read back, it scores the run's customers as they were published."""
    config, outcomes, _ = known
    for outcome in outcomes:
        chosen = next(row for row in rows(spark, config, outcome, "churn_models") if row["is_chosen"])
        features = {one.name: one.value for one in of_orders(amounts_apart=False)}
        scorer = Scorer.from_row(chosen)
        lake = LakeLocation.of(config)
        told = of_run(spark, lake, "segments", outcome.run_id).select("customer_id", "churn_probability")
        measures = of_run(spark, lake, "measures", outcome.run_id).withColumn("again", scorer.probability(features))
        again = told.join(measures.select("customer_id", "recency_days", "again"), "customer_id").toPandas()
        known_ones = again["churn_probability"].notna()
        assert (known_ones == (again["recency_days"] <= 120)).all()
        assert known_ones.sum() > 100
        mine = again[known_ones]
        assert mine["churn_probability"].to_numpy() == pytest.approx(mine["again"].to_numpy(), abs=1e-12)


def test_young_models_are_taken_on_and_old_ones_learnt_anew(spark: SparkSession, known: Known) -> None:
    config, (first, week, late), _ = known
    days = [
        {(row["learnt_as_of"], row["tested_as_of"]) for row in rows(spark, config, one, "churn_models")}
        for one in (first, week, late)
    ]
    assert days[0] == days[1]
    assert days[2] == {(AS_OF + timedelta(days=45 - 127), AS_OF + timedelta(days=45 - 60))}
    left, right = (
        sorted(rows(spark, config, one, "churn_models"), key=lambda row: str(row["model"])) for one in (first, week)
    )
    for name in ("model", "is_chosen", "nodes", "drivers", "stopped"):
        assert [row[name] for row in left] == [row[name] for row in right]
    assert len(rows(spark, config, week, "churn_calibration")) == len(rows(spark, config, first, "churn_calibration"))


def test_value_and_risk_together_name_segments(spark: SparkSession, known: Known) -> None:
    config, (first, *_), _ = known
    found = people(spark, config, first)
    high, risky = found["clv_score"] >= 4, found["churn_probability"] >= 0.5
    gone = found["churn_probability"].isna()
    wanted = np.select([gone, high & risky, high, risky], ["gone", "protect", "grow", "let_go"], "nurture")
    assert (found["segment"] == wanted).all()
    assert set(found["segment"]) == {"protect", "grow", "nurture", "let_go", "gone"}
    spent = found["monetary"].astype(float)
    risk = found["churn_probability"].fillna(0.0) * spent
    assert (gone == (found["recency_days"] > 120)).all()
    summary = rows(spark, config, first, "value_summary")[0]
    assert summary["at_risk_by"] == "churn_probability"
    assert summary["value_at_risk"] == pytest.approx(risk.sum())
    assert summary["value_lost"] == pytest.approx(spent[gone].sum())
    assert summary["risk_unknown"] == 0
    values = [row for row in rows(spark, config, first, "value_segments") if row["lifecycle_stage"] == "all"]
    for row in values:
        assert row["value_at_risk"] == pytest.approx(risk[found["segment"] == row["segment"]].sum())


def test_drift_watches_the_probabilities(spark: SparkSession, known: Known) -> None:
    config, (_, week, _), _ = known
    subjects = {row["subject"] for row in rows(spark, config, week, "drift") if row["metric"] == "psi"}
    assert {"churn_probability", "p_alive"} <= subjects


def test_report_and_explain_tell_of_churn(
    spark: SparkSession, known: Known, capsys: pytest.CaptureFixture[str]
) -> None:
    config, (first, *_), folder = known
    page = build_report(collect(spark, LakeLocation.of(config), first.run_id), config.display)
    for said in ("Who may stop", "(used)", "What counts most", "tenths of the customers as many stopped as was told"):
        assert said in page
    one = people(spark, config, first)["churn_probability"].dropna().index[0]
    assert main(["explain", one, "--run", first.run_id, "--lake", str(folder / "lake")]) == 0
    assert "stops within 60 days with a probability of" in capsys.readouterr().out


def test_too_little_history_is_said(spark: SparkSession, tmp_path: Path) -> None:
    write(spark, tmp_path, customers=120)
    config = telling(tmp_path)
    outcome = run_tiny(spark, config, AS_OF)
    said = [warning for warning in outcome.warnings if warning.startswith("predict.churn")]
    assert len(said) == 1
    assert "customers were there to learn from or to test on, and 300 are needed" in said[0]
    assert people(spark, config, outcome)["churn_probability"].isna().all()
    page = build_report(collect(spark, LakeLocation.of(config), outcome.run_id), config.display)
    assert "There is too little history to learn who stops" in page
    # Rules that go by it would call everybody gone.
    asked = telling(tmp_path, segments={"rules": "value_risk"})
    with pytest.raises(GateError, match="value_risk goes by churn_probability, and there is too little history"):
        run_tiny(spark, asked, AS_OF, force=True)
    assert len(Store(spark, LakeLocation.of(config)).rows("runs")) == 1


def test_where_nothing_can_be_learnt_the_rule_is_published(spark: SparkSession, tmp_path: Path) -> None:
    """Everybody orders at the same rate until they stop, at a rate that is everybody's: silence tells all there is."""
    rng = np.random.default_rng(8)
    rows_ = []
    for number in range(1200):
        start = datetime(2023, 1, 1) + timedelta(days=float(rng.uniform(0, 450)))
        days = np.cumsum(np.concatenate([[0.0], rng.exponential(25, 60)]))
        kept = days[days < rng.exponential(250)]
        rows_ += [
            (f"c{number}", f"o{number}-{at}", start + timedelta(days=float(d)), 10.0) for at, d in enumerate(kept)
        ]
    frame = spark.createDataFrame(rows_, "customer string, `order` string, at timestamp, amount double")
    frame.selectExpr("customer", "`order`", "at", "cast(amount as decimal(12,2)) amount").write.format("delta").save(
        str(tmp_path / "source")
    )
    config = config_for(tmp_path, quality=QUIET, predict={"churn": {**CHURN, "smallest": 100}})
    outcome = run_tiny(spark, config, AS_OF)
    assert any("no model tells who stops better than" in warning for warning in outcome.warnings)
    chosen = next(row for row in rows(spark, config, outcome, "churn_models") if row["is_chosen"])
    assert chosen["model"] == "recency"
    assert people(spark, config, outcome)["churn_probability"].notna().any()


def test_a_run_again_learns_the_same(spark: SparkSession, known: Known, tmp_path: Path) -> None:
    """In another lake, of rows in another order."""
    config, (first, *_), folder = known
    shuffle(spark, folder / "source", tmp_path / "source")
    other = telling(tmp_path, segments={"rules": "value_risk"})
    again = run_tiny(spark, other, AS_OF)
    for table in ("churn_models", "churn_calibration"):
        left, right = (
            sorted(str({k: v for k, v in row.items() if k != "run_id"}) for row in rows(spark, one, outcome, table))
            for one, outcome in ((config, first), (other, again))
        )
        assert left == right
    mine, theirs = people(spark, config, first), people(spark, other, again)
    pd.testing.assert_series_equal(mine["churn_probability"], theirs["churn_probability"])


def test_configurations_that_can_not_be() -> None:
    with pytest.raises(ConfigError, match=r"predict.churn needs sources.subscriptions"):
        config_for(Path("x"), predict={"churn": {"enabled": True, "label": "subscriptions"}})


@pytest.mark.parametrize("until", [AS_OF, AS_OF - timedelta(days=60)])
def test_what_comes_after_a_day_reaches_no_feature_of_it(
    spark: SparkSession, known: Known, tmp_path: Path, until: date
) -> None:
    """Orders dearer a hundredfold after the as-of date change nothing; those after the day of the test no model of it.

    That day's customers and who of them stopped are the same, since nobody orders on other days.
    """
    config, (first, *_), folder = known
    source = spark.read.format("delta").load(str(folder / "source"))
    is_later = F.to_date("at") > F.lit(until)
    planted = source.where(is_later).withColumn("amount", (F.col("amount") * 100).cast("decimal(12,2)"))
    source.where(~is_later).unionByName(planted).write.format("delta").save(str(tmp_path / "source"))
    other = telling(tmp_path, segments={"rules": "rf_grid"})
    again = run_tiny(spark, other, AS_OF)
    models = [
        sorted(str({**row, "run_id": ""}) for row in rows(spark, one, outcome, "churn_models"))
        for one, outcome in ((config, first), (other, again))
    ]
    assert models[0] == models[1]
    mine, theirs = (people(spark, one, run)["churn_probability"] for one, run in ((config, first), (other, again)))
    if until == AS_OF:
        pd.testing.assert_series_equal(mine, theirs)
    else:
        # Of today the dearer orders are known, and the probabilities are others.
        assert not np.allclose(mine.dropna(), theirs.dropna())


@pytest.mark.parametrize("side", ["learnt", "tested"])
def test_orders_planted_after_a_day_reach_no_feature_of_it(
    spark: SparkSession, known: Known, tmp_path: Path, side: str
) -> None:
    """Everybody orders daily for a week: what they were told by before it is the same, through all of intake."""
    config, (first, *_), folder = known
    dates = Dates.before(AS_OF, CHURN["horizon_days"], CHURN["gap_days"])
    day = dates.learnt if side == "learnt" else dates.tested
    source = spark.read.format("delta").load(str(folder / "source"))
    days = F.sequence(F.lit(day + timedelta(days=1)), F.lit(day + timedelta(days=7)), F.expr("interval 1 day"))
    later = F.explode(F.transform(days, lambda one: one.cast("timestamp") + F.expr("interval 9 hours")))
    planted = source.select("customer").distinct().withColumn("at", later).select(
        "customer", F.concat_ws("-", F.lit("planted"), "customer", "at").alias("order"), "at",
        F.lit(500).cast("decimal(12,2)").alias("amount"),
    )  # fmt: skip
    source.unionByName(planted).write.format("delta").save(str(tmp_path / "source"))
    other = config_for(tmp_path, quality=QUIET, rfm={"window_days": 365})
    again = run_tiny(spark, other, AS_OF)
    plain, found = (features(spark, one, outcome, dates) for one, outcome in ((config, first), (other, again)))
    parts = ("learnt", "held") if side == "learnt" else ("learnt", "held", "tested")
    names = [name for name in plain.columns if name.startswith("x_")]
    mine, theirs = (frame[frame["part"].isin(parts)].reset_index(drop=True) for frame in (plain, found))
    pd.testing.assert_frame_equal(mine[["part", "customer_id", *names]], theirs[["part", "customer_id", *names]])
    # And they did order: nobody stopped after that day.
    assert (theirs[theirs["part"] == side]["stopped"] == 0).all()
    assert (mine[mine["part"] == side]["stopped"] == 1).any()


def features(spark: SparkSession, config: Config, outcome: Outcome, dates: Dates) -> pd.DataFrame:
    """What models see, of rows as a run had read them."""
    store = Store(spark, LakeLocation.of(config))
    run = Ledger(store).details([outcome.run_id])[outcome.run_id]
    seen, batches = read_for(store, derived()["orders"], run)
    source, window = config.part(TransactionsSource), WindowSettings(365, "net", gaps=True)

    def measured(day: date) -> DataFrame:
        return measures_until(seen, batches, source, day, window).where("recency_days IS NOT NULL")

    def bought(day: date) -> DataFrame:
        return orders_until(seen, batches, source, dates.until(day)).select("customer_id", "order_date")

    panel = order_panel(measured, bought, dates, 120, of_orders(amounts_apart=False))
    return panel.toPandas().sort_values(["part", "customer_id"], ignore_index=True)
