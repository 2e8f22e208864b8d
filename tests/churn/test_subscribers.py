"""Churn of subscriptions through the pipeline: who uses it less ends it, with and without events."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from rfm_spark.core.config import Config, config_model
from rfm_spark.core.loading import validate
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from tests.helpers import run_tiny

AS_OF = date(2024, 6, 30)
ACCOUNTS = 2500


def write(spark: SparkSession, folder: Path) -> dict[str, date | None]:
    """Accounts from 2023 on, seen daily or weekly; two months before they end, ever less by their own measure."""
    rng = np.random.default_rng(31)
    subscriptions, used, ends = [], [], dict[str, date | None]()
    for number in range(ACCOUNTS):
        account, start = f"a{number:04d}", date(2023, 1, 1) + timedelta(days=int(rng.integers(0, 200)))
        lasts = int(rng.exponential(700))
        end = start + timedelta(days=lasts) if start + timedelta(days=lasts) < date(2024, 9, 1) else None
        ends[account], habit = end, float(rng.choice([0.12, 0.35, 0.9]))
        subscriptions.append((account, start, end, "pro", float(rng.choice([10, 50]))))
        days = np.arange((min(end or AS_OF, AS_OF) - start).days)
        left = np.minimum((lasts if end else 9999) - days, 60)
        on = days[rng.random(len(days)) < habit * (left / 60) ** 2]
        at = pd.Timestamp(start) + pd.to_timedelta(on, "D") + pd.Timedelta(hours=10)
        used.append(pd.DataFrame({"account": account, "at": at, "action": "login"}))
    spark.createDataFrame(
        subscriptions, "account string, start date, end date, plan string, price double"
    ).write.format("delta").save(str(folder / "subscriptions"))
    spark.createDataFrame(pd.concat(used)).write.format("delta").save(str(folder / "events"))
    return ends


def telling(folder: Path, lake: str, *, events: bool) -> Config:
    sources: dict[str, Any] = {
        "subscriptions": {
            "path": str(folder / "subscriptions"), "format": "delta",
            "columns": {
                "customer_id": "account", "start_date": "start", "end_date": "end", "plan": "plan", "mrr": "price",
            },
        },
        "events": {
            "path": str(folder / "events"), "format": "delta", "types": {"other": ["login"]},
            "columns": {"customer_id": "account", "event_ts": "at", "event_type": "action"},
        },
    }  # fmt: skip
    if not events:
        del sources["events"]
        # Recency needs something: orders, of which each account has one.
        sources["transactions"] = {
            "path": str(folder / "orders"), "format": "delta",
            "columns": {"customer_id": "account", "order_id": "account", "order_ts": "at", "amount": "amount"},
        }  # fmt: skip
    document: dict[str, Any] = {
        "name": "subs", "lake": {"root": str(folder / lake)}, "timezone": "UTC", "sources": sources,
        "clusters": {"enabled": False},
        "predict": {"churn": {"enabled": True, "horizon_days": 60, "smallest": 200}},
        "value": {"enabled": True},
        "quality": {"max_staleness_days": None, "min_volume_ratio": None, "max_volume_ratio": None},
    }  # fmt: skip
    if events:
        document["rfm"] = {
            "measures": {"recency": {"event": "login"}, "frequency": "weekly_sessions", "monetary": "mrr"}
        }
    return validate(config_model(), document, "subs.yml")


@pytest.fixture(scope="module")
def world(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, date | None]]:
    folder = tmp_path_factory.mktemp("subscribers")
    ends = write(session, folder)
    orders = [(account, datetime(2024, 6, 1, 12), 5.0) for account in ends]
    session.createDataFrame(orders, "account string, at timestamp, amount double").write.format("delta").save(
        str(folder / "orders")
    )
    return folder, ends


def until(end: date | None) -> date:
    return end or date.max


def test_use_tells_whose_subscription_will_end(spark: SparkSession, world: tuple[Path, dict[str, date | None]]) -> None:
    folder, ends = world
    config = telling(folder, "lake", events=True)
    outcome = run_tiny(spark, config, AS_OF)
    lake = LakeLocation.of(config)
    models = {row["model"]: row for row in Store(spark, lake).rows("churn_models", run_id=outcome.run_id)}
    assert set(models) == {"recency", "logistic", "trees"}
    chosen = next(row for row in models.values() if row["is_chosen"])
    assert (chosen["label"], chosen["model"] in ("logistic", "trees")) == ("subscriptions", True)
    tested = chosen["tested_as_of"]
    paying = {a for a, end in ends.items() if until(end) > tested}
    assert chosen["tested_on"] == len(paying)
    assert chosen["stopped"] == sum(until(ends[a]) <= AS_OF for a in paying)
    found = of_run(spark, lake, "segments", outcome.run_id).toPandas().set_index("customer_id")
    told = found["churn_probability"].dropna()
    assert set(told.index) == {a for a in found.index if until(ends[a]) > AS_OF}
    # What was not known on that day: who ends within the next two months.
    ending = pd.Series({a: ends[a] is not None for a in told.index})
    assert told[ending].mean() > 3 * told[~ending].mean()


def test_without_events_the_share_is_the_rule(spark: SparkSession, world: tuple[Path, dict[str, date | None]]) -> None:
    config = telling(world[0], "other", events=False)
    outcome = run_tiny(spark, config, AS_OF)
    models = Store(spark, LakeLocation.of(config)).rows("churn_models", run_id=outcome.run_id)
    assert {row["model"] for row in models} == {"share", "logistic", "trees"}
    # Subscriptions end at random here: without use there is nothing to learn.
    assert next(row for row in models if row["is_chosen"])["model"] == "share"
    assert any("no model tells who stops better than the share of all who stop" in one for one in outcome.warnings)
    summary = Store(spark, LakeLocation.of(config)).rows("value_summary", run_id=outcome.run_id)[0]
    # Who has no subscription any more is not said to be lost as a buyer: nothing is known of them.
    assert summary["risk_unknown"] > 0
    assert summary["value_lost"] == 0
