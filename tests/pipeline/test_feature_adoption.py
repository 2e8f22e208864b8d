"""Features of a product: who used which, how often, and what groups make of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from rfm_spark.cli.main import main
from rfm_spark.core.config import Config, config_model
from rfm_spark.core.loading import validate
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.pipeline import Outcome
from tests.helpers import AS_OF, run_tiny
from tests.pipeline.interactions import events_log, save, shop

PAIR = {"first": "customer_id <= 'c12'", "second": "customer_id > 'c12'"}


def used_log() -> pd.DataFrame:
    """Everybody uses search, the second half exports whenever they come, and some events are of no feature."""
    log = events_log()
    draws = np.random.default_rng(9)
    log["feature"] = [
        "export" if who > "c12" and draws.random() < 0.7 else str(draws.choice(["search", " ", "share"]))
        for who in log["who"]
    ]
    return log


@dataclass(frozen=True)
class World:
    config: Config
    outcome: Outcome
    log: pd.DataFrame
    folder: Path


@pytest.fixture(scope="module")
def world(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder, log = tmp_path_factory.mktemp("features"), used_log()
    document = shop(session, folder).model_dump(mode="json", by_alias=True, exclude_unset=True)
    save(session, log, folder / "used")
    document["sources"]["events"]["path"] = str(folder / "used")
    document["sources"]["events"]["columns"]["feature"] = "feature"
    changes = {"quality": {"max_staleness_days": None}, "groups": {"compare": [PAIR]}}
    config = validate(config_model(), {**document, **changes}, "tiny.yml")
    return World(config, run_tiny(session, config), log, folder)


def in_window(world: World) -> pd.DataFrame:
    days = world.log["ts"].dt.date
    seen: pd.DataFrame = world.log[(days > AS_OF - timedelta(days=30)) & (days <= AS_OF)].copy()
    seen["day"], seen["feature"] = seen["ts"].dt.date, seen["feature"].str.strip().replace("", None)
    return seen


def table(spark: SparkSession, world: World, name: str) -> pd.DataFrame:
    rows: pd.DataFrame = of_run(spark, LakeLocation.of(world.config), name, world.outcome.run_id).toPandas()
    return rows


def test_adoption_is_that_of_pandas(spark: SparkSession, world: World) -> None:
    seen = in_window(world)
    active = seen.groupby("who")["day"].nunique()
    used = (
        seen.dropna(subset="feature")
        .groupby(["who", "feature"])
        .agg(uses=("day", "size"), days=("day", "nunique"), first_used=("day", "min"), last_used=("day", "max"))
    )
    found = table(spark, world, "feature_adoption").set_index(["customer_id", "feature"]).sort_index()
    assert found.index.to_list() == used.index.to_list()
    for name in used.columns:
        assert found[name].to_list() == used[name].to_list(), name
    shares = used["days"] / active.reindex(used.index.get_level_values(0)).to_numpy()
    assert found["share_of_days"].to_list() == pytest.approx(shares.to_list())
    counts = used.reset_index().groupby("feature")["who"].nunique()
    summary = table(spark, world, "feature_summary").set_index("feature")
    assert summary["customers"].to_dict() == counts.to_dict()
    assert summary.loc["export", "share"] == pytest.approx(counts["export"] / len(active))
    people = table(spark, world, "segments").set_index("customer_id")
    expected = used.reset_index().groupby("who").size()
    assert people["features_used"].to_dict() == {who: int(expected.get(who, 0)) for who in people.index}


def test_groups_differ_in_the_planted_feature(
    spark: SparkSession, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = table(spark, world, "group_differences")
    export = rows[(rows["column_name"] == "feature") & (rows["value"] == "export")].iloc[0]
    seen = in_window(world)
    users = seen[seen["feature"] == "export"]["who"].nunique()
    assert (export["first_typical"], export["second_typical"]) == (0, users / 12)
    assert export["differs"]
    less = f"{PAIR['first']} adopt `export` {users / 12 * 100:.0f} points less"
    assert export["hypothesis"] == f"{less}: does guidance to it raise 30-day retention?"
    words: list[Any] = ["compare", "groups", PAIR["first"], PAIR["second"], "--lake", str(world.folder / "lake")]
    assert main(words) == 0
    assert "adopt `export`" in capsys.readouterr().out


def test_a_feature_that_changes_makes_a_new_run(spark: SparkSession, world: World) -> None:
    changed = world.log.assign(feature="search")
    save(spark, changed, world.folder / "used")
    again = run_tiny(spark, world.config)
    assert not again.repeated
    found = of_run(spark, LakeLocation.of(world.config), "feature_summary", again.run_id).collect()
    assert [row["feature"] for row in found] == ["search"]
    assert date.fromisoformat(again.run_id[:10]) == AS_OF
