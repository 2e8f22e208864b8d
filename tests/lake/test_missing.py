"""Only the error class of a missing table means that there is none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import SparkSession

from rfm_spark.core.config import Config, config_model
from rfm_spark.core.errors import ConfigError, LakeError, SourceError
from rfm_spark.core.loading import validate
from rfm_spark.lake import store as store_module
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.log_files import has_commit
from rfm_spark.lake.missing import has_no_versions, is_missing
from rfm_spark.lake.sources import pin
from rfm_spark.lake.store import Store
from tests.helpers import COLUMNS, config_for, purchases, run_tiny, write_source


class Said(PySparkException):
    """An error of a condition, as Spark raises it."""

    def __init__(self, condition: str | None) -> None:
        super().__init__("some text")
        self._said = condition

    def getCondition(self) -> str | None:
        return self._said


@pytest.mark.parametrize("condition", ["TABLE_OR_VIEW_NOT_FOUND", "DELTA_TABLE_NOT_FOUND", "PATH_NOT_FOUND"])
def test_a_missing_table_is_missing(condition: str) -> None:
    assert is_missing(Said(condition))
    assert is_missing(Said(f"{condition}.SUBCLASS"))


@pytest.mark.parametrize(
    "condition", [None, "", "INSUFFICIENT_PERMISSIONS", "DELTA_VERSION_NOT_FOUND", "FAILED_READ_FILE.NO_HINT"]
)
def test_whatever_else_is_wrong_with_a_table_it_is_there(condition: str | None) -> None:
    assert not is_missing(Said(condition))
    assert not has_no_versions(Said(condition))


def test_a_log_that_may_not_be_listed_is_no_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not has_commit(tmp_path / "nothing")
    (tmp_path / "_delta_log").mkdir()
    assert not has_commit(tmp_path)
    (tmp_path / "_delta_log" / "00000000000000000010.checkpoint.parquet").touch()
    assert has_commit(tmp_path)

    def refused(_: object) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refused)
    with pytest.raises(PermissionError):
        has_commit(tmp_path)


@pytest.mark.parametrize("writer", ["deltalake", "spark"])
def test_a_ledger_that_can_not_be_read_stops_the_run(
    spark: SparkSession, tmp_path: Path, writer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if writer == "spark":
        monkeypatch.setattr(store_module, "local_folder", lambda spark, location: None)
    write_source(spark, tmp_path / "source", purchases(2))
    log = tmp_path / "lake" / "runs" / "_delta_log"
    log.mkdir(parents=True)
    (log / "00000000000000000000.json").write_text("{torn", encoding="utf-8")
    message = {
        "deltalake": r"table runs can't be opened \(.+\); restore its _delta_log",
        "spark": r"the ledger, table runs, can't be read \(.+\); check the right",
    }
    with pytest.raises(LakeError, match=message[writer]) as caught:
        run_tiny(spark, config_for(tmp_path))
    assert "\n" not in str(caught.value)
    assert [path.name for path in (tmp_path / "lake").iterdir()] == ["runs"]


def test_a_table_of_a_lake_that_can_not_be_read_is_not_taken_for_a_missing_one(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "local_folder", lambda spark, location: None)
    store = Store(spark, LakeLocation(root=str(tmp_path)))
    assert not store.exists("segments")
    with pytest.raises(LakeError, match="no table segments"):
        store.read("segments")
    spark.range(1).write.format("delta").save(str(tmp_path / "segments"))
    with pytest.raises(AnalysisException):
        store.read("segments", 7)
    assert store.read("segments", 0).count() == 1


def test_a_view_is_copied_only_when_that_is_said(spark: SparkSession, tmp_path: Path) -> None:
    write_source(spark, tmp_path / "source", purchases(2))
    spark.sql("CREATE SCHEMA IF NOT EXISTS kept")
    spark.sql(f"CREATE OR REPLACE VIEW kept.seen AS SELECT * FROM delta.`{tmp_path / 'source'}`")
    spark.sql("CREATE TABLE IF NOT EXISTS kept.plain USING parquet AS SELECT * FROM kept.seen")

    def config(table: str, **more: Any) -> Config:
        return config_for(tmp_path, sources={"transactions": {"table": table, "columns": COLUMNS, **more}})

    for table in ("kept.seen", "kept.plain"):
        for store in (None, Store(spark, LakeLocation.of(config(table)))):
            with pytest.raises(
                SourceError, match=rf"{table} is a view or a table without versions.*land: true.*where:"
            ):
                pin(store, spark, config(table))
        assert not (tmp_path / "lake").exists()
        assert pin(None, spark, config(table, land=True)).version == "unpinned"
    landed = pin(Store(spark, LakeLocation.of(config("kept.seen"))), spark, config("kept.seen", land=True))
    assert landed.version.startswith("landed:")
    with pytest.raises(SourceError, match="can't be read as a table"):
        pin(None, spark, config("kept.nowhere"))
    spark.sql("DROP SCHEMA kept CASCADE")


def test_land_goes_with_a_table() -> None:
    source = {"path": "x", "format": "csv", "columns": COLUMNS, "land": True}
    with pytest.raises(ConfigError, match="land goes with table"):
        validate(config_model(), {"lake": {"root": "l"}, "sources": {"transactions": source}}, "mine.yml")
