"""A run of sources with conditions: its ledger, its cost, and what a change outside them makes of the next run."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import pandas as pd
from pyspark.sql import SparkSession

from rfm_spark.core.config import Config
from rfm_spark.core.session import session_settings
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.store import Store
from tests.counting import cost_of
from tests.helpers import config_for, purchases, rows_of, run_tiny, write_source
from tests.pipeline.interactions import events_log, mail_log, save, shop, shop_config

# Of the tiny shop's purchases, all amounts above 0; the other rows have none.
INSIDE = "amount > 0"
READABLE = {"spark.sql.ui.explainMode": "formatted", "spark.sql.adaptive.enabled": "false"}
FILTERED = [("c99", "o99", datetime(2024, 6, 1), "-5.00"), ("c01", "o98", datetime(2024, 6, 2), "-2.50")]


def sources(spark: SparkSession, folder: Path) -> None:
    write_source(spark, folder / "source", purchases() + FILTERED)
    inside = events_log()
    robot = inside.head(3).assign(action="nonsense", channel="robot")
    save(spark, pd.concat([inside, robot]), folder / "events")
    save(spark, pd.concat([mail_log(), mail_log().head(2).assign(what="nonsense")]), folder / "messages")


def config_with(folder: Path) -> Config:
    conditions = {"transactions": INSIDE, "events": "channel <> 'robot'", "messages": "what <> 'nonsense'"}
    config = shop_config(folder).model_dump(mode="json", by_alias=True, exclude_none=True)
    for name, source in config["sources"].items():
        source["where"] = conditions[name]
    return config_for(folder, sources=config["sources"])


def test_filtered_rows_are_in_the_ledger_cost_a_count_and_their_change_makes_no_run(
    spark: SparkSession, tmp_path: Path
) -> None:
    sources(spark, tmp_path)
    config, clean = config_with(tmp_path), shop(spark, tmp_path / "clean")
    costs = []
    with session_settings(spark, READABLE):
        for folder, one in ((tmp_path / "clean", clean), (tmp_path, config)):
            places = {name: folder / name for name in ("source", "events", "messages")}
            work = partial(run_tiny, spark, one, date(2024, 6, 29))
            costs.append(cost_of(spark, work, places, folder / "lake").as_json())
    # What was filtered of transactions is counted for itself: what flows by may count twice where a task is lost.
    counted = {name: costs[0][name] + 1 for name in ("executions", "jobs", "exchanges")}
    scans = {**costs[0]["scans"], "source": costs[0]["scans"]["source"] + 1}
    assert costs[1] == {**costs[0], **counted, "scans": scans}
    outcome = run_tiny(spark, config)
    store = Store(spark, LakeLocation.of(config))
    row = store.rows("runs", run_id=outcome.run_id)[0]
    orders = len(purchases())
    counts = {name: row["rows"][f"transactions.{name}"] for name in ("read", "accepted", "rejected", "filtered")}
    assert counts == {"read": orders + 2, "accepted": orders, "rejected": 0, "filtered": 2}
    assert row["money"]["transactions.filtered"] == Decimal("-7.50")
    assert row["rows"]["events.filtered"] == 3
    assert row["rows"]["messages.filtered"] == 2
    assert not [name for name in row["rows"] if ".rejected." in name]
    assert not store.exists("rejects")
    assert " + 2 filtered rows" in outcome.account[0]
    assert " + -7.50 filtered in money" in outcome.account[1]
    segments = store.of_runs("segments", [outcome.run_id])
    assert segments.where("customer_id = 'c99'").isEmpty()

    write_source(spark, tmp_path / "source", [("c02", "o97", datetime(2024, 6, 3), "-9.00")], "append")
    save(spark, events_log().head(1).assign(channel="robot"), tmp_path / "events", "append")
    again = run_tiny(spark, config)
    assert (again.run_id, again.repeated) == (outcome.run_id, True)
    assert rows_of(store.of_runs("segments", [outcome.run_id])) == rows_of(segments)
