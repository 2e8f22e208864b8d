"""Catalog mode, pinned inputs of every kind, migrations and names that try to escape."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.rfm.tables import SEGMENT_CUTS
from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError, GateError, LakeError, SourceError
from rfm_spark.core.schemas import RUNS, SCHEMA_VERSION
from rfm_spark.core.session import session_settings
from rfm_spark.lake import landing
from rfm_spark.lake.location import LakeLocation, checked_run_id, quoted_table
from rfm_spark.lake.readers import current
from rfm_spark.lake.sources import pin
from rfm_spark.lake.store import Store
from rfm_spark.lake.tables import VERSION_PROPERTY
from tests.helpers import AS_OF, COLUMNS, config_for, purchases, run_tiny, write_source


def files(path: Path, form: str, **options: object) -> dict[str, object]:
    return {"transactions": {"path": str(path), "format": form, "columns": COLUMNS, "options": options}}


def test_catalog_mode_reads_a_view_and_offers_current_views(spark: SparkSession, tmp_path: Path) -> None:
    write_source(spark, tmp_path / "source", purchases(12))
    spark.sql("CREATE SCHEMA IF NOT EXISTS shop")
    spark.sql(f"CREATE TABLE IF NOT EXISTS shop.lines USING delta LOCATION '{tmp_path / 'source'}'")
    spark.sql("CREATE OR REPLACE VIEW shop.sales AS SELECT * FROM shop.lines WHERE customer <> 'c12'")
    source = {"transactions": {"table": "shop.sales", "columns": COLUMNS, "land": True}}
    config = config_for(tmp_path, lake={"schema": "rfm_catalog"}, sources=source)
    before = run_tiny(spark, config, AS_OF - timedelta(days=1))
    first = run_tiny(spark, config)
    assert run_tiny(spark, config).repeated
    moves = spark.table("rfm_catalog.segment_transitions_current").select("run_id", "previous_run_id").distinct()
    assert [tuple(row) for row in moves.collect()] == [(first.run_id, before.run_id)]
    assert spark.table("rfm_catalog.segments_current").count() == 11
    assert spark.sql("DESCRIBE HISTORY rfm_catalog.landed_tiny_transactions").count() == 1
    comments = {row["col_name"]: row["comment"] for row in spark.sql("DESCRIBE rfm_catalog.segments").collect()}
    assert comments["recency_days"].startswith("Days from the last purchase")

    # A run whose ledger row is missing is in the table, and in no view.
    spark.sql(f"DELETE FROM rfm_catalog.runs WHERE run_id = '{first.run_id}'")
    assert spark.table("rfm_catalog.segments").where("as_of_date = '2024-06-30'").count() == 11
    assert spark.table("rfm_catalog.segments_current").where("as_of_date = '2024-06-30'").count() == 0
    spark.sql("DROP SCHEMA rfm_catalog CASCADE")
    spark.sql("DROP SCHEMA shop CASCADE")


def test_a_catalog_table_is_pinned_where_it_is(spark: SparkSession, tmp_path: Path) -> None:
    write_source(spark, tmp_path / "source", purchases(3))
    spark.sql("CREATE SCHEMA IF NOT EXISTS shop")
    spark.sql(f"CREATE TABLE IF NOT EXISTS shop.pinned USING delta LOCATION '{tmp_path / 'source'}'")
    config = config_for(tmp_path, sources={"transactions": {"table": "shop.pinned", "columns": COLUMNS}})
    pinned = pin(Store(spark, LakeLocation.of(config)), spark, config)
    before = pinned.frame.count()
    write_source(spark, tmp_path / "source", purchases(2), mode="append")
    assert pinned.version.endswith(":0")
    assert pinned.frame.count() == before
    spark.sql("DROP SCHEMA shop CASCADE")


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_files_are_fixed_by_one_listing(spark: SparkSession, tmp_path: Path, form: str) -> None:
    rows = spark.createDataFrame(purchases(4), "customer string, `order` string, at timestamp, amount string")
    options = {"header": True} if form == "csv" else {}
    rows.coalesce(1).write.format(form).options(**{k: "true" for k in options}).save(str(tmp_path / "raw"))
    config = config_for(tmp_path, sources=files(tmp_path / "raw", form, **options))
    pinned = pin(None, spark, config)
    assert pinned.frame.count() == len(purchases(4))
    assert pinned.version == pin(None, spark, config).version
    pinned.recheck()
    rows.limit(1).write.mode("append").format(form).options(**{k: "true" for k in options}).save(str(tmp_path / "raw"))
    assert pinned.frame.count() == len(purchases(4))
    assert pin(None, spark, config).version != pinned.version
    with pytest.raises(GateError, match="changed while they were read"):
        pinned.recheck()


def view_config(spark: SparkSession, folder: Path, **changes: Any) -> Config:
    write_source(spark, folder / "source", purchases(3))
    spark.sql("CREATE SCHEMA IF NOT EXISTS shop")
    spark.sql(f"CREATE OR REPLACE VIEW shop.landing AS SELECT * FROM delta.`{folder / 'source'}`")
    source = {"table": "shop.landing", "columns": COLUMNS, "land": True}
    return config_for(folder, sources={"transactions": source}, **changes)


def test_landing_in_a_lake_that_can_not_be_written_is_said(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = view_config(spark, tmp_path, lake={"root": "/proc/rfm-spark"})
    with pytest.raises(LakeError, match="lake /proc/rfm-spark: can't be written"):
        pin(Store(spark, LakeLocation.of(nowhere)), spark, nowhere)

    def full(*_: object) -> None:
        raise RuntimeError("java.io.IOException: No space left on device")

    config = view_config(spark, tmp_path)
    monkeypatch.setattr("rfm_spark.lake.landing._copy", full)
    with pytest.raises(LakeError, match=r"No space left on device.*make room"):
        pin(Store(spark, LakeLocation.of(config)), spark, config)
    spark.sql("DROP SCHEMA shop CASCADE")


def test_of_two_runs_that_land_at_once_each_has_its_own_rows(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = view_config(spark, tmp_path)
    store, copy = Store(spark, LakeLocation.of(config)), landing._copy
    others: list[tuple[Any, ...]] = []

    def beaten(*given: Any) -> None:
        if not others:
            others.append(given)
            raise RuntimeError("[DELTA_CONCURRENT_APPEND] another run was faster")
        copy(*given)
        # And before it is read back, a third one lands newer rows.
        copy(given[0], given[1].limit(1), given[2], '{"content": "newer"}')

    monkeypatch.setattr(landing, "_copy", beaten)
    pinned = pin(store, spark, config)
    assert pinned.frame.count() == len(purchases(3))
    assert store.read("landed_tiny_transactions").count() == 1
    spark.sql("DROP SCHEMA shop CASCADE")


def test_a_path_that_is_not_found_keeps_its_secret(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_FOLDER", "between-us")
    for form in ("csv", "delta"):
        with pytest.raises(SourceError, match=r"nothing at .*\$\{env:SHOP_FOLDER\}.*looked for .*\*\*\*") as caught:
            pin(None, spark, config_for(tmp_path, sources=files(tmp_path / "${env:SHOP_FOLDER}", form)))
        assert "between-us" not in str(caught.value)


def test_a_table_whose_making_was_cut_off_is_made(spark: SparkSession, tmp_path: Path) -> None:
    """A process killed between the log's folder and the first commit leaves what CREATE TABLE takes for a table."""
    (tmp_path / RUNS.name / "_delta_log").mkdir(parents=True)
    (tmp_path / SEGMENT_CUTS.name / "_delta_log").mkdir(parents=True)
    store = Store(spark, LakeLocation(root=str(tmp_path)))
    for table in (RUNS, SEGMENT_CUTS):
        store.prepare(table)
        detail = spark.sql(f"DESCRIBE DETAIL {store.location.table(table.name)}").collect()[0]
        assert detail["partitionColumns"] == (["run_id"] if table.partitioned else [])
        assert detail["properties"]["delta.enableDeletionVectors"] == "false"
        assert detail["properties"][VERSION_PROPERTY] == str(SCHEMA_VERSION)
        assert tuple(store.read(table.name).columns) == table.names


