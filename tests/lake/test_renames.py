"""Words of older versions: read everywhere, migrated once, and noticed where somebody writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from rfm_spark.core.renames import Renamed, in_todays_sql, renamed_row
from rfm_spark.core.table import Table
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.native import NativeTables
from rfm_spark.lake.rewording import changes_of, completed, with_older_words
from rfm_spark.lake.spark_tables import SparkTables
from rfm_spark.lake.tables import PROPERTIES, Tables

TABLE = Table("t", "ledger", "", (
    ("id", "INT", "Which"), ("tier", "STRING", "Text"), ("counts", "MAP<STRING,BIGINT>", "Keys"),
    ("since", "DATE", "New name"),
    ("names", "MAP<STRING,STRING>", "New name"),
), own_renames=(
    Renamed("tier", words=(("it's", "it is"), ("highly", "highly_engaged"))),
    Renamed("counts", words=(("x.old", "x.new"),)), Renamed("since", was="quiet"), Renamed("names", was="contents"),
))  # fmt: skip
OLD = Table("t", "ledger", "", (
    *TABLE.own[:3], ("quiet", "DATE", "Old name"), ("contents", "MAP<STRING,STRING>", "Old name"),
))  # fmt: skip
ROWS: list[dict[str, Any]] = [
    {"id": 1, "tier": "it's", "counts": {"x.old": 1, "y": 2}, "quiet": None,
     "contents": {"s": "1"}},
    {"id": 2, "tier": None, "counts": None, "quiet": None, "contents": None},
    {"id": 3, "tier": "highly", "counts": {}, "quiet": None, "contents": {}},
    {"id": 4, "tier": "other", "counts": {"y": 3}, "quiet": None, "contents": {"a": "b"}},
]  # fmt: skip
TODAY = [
    (1, "it is", {"x.new": 1, "y": 2}, None, {"s": "1"}),
    (2, None, None, None, None),
    (3, "highly_engaged", {}, None, {}),
    (4, "other", {"y": 3}, None, {"a": "b"}),
]


@pytest.mark.parametrize("writer", ["spark", "deltalake"])
def test_an_older_table_reads_as_it_does_once_it_is_migrated(spark: SparkSession, tmp_path: Path, writer: str) -> None:
    location = LakeLocation(root=str(tmp_path))
    tables: Tables = SparkTables(spark, location) if writer == "spark" else NativeTables(spark, tmp_path)
    tables.create(OLD, PROPERTIES)
    tables.append_new(OLD, ROWS, ["id"])

    def stored() -> list[tuple[object, ...]]:
        found = completed(TABLE, spark.sql(f"SELECT * FROM {location.table('t')}"))
        assert {"quiet", "contents"}.isdisjoint(found.columns)
        return sorted(tuple(row[name] for name in TABLE.names) for row in found.collect())

    assert stored() == TODAY
    assert [tuple(renamed_row(row, TABLE.renames).get(name) for name in TABLE.names) for row in ROWS] == TODAY

    tables.change("t", TABLE.own[3:], {})
    for _ in range(2):
        tables.update("t", changes_of(TABLE, OLD.names))
        raw = spark.sql(f"SELECT * FROM {location.table('t')} ORDER BY id").collect()
        assert [tuple(row[name] for name in TABLE.names) for row in raw] == TODAY
        version = tables.last_commit("t").version
    # Migrated a second time there was nothing to do.
    assert version == 3
    assert stored() == TODAY


def test_what_rows_are_looked_up_by_may_be_an_older_word() -> None:
    values: dict[str, list[Any]] = {"tier": ["it is", "other"], "id": [1]}
    assert with_older_words(values, TABLE.renames) == {"tier": ["it is", "other", "it's"], "id": [1]}


def test_conditions_are_read_in_older_words() -> None:
    given = """tier IN ('highly', "it's") AND quiet IS NULL AND quietly = 'the quiet: highly so'"""
    condition, notices = in_todays_sql(given, TABLE.renames)
    assert condition == """tier IN ('highly_engaged', "it is") AND since IS NULL AND quietly = 'the quiet: highly so'"""
    assert notices == [
        "highly is called highly_engaged now; the older word is still read",
        "it's is called it is now; the older word is still read",
        "quiet is called since now; the older word is still read",
    ]
    # The same word of another column is the user's own.
    assert in_todays_sql("segment = 'highly'", TABLE.renames) == ("segment = 'highly'", [])
    assert in_todays_sql("tier = 'highly_engaged'", TABLE.renames) == ("tier = 'highly_engaged'", [])
