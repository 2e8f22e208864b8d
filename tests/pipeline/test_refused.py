"""A runtime that refuses to keep frames: no source is read more often, and the tables are the same."""

from __future__ import annotations

from datetime import date, datetime, timezone
from functools import partial
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from rfm_spark.core.config import Config
from rfm_spark.core.schemas import tables
from rfm_spark.core.session import session_settings
from rfm_spark.lake.holding import PREFIX, left_aside
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import environment
from tests.counting import Cost, cost_of
from tests.effort import FULL
from tests.helpers import AS_OF, config_for, purchases, rows_of, run_tiny, write_source
from tests.pipeline.interactions import shop
from tests.pipeline.test_budget import READABLE, SETTINGS

FIRST = date(2024, 5, 31)


def both_dates(spark: SparkSession, config: Config) -> str:
    run_tiny(spark, config, FIRST)
    return run_tiny(spark, config, AS_OF).run_id


def test_where_nothing_can_be_kept_no_source_is_read_more_often(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = {"transactions": tmp_path / "source"}
    if FULL:
        config = shop(spark, tmp_path, **SETTINGS)
        sources |= {"events": tmp_path / "events", "messages": tmp_path / "messages"}
    else:
        write_source(spark, tmp_path / "source", purchases())
        config = config_for(tmp_path, clusters={"enabled": True, "k": 3}, quality=SETTINGS["quality"])
    lakes = [config.model_copy(update={"lake": config.lake.model_copy(update={"root": str(tmp_path / name)})})
             for name in ("kept", "refused")]  # fmt: skip
    runs: list[str] = []
    costs: list[Cost] = []

    def refuse(*_: object) -> None:
        raise NotImplementedError("PERSIST TABLE is not supported on serverless compute")

    for lake in lakes:
        with session_settings(spark, READABLE):
            work = partial(lambda one: runs.append(both_dates(spark, one)), lake)
            costs.append(cost_of(spark, work, sources, Path(str(lake.lake.root))))
        monkeypatch.setattr(environment, "runs_here", lambda spark: False)
        for name in ("persist", "cache", "localCheckpoint", "checkpoint"):
            monkeypatch.setattr(type(spark.range(1)), name, refuse)
    kept, refused = costs
    assert set(refused.scans) == set(kept.scans) == set(sources)
    assert all(refused.scans[name] <= count for name, count in kept.scans.items())
    assert refused.executions <= 2 * kept.executions
    assert runs[0] == runs[1]
    places = [LakeLocation.of(lake) for lake in lakes]
    for name, table in tables().items():
        if table.kind == "run" and name not in ("rejects", "run_steps") and Store(spark, places[0]).exists(name):
            left, right = (rows_of(of_run(spark, place, name, runs[0])) for place in places)
            assert left == right, name
    assert not list(Path(str(places[1].root)).glob(f"{PREFIX}*"))


def test_what_a_killed_run_has_left_is_removed(spark: SparkSession, tmp_path: Path) -> None:
    location = LakeLocation(root=str(tmp_path))
    (tmp_path / f"{PREFIX}0a").mkdir()
    (tmp_path / "segments").mkdir()
    long_ago, later = datetime(2001, 1, 1, tzinfo=timezone.utc), datetime(2101, 1, 1, tzinfo=timezone.utc)
    assert left_aside(spark, location, long_ago, is_dry=False) == 0
    assert left_aside(spark, location, later, is_dry=True) == 1
    assert left_aside(spark, location, later, is_dry=False) == 1
    assert [folder.name for folder in tmp_path.iterdir()] == ["segments"]
    spark.sql("CREATE DATABASE held_test")
    try:
        spark.sql(f"CREATE TABLE held_test.`{PREFIX}0b` (a INT) USING DELTA")
        catalog = LakeLocation(schema=("held_test",))
        assert left_aside(spark, catalog, long_ago, is_dry=False) == 0
        assert left_aside(spark, catalog, later, is_dry=False) == 1
        assert spark.sql("SHOW TABLES IN held_test").isEmpty()
    finally:
        spark.sql("DROP DATABASE held_test CASCADE")