def test_what_is_no_source_is_said(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(SourceError, match="no Delta table"):
        pin(None, spark, config_for(tmp_path, sources=files(tmp_path / "folder", "delta")))
    with pytest.raises(SourceError, match="no files"):
        pin(None, spark, config_for(tmp_path, sources=files(tmp_path / "folder", "csv")))
    with pytest.raises(SourceError, match=r"shop\.nothing can't be read"):
        pin(None, spark, config_for(tmp_path, sources={"transactions": {"table": "shop.nothing", "columns": COLUMNS}}))


def test_an_older_table_gains_its_new_columns_and_a_newer_one_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    store = Store(spark, LakeLocation(root=str(tmp_path / "lake")))
    identifier = store.location.table(SEGMENT_CUTS.name)
    spark.sql(
        f"CREATE TABLE {identifier} (run_id STRING, as_of_date DATE, measure STRING) "
        "USING DELTA PARTITIONED BY (run_id)"
    )
    spark.sql(f"INSERT INTO {identifier} VALUES ('2024-01-01-00000000', DATE'2024-01-01', 'frequency')")
    store.prepare(SEGMENT_CUTS)
    rows = store.read(SEGMENT_CUTS.name).collect()
    assert set(rows[0].asDict()) == set(SEGMENT_CUTS.names)
    assert (rows[0]["measure"], rows[0]["cuts"]) == ("frequency", None)
    spark.sql(f"ALTER TABLE {identifier} SET TBLPROPERTIES ('{VERSION_PROPERTY}' = '{SCHEMA_VERSION + 1}')")
    with pytest.raises(LakeError, match="upgrade rfm-spark"):
        Store(spark, store.location).prepare(SEGMENT_CUTS)


@pytest.mark.parametrize("setting", ["history.metricsEnabled", "stats.collect", "commitInfo.enabled"])
def test_rows_are_counted_also_where_commits_say_nothing(spark: SparkSession, tmp_path: Path, setting: str) -> None:
    store = Store(spark, LakeLocation(root=str(tmp_path / "lake")))
    names = [name for name in SEGMENT_CUTS.names if name not in ("run_id", "as_of_date")]
    empty = spark.createDataFrame([], SEGMENT_CUTS.ddl).select(*names)
    three = spark.range(3).select(*(F.lit(None).cast(empty.schema[name].dataType).alias(name) for name in names))
    day = date(2024, 6, 30)
    assert store.write_run(SEGMENT_CUTS, three, "2024-06-30-aaaaaaaa", day).rows == 3
    with session_settings(spark, {f"spark.databricks.delta.{setting}": "false"}):
        again = store.write_run(SEGMENT_CUTS, three, "2024-06-30-bbbbbbbb", day)
        assert (again.rows, again.version) == (3, store.version(SEGMENT_CUTS.name))
        assert store.write_run(SEGMENT_CUTS, empty, "2024-06-30-cccccccc", day).rows == 0
    assert store.write_run(SEGMENT_CUTS, empty, "2024-06-30-aaaaaaaa", day).rows == 0
    assert store.read(SEGMENT_CUTS.name).count() == 3


def test_names_can_not_leave_their_quotes() -> None:
    assert LakeLocation(root="/data/a`b").table("runs") == "delta.`/data/a``b/runs`"
    for name in ("a;drop table b", "a.b.c.d", "", "a`b", "a b"):
        with pytest.raises(ConfigError, match="not a table name"):
            quoted_table(name, "sources.transactions.table")
    for run_id in ("x' OR '1'='1", "2024-01-01", "2024-01-01-0000000g"):
        with pytest.raises(ConfigError, match="not a run id"):
            checked_run_id(run_id)
    assert checked_run_id("2024-01-01-0a1b2c3d-2") == "2024-01-01-0a1b2c3d-2"


def test_a_lake_whose_path_has_quotes_works(spark: SparkSession, tmp_path: Path) -> None:
    write_source(spark, tmp_path / "source", purchases(3))
    config = config_for(tmp_path, lake={"root": str(tmp_path / "it's a `lake`")})
    run_tiny(spark, config, AS_OF)
    assert current(spark, LakeLocation.of(config), RUNS.name).count() == 1
