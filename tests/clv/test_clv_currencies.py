"""Forecasts, churn and value of a shop with two currencies: amounts never meet, and days count in the own one."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from rfm_spark.cli.main import main
from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome
from rfm_spark.report.build import build_report
from rfm_spark.report.collect import collect
from tests.helpers import run_tiny
from tests.scopes.world import AS_OF, orders, scoped, write

PREDICT = {
    "clv": {"enabled": True, "horizons": [13], "smallest": 30},
    "churn": {"enabled": True, "horizon_days": 60, "smallest": 100},
}
THEN = date(2024, 3, 31)
World = tuple[Config, Outcome, Path]


@pytest.fixture(scope="module")
def world(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("money")
    write(session, folder)
    rfm = {"window_days": 365, "scope": ["currency"], "smallest_scope": 20}
    config = scoped(folder, currency=True, rfm=rfm, predict=PREDICT, value={"enabled": True})
    return config, run_tiny(session, config, AS_OF), folder


def own_days(until: date) -> pd.DataFrame:
    """Purchases in a customer's own currency, that of the latest purchase: customer, day, currency, cents."""
    lines = orders(AS_OF)
    lines["day"] = lines["at"].dt.date
    known = lines[lines["day"] <= until]
    latest = known.sort_values(["day", "currency"], ascending=[False, True]).groupby("customer")["currency"].first()
    lines["cents"] = (lines["amount"] * 100).round().astype(int)
    mine = lines[lines["currency"] == lines["customer"].map(latest)]
    return mine.groupby(["customer", "currency", "day"])["cents"].sum().reset_index()


def rows(spark: SparkSession, world: World, table: str) -> list[dict[str, Any]]:
    return Store(spark, LakeLocation.of(world[0])).rows(table, run_id=world[1].run_id)


def test_each_currency_has_a_model_of_spend(spark: SparkSession, world: World) -> None:
    models = {row["scope"]: row for row in rows(spark, world, "clv_models") if row["kind"] == "spend"}
    assert set(models) == {"EUR", "CHF"}
    days = own_days(AS_OF)
    first = days.groupby("customer")["day"].transform("min")
    repeat = days[days["day"] > first].groupby("customer").agg(cents=("cents", "sum"), x=("day", "size"))
    of = days.groupby("customer")["currency"].first()
    found = of_run(spark, LakeLocation.of(world[0]), "segments", world[1].run_id).toPandas().set_index("customer_id")
    assert (found["scope"] == of.reindex(found.index)).all()
    for scope, mine in found.groupby("scope"):
        known = repeat.reindex(mine.index).fillna(0)
        means = known["cents"] / 100 / known["x"].where(known["x"] > 0)
        model = models[str(scope)]
        assert model["customers"] == (known["x"] > 0).sum()
        if model["model"] == "own_mean":
            wanted = means.fillna(means.mean())
        else:
            p, q, v = (dict(model["params"])[name] for name in "pqv")
            wanted = p * (v + known["cents"] / 100) / (p * known["x"] + q - 1)
        assert mine["expected_order_value"].to_numpy() == pytest.approx(wanted.to_numpy(), rel=1e-9)
        assert set(mine["clv_score"]) == {1, 2, 3, 4, 5}
    # Too few pay in francs for a model of what they spend.
    assert models["CHF"]["model"] == "own_mean"


def test_amounts_are_added_up_by_currency_alone(spark: SparkSession, world: World) -> None:
    summaries = {row["scope"]: row for row in rows(spark, world, "value_summary")}
    assert set(summaries) == {"EUR", "CHF"}
    found = of_run(spark, LakeLocation.of(world[0]), "segments", world[1].run_id).toPandas()
    for scope, mine in found.groupby("scope"):
        assert summaries[str(scope)]["revenue"] == mine["monetary"].sum()
        assert summaries[str(scope)]["clv"] == pytest.approx(mine["clv"].sum())
    for table in ("value_segments", "value_curve"):
        assert {row["scope"] for row in rows(spark, world, table)} == {"EUR", "CHF"}
    for row in rows(spark, world, "churn_models"):
        assert "monetary" not in dict(row["params"])
        assert "monetary" not in {node["feature"] for node in row["nodes"]}
    page = build_report(collect(spark, LakeLocation.of(world[0]), world[1].run_id), world[0].display)
    assert "What customers are expected to do" in page


def test_a_backtest_counts_days_in_the_own_currency(
    spark: SparkSession, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["backtest", "--calibrate-until", THEN.isoformat(), "--lake", str(world[2] / "lake")]
    assert main(arguments) == 0
    assert "–" in capsys.readouterr().out
    days = own_days(THEN)
    known = days[days["day"] <= THEN]["customer"].unique()
    came = days[(days["day"] > THEN) & days["customer"].isin(known)]
    kept = Store(spark, LakeLocation.of(world[0])).rows("backtests")
    (total,) = [row for row in kept if row["kind"] == "total"]
    assert (total["customers"], total["actual_orders"]) == (len(known), len(came))
    assert all(row["predicted_spend"] is None and row["actual_spend"] is None for row in kept)
    weeks = {row["name"]: row["actual_orders"] for row in kept if row["kind"] == "week"}
    assert weeks == {end: int((came["day"] <= date.fromisoformat(end)).sum()) for end in weeks}
    assert max(weeks) == AS_OF.isoformat()
    assert len(weeks) == int(np.ceil((AS_OF - THEN) / timedelta(days=7)))


def test_rules_set_no_limit_to_amounts_of_several_currencies(spark: SparkSession, world: World, tmp_path: Path) -> None:
    rule = {"name": "dear", "label": "Dear", "description": "d", "action": "a", "colour": "#111111",
            "when": {"clv": {"min": 100}}}  # fmt: skip
    rules = {
        "name": "dear", "title": "Dear", "description": "d.", "segments": [rule],
        "otherwise": {"name": "others", "label": "Others", "description": "d", "action": "a", "colour": "#222222"},
    }  # fmt: skip
    rfm = {"window_days": 365, "scope": ["currency"], "smallest_scope": 20}
    path = tmp_path / "rules.yml"
    path.write_text(str(rules).replace("'", '"'), encoding="utf-8")
    with pytest.raises(ConfigError, match="clv"):
        run_tiny(
            spark,
            scoped(world[2], currency=True, rfm=rfm, predict=PREDICT, segments={"rules": str(path)}),
            AS_OF,
        )
