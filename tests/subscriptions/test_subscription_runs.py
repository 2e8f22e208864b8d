"""Subscriptions through whole runs: columns, movement between two dates, rejects, counts beside usage, rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from rfm_spark.core.config import Config, config_model
from rfm_spark.core.errors import ConfigError, GateError
from rfm_spark.core.loading import validate
from rfm_spark.core.resources import shipped_text
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome
from tests.helpers import AS_OF, config_for, run_tiny
from tests.pipeline.interactions import shop

COLUMNS = {"customer_id": "who", "subscription_id": "sub", "start_date": "start", "end_date": "end", "plan": "plan",
           "mrr": "mrr"}  # fmt: skip
EARLIER = AS_OF - timedelta(days=30)
PAYING = {
    "name": "paying", "label": "Paying", "description": "Pay every month", "action": "Keep", "colour": "#224466",
    "when": [{"mrr": {"min": 50}}],
}  # fmt: skip
ROWS = [
    ("c01", "s1", "2024-01-01", None, "pro", "99.00"),
    ("c02", "s2", "2024-01-01", "2024-06-15", "mid", "30.00"),
    ("c03", "s3", "2024-02-01", "2024-06-10", "mid", "30.00"),
    ("c03", "s3", "2024-06-10", None, "pro", "60.00"),
    ("c04", "s4", "2024-06-20", None, "mid", "20.50"),
    ("only-subscribed", "s5", "2024-03-01", None, "mid", "10.00"),
    ("c05", "s6", "2024-05-01", "2024-04-01", "mid", "10.00"),
    (None, "s7", "2024-05-01", None, "mid", "10.00"),
]


@dataclass(frozen=True)
class World:
    config: Config
    first: Outcome
    second: Outcome


@pytest.fixture(scope="module")
def world(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder: Path = tmp_path_factory.mktemp("subscriptions")
    frame = session.createDataFrame(ROWS, "who string, sub string, start string, end string, plan string, mrr string")
    frame.write.format("delta").save(str(folder / "subs"))
    rules = yaml.safe_load(shipped_text("segments", "rf_grid.yml"))
    rules["segments"].insert(0, PAYING)
    (folder / "rules.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    document = shop(session, folder).model_dump(mode="json", by_alias=True, exclude_unset=True)
    document["sources"]["subscriptions"] = {"path": str(folder / "subs"), "format": "delta", "columns": COLUMNS}
    changes: dict[str, Any] = {
        "quality": {"max_staleness_days": None}, "segments": {"rules": str(folder / "rules.yml")},
        "clusters": {"enabled": True, "k": 2, "features": ["recency_days", "mrr"]},
    }  # fmt: skip
    config = validate(config_model(), {**document, **changes}, "tiny.yml")
    return World(config, run_tiny(session, config, EARLIER), run_tiny(session, config))


def table(spark: SparkSession, world: World, name: str, outcome: Outcome) -> list[dict[str, Any]]:
    frame = of_run(spark, LakeLocation.of(world.config), name, outcome.run_id)
    return [row.asDict() for row in frame.collect()]


def test_customers_have_what_they_pay(spark: SparkSession, world: World) -> None:
    rows = {row["customer_id"]: row for row in table(spark, world, "segments", world.second)}
    assert {name: row["mrr"] for name, row in rows.items() if row["mrr"]} == {
        "c01": Decimal(99), "c03": Decimal(60), "c04": Decimal("20.50"),
    }  # fmt: skip
    assert (rows["c03"]["plan"], rows["c03"]["subscriptions"], str(rows["c03"]["subscribed_since"])) == (
        "pro", 1, "2024-02-01",
    )  # fmt: skip
    assert (rows["c06"]["mrr"], rows["c06"]["plan"], rows["c06"]["subscriptions"]) == (0, None, 0)
    assert {row["customer_id"] for row in rows.values() if row["segment"] == "paying"} == {"c01", "c03"}
    assert all(row["cluster_id"] is not None for row in rows.values())


def test_what_moved_adds_up(spark: SparkSession, world: World) -> None:
    rows = {row["movement"]: row for row in table(spark, world, "mrr_movement", world.second)}
    assert {name: (row["customers"], row["change"]) for name, row in rows.items()} == {
        "new": (1, Decimal("20.50")), "churn": (1, Decimal(-30)), "expansion": (1, Decimal(30)),
        "unchanged": (2, Decimal(0)),
    }  # fmt: skip
    assert {row["previous_run_id"] for row in rows.values()} == {world.first.run_id}
    totals = [sum((row["mrr"] for row in table(spark, world, "mrr", one)), Decimal(0)) for one in
              (world.first, world.second)]  # fmt: skip
    assert totals == [Decimal(169), Decimal("189.50")]
    assert sum((row["change"] for row in rows.values()), Decimal(0)) == totals[1] - totals[0]
    (first,) = table(spark, world, "mrr_movement", world.first)
    assert (first["movement"], first["change"], first["previous_run_id"]) == ("new", Decimal(169), None)


def test_every_check_is_in_the_ledger(spark: SparkSession, world: World) -> None:
    store = Store(spark, LakeLocation.of(world.config))
    (row,) = store.rows("runs", run_id=world.second.run_id)
    found = {name: count for name, count in row["rows"].items() if name.startswith("subscriptions.")}
    kinds = ("usage_without_subscription", "subscription_without_usage", "usage_before_start")
    usage = {name: found.pop(f"subscriptions.flagged.{name}", 0) for name in kinds}
    assert found == {
        "subscriptions.read": 8, "subscriptions.accepted": 6, "subscriptions.rejected": 2,
        "subscriptions.rejected.anonymous": 1, "subscriptions.rejected.end_before_start": 1,
    }  # fmt: skip
    # Visits are those of customers c02 to c24; c01 has none.
    assert usage["usage_without_subscription"] == 20
    assert usage["subscription_without_usage"] == 2
    # Of c04 the subscription began on the 20th; what they did last was before.
    visits = {row["customer_id"]: row["last_event_date"] for row in table(spark, world, "visits", world.second)}
    began = {row["customer_id"]: row["subscribed_since"] for row in table(spark, world, "mrr", world.second)}
    assert usage["usage_before_start"] == sum(who in visits and visits[who] < began[who] for who in began)
    assert row["money"]["mrr"] == Decimal("189.50")
    rejects = store.read("rejects").where(f"source = 'subscriptions' AND run_id = '{world.second.run_id}'").collect()
    assert [one["reason"] for one in rejects] == ["end_before_start"]
    assert "c05" in rejects[0]["detail"]


def test_a_table_whose_dates_are_written_otherwise_stops_the_run(spark: SparkSession, tmp_path: Path) -> None:
    rows = [("c01", "s1", "01/02/2024", None, "pro", "99.00"), ("c02", "s2", "02/02/2024", None, "pro", "99.00")]
    frame = spark.createDataFrame(rows, "who string, sub string, start string, end string, plan string, mrr string")
    frame.write.format("delta").save(str(tmp_path / "subs"))
    document = shop(spark, tmp_path).model_dump(mode="json", by_alias=True, exclude_unset=True)
    document["sources"]["subscriptions"] = {"path": str(tmp_path / "subs"), "format": "delta", "columns": COLUMNS}
    config = validate(config_model(), {**document, "quality": {"max_staleness_days": None}}, "tiny.yml")
    with pytest.raises(GateError, match=r"100.0% of the rows of sources.subscriptions .* \(bad_date 2\)"):
        run_tiny(spark, config)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"customer_id": "a", "start_date": "b"}, "columns needs either mrr, or amount with its interval"),
        ({"customer_id": "a", "start_date": "b", "mrr": "c", "amount": "d"}, "columns needs either mrr"),
        ({"customer_id": "a", "start_date": "b", "mrr": "c", "interval": "d"}, "columns.interval goes with amount"),
        ({"customer_id": "a", "mrr": "c"}, "columns.start_date is missing"),
        ({"customer_id": "a", "start_date": "b", "mrr": "c", "seats": "d"}, "columns.seats is not a column of"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, columns: dict[str, str], said: str) -> None:
    document = config_for(tmp_path).model_dump(mode="json", by_alias=True, exclude_unset=True)
    document["sources"]["subscriptions"] = {"path": "x", "format": "delta", "columns": columns}
    with pytest.raises(ConfigError, match=said):
        validate(config_model(), document, "tiny.yml")
