"""Forecasts through the pipeline, on the published sample: models, rows of customers, totals, backtest, report."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from rfm_spark.capabilities.clv.models import MODELS
from rfm_spark.cli.main import main
from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome
from rfm_spark.report.build import build_report
from rfm_spark.report.collect import collect
from tests.clv.panels import CALIBRATION, END, as_histories, cdnow, cdnow_days
from tests.helpers import config_for, run_tiny, shuffle

QUIET = {
    "max_staleness_days": None,
    "min_volume_ratio": None,
    "max_volume_ratio": None,
    "checks": {"zero_price": "off"},
}
CLV = {"enabled": True, "horizons": [13, 39], "margin": 0.4, "discount": 0.1}


def write(spark: SparkSession, folder: Path) -> None:
    """Days with an order of the sample; who paid nothing paid a cent, so that everybody is a customer."""
    days = cdnow_days()
    days["dollars"] = days["dollars"].clip(lower=0.01)
    rows = [
        (f"{customer}", f"{customer}-{day:%Y%m%d}", day.to_pydatetime(), dollars)
        for customer, day, dollars in days[["customer", "day", "dollars"]].itertuples(index=False)
    ]
    frame = spark.createDataFrame(rows, "customer string, `order` string, at timestamp, amount double")
    frame.selectExpr("customer", "`order`", "at", "cast(amount as decimal(12,2)) amount").write.format("delta").save(
        str(folder / "source")
    )


def forecasting(folder: Path, **clv: Any) -> Config:
    return config_for(folder, quality=QUIET, rfm={"window_days": None}, predict={"clv": {**CLV, **clv}},
                      value={"enabled": True})  # fmt: skip


@pytest.fixture(scope="module")
def known(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, list[Outcome], Path]:
    folder = tmp_path_factory.mktemp("clv")
    write(session, folder)
    config = forecasting(folder)
    return config, [run_tiny(session, config, CALIBRATION), run_tiny(session, config, END)], folder


Known = tuple[Config, list[Outcome], Path]


def rows(spark: SparkSession, config: Config, outcome: Outcome, table: str) -> list[dict[str, Any]]:
    return Store(spark, LakeLocation.of(config)).rows(table, run_id=outcome.run_id)


def test_the_published_fits(spark: SparkSession, known: Known) -> None:
    config, (first, _), _ = known
    models = {row["kind"]: row for row in rows(spark, config, first, "clv_models")}
    orders, spend = models["orders"], models["spend"]
    assert (orders["model"], orders["is_used"], orders["customers"], orders["converged"]) == (
        "bg_nbd",
        True,
        2357,
        True,
    )
    assert orders["boundary"] is None
    published = {"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}
    assert {name: round(value, 4) for name, value in dict(orders["params"]).items()} == pytest.approx(
        published, abs=1e-4
    )
    assert orders["log_likelihood"] == pytest.approx(-9582.43, abs=0.01)
    assert set(dict(orders["standard_errors"])) == set(published)
    assert orders["grain_days"] == 1
    assert spend["model"] == "gamma_gamma"
    assert dict(spend["params"]) == pytest.approx({"p": 6.25, "q": 3.74, "v": 15.44}, rel=0.01)
    assert spend["customers"] == 946
    totals = {row["horizon"]: row for row in rows(spark, config, first, "clv_totals")}
    assert totals[39]["expected_orders"] == pytest.approx(1653.4, abs=0.5)
    assert totals[39]["until"] == CALIBRATION + timedelta(weeks=39)
    assert totals[39]["low"] < totals[39]["expected_orders"] < totals[39]["high"]


def test_every_customer_against_the_formulas(spark: SparkSession, known: Known) -> None:
    config, (first, _), _ = known
    found = of_run(spark, LakeLocation.of(config), "segments", first.run_id).toPandas().set_index("customer_id")
    people = cdnow()
    people.index = people.index.astype(str)
    found = found.loc[people.index]
    models = {row["kind"]: dict(row["params"]) for row in rows(spark, config, first, "clv_models")}
    r, alpha, a, b = (models["orders"][name] for name in ("r", "alpha", "a", "b"))
    x, t_x, age = (people[name].to_numpy() for name in ("x", "t_x", "age"))
    # P(alive) as in Fader, Hardie and Lee (2008), "Computing P(alive) using the BG/NBD model".
    odds = np.where(x > 0, a / (b + np.maximum(x, 1) - 1) * ((alpha + age) / (alpha + t_x)) ** (r + x), 0.0)
    assert found["p_alive"].to_numpy() == pytest.approx(1 / (1 + odds), abs=1e-9)
    expected = MODELS["bg_nbd"].expected(np.array([r, alpha, a, b]), as_histories(people), 39.0)
    assert found["expected_orders"].to_numpy() == pytest.approx(expected, rel=1e-9)
    p, q, v = (models["spend"][name] for name in ("p", "q", "v"))
    means = people["mean"].fillna(0.0).to_numpy()
    value = np.where(x > 0, p * (v + x * means) / (p * x + q - 1), p * v / (q - 1))
    close = np.isclose(found["expected_order_value"].to_numpy(), value, rtol=1e-6)
    # Who paid nothing for a repeat order paid a cent here.
    assert (~close).sum() <= (means[x > 0] < 0.5).sum()
    discounted = found["clv"] / (found["expected_orders"] * found["expected_order_value"] * 0.4)
    # Of orders spread over 39 weeks: between all at once today, and all at the end.
    assert discounted.between(1.1 ** -(39 * 7 / 365.25), 1.0).all()
    assert (found["clv_low"] < found["clv"]).all()
    assert (found["clv"] < found["clv_high"]).all()
    last = pd.DataFrame([one[-1] for one in found["forecasts"]], index=found.index)
    assert last["orders"].to_numpy() == pytest.approx(found["expected_orders"].to_numpy())
    assert last["spend"].to_numpy() == pytest.approx(
        (found["expected_orders"] * found["expected_order_value"]).to_numpy()
    )
    scores = found.groupby("clv_score")["clv"].agg(["min", "max", "size"])
    assert list(scores.index) == [1, 2, 3, 4, 5]
    assert all(low <= high for low, high in zip(scores["max"], scores["min"].iloc[1:], strict=False))
    assert scores["size"].between(0.5 * len(found) / 5, 1.6 * len(found) / 5).all()


def test_a_run_again_is_the_same(spark: SparkSession, known: Known, tmp_path: Path) -> None:
    """In another lake, of rows in another order."""
    config, (first, _), folder = known
    shuffle(spark, folder / "source", tmp_path / "source")
    other = forecasting(tmp_path)
    again = run_tiny(spark, other, CALIBRATION)
    for table in ("clv_models", "clv_cells", "clv_totals", "segments", "value_summary", "value_segments"):
        left, right = (
            of_run(spark, LakeLocation.of(one), table, outcome.run_id).drop("run_id").toPandas().astype(str)
            for one, outcome in ((config, first), (other, again))
        )
        order = list(left.columns)
        pd.testing.assert_frame_equal(
            left.sort_values(order, ignore_index=True), right.sort_values(order, ignore_index=True)
        )


def test_too_little_history_is_said_and_left_empty(spark: SparkSession, known: Known, tmp_path: Path) -> None:
    write(spark, tmp_path)
    config = forecasting(tmp_path, smallest=5000)
    outcome = run_tiny(spark, config, CALIBRATION)
    said = [warning for warning in outcome.warnings if warning.startswith("predict.clv")]
    assert said == [
        "predict.clv: 946 customers ordered on two days, and 5,000 are needed (predict.clv.smallest); p_alive, "
        "expected_orders and clv are left empty"
    ]
    found = of_run(spark, LakeLocation.of(config), "segments", outcome.run_id)
    assert found.where("p_alive IS NOT NULL OR clv_score IS NOT NULL").count() == 0
    page = build_report(collect(spark, LakeLocation.of(config), outcome.run_id), config.display)
    assert "There is too little history for a forecast" in page


def test_backtest_compares_with_what_came(
    spark: SparkSession, known: Known, capsys: pytest.CaptureFixture[str]
) -> None:
    config, _, folder = known
    lake = ["--lake", str(folder / "lake")]
    for _ in range(2):
        capsys.readouterr()
        assert main(["backtest", "--calibrate-until", str(CALIBRATION), *lake]) == 0
        said = capsys.readouterr().out
        assert "2,357 customers: 1,653.4 days with an order expected" in said
    kept = Store(spark, LakeLocation.of(config)).rows("backtests")
    total = [row for row in kept if row["kind"] == "total"]
    assert [(row["actual_orders"], row["customers"], row["model"]) for row in total] == [(1882, 2357, "bg_nbd")]
    days = cdnow_days()
    first = days.groupby("customer")["day"].transform("min")
    came = days[(days["day"] > pd.Timestamp(CALIBRATION)) & (first <= pd.Timestamp(CALIBRATION))]
    assert float(total[0]["actual_spend"]) == pytest.approx(came["dollars"].clip(lower=0.01).sum(), abs=0.01)
    weeks = sorted((row["name"], row) for row in kept if row["kind"] == "week")
    assert len(weeks) == 39
    for end, row in weeks:
        assert row["actual_orders"] == (came["day"] <= pd.Timestamp(end)).sum()
    assert weeks[-1][1]["predicted_orders"] == pytest.approx(1653.4, abs=0.5)
    for kind in ("segment", "decile"):
        mine = [row for row in kept if row["kind"] == kind]
        assert sum(row["actual_orders"] for row in mine) == 1882
        assert sum(row["predicted_orders"] for row in mine) == pytest.approx(total[0]["predicted_orders"])
        assert sum(row["predicted_spend"] for row in mine) == pytest.approx(total[0]["predicted_spend"])
    by_decile = {int(row["name"]): row["actual_orders"] / row["customers"] for row in kept if row["kind"] == "decile"}
    assert by_decile[10] > 4 * by_decile[min(by_decile)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "prophet"], "--model prophet is none"),
        (["--calibrate-until", "1999-01-01"], "--calibrate-until 1999-01-01 leaves nothing on one side"),
        (["--calibrate-until", "1997-01-02"], "customers had ordered on two days by 1997-01-02, and 100 are needed"),
    ],
)
def test_backtests_that_can_not_be(
    known: Known, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backtest", *arguments, "--lake", str(known[2] / "lake")]) == 2
    assert said in capsys.readouterr().err


def test_report_explain_and_value_know_of_forecasts(
    spark: SparkSession, known: Known, capsys: pytest.CaptureFixture[str]
) -> None:
    config, (first, second), folder = known
    page = build_report(collect(spark, LakeLocation.of(config), second.run_id), config.display)
    assert "What customers are expected to do" in page
    assert "Customers by the probability that they still order." in page
    assert "What customers are worth" in page
    assert "How concentrated it was before" in page
    lake = ["--lake", str(folder / "lake")]
    assert main(["explain", "1", "--run", first.run_id, *lake]) == 0
    assert "still a customer with a probability of" in capsys.readouterr().out
    values = rows(spark, config, second, "value_segments")
    segments = [row for row in values if row["lifecycle_stage"] == "all" and row["customers"] >= 5]
    ends = [row["segment"] for row in sorted(segments, key=lambda row: row["clv"] / row["customers"])]
    assert main(["value", "move", ends[0], ends[-1], "--share", "20", *lake]) == 0
    assert "It assumes that" in capsys.readouterr().out
    assert main(["value", "move", ends[0], ends[-1], "--share", "0", *lake]) == 2
    assert "--share 0 is no share" in capsys.readouterr().err


def test_rules_and_clusters_take_forecasts(spark: SparkSession, known: Known, tmp_path: Path) -> None:
    write(spark, tmp_path)
    clusters = {"enabled": True, "k": 3, "features": ["recency_days", "p_alive", "clv"]}
    rules = {
        "name": "alive", "title": "Alive", "description": "By p_alive.",
        "segments": [{"name": "here", "label": "Here", "description": "d", "action": "a", "colour": "#111111",
                      "when": {"p_alive": {"min": 0.8}}}],
        "otherwise": {"name": "gone", "label": "Gone", "description": "d", "action": "a", "colour": "#222222"},
    }  # fmt: skip
    (tmp_path / "rules.yml").write_text(json.dumps(rules), encoding="utf-8")
    config = config_for(
        tmp_path, quality=QUIET, predict={"clv": CLV}, clusters=clusters,
        segments={"rules": str(tmp_path / "rules.yml")},
    )  # fmt: skip
    found = of_run(spark, LakeLocation.of(config), "segments", run_tiny(spark, config, CALIBRATION).run_id).toPandas()
    assert set(found["segment"]) == {"here", "gone"}
    assert ((found["p_alive"] >= 0.8) == (found["segment"] == "here")).all()
    assert found["cluster_id"].nunique() == 3


def test_configurations_that_can_not_be() -> None:
    with pytest.raises(ConfigError, match="horizons are whole periods"):
        config_for(Path("x"), predict={"clv": {"horizons": [13, 4]}})
    with pytest.raises(ConfigError, match="are more than ten years"):
        config_for(Path("x"), predict={"clv": {"horizons": [600]}})
