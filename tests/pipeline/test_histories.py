"""Sources whose history is not what it was: files folded or deleted before they were read, rows that come due."""

from __future__ import annotations

import os
import shutil
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from rfm_spark.core.errors import LakeError
from rfm_spark.core.session import session_settings
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current, of_run
from rfm_spark.lake.store import Store
from tests.helpers import config_for, purchases, run_tiny, write_source
from tests.pipeline.test_batches import JULY, JUNE, MAY, RELAXED, batches, deliver, same_as_read_again

COLUMNS = {"customer_id": "who", "order_id": "ord", "order_ts": "day", "amount": "money"}
VECTORS = "TBLPROPERTIES (delta.enableDeletionVectors = true)"
SPRING = [row for row in purchases() if row[2] < datetime(2024, 6, 1)]
SUMMER = [row for row in purchases() if row[2] >= datetime(2024, 6, 1)]


@pytest.mark.parametrize(
    ("properties", "vacuumed", "told"),
    [("", False, ""), ("", True, "folded files that had not been read"), (VECTORS, False, "folded files")],
)
def test_files_that_were_folded_before_they_were_read_are_not_missed(
    spark: SparkSession, tmp_path: Path, properties: str, vacuumed: bool, told: str
) -> None:
    table = f"delta.`{tmp_path / 'source'}`"
    spark.sql(f"CREATE TABLE {table} (customer STRING, `order` STRING, at TIMESTAMP, amount DECIMAL(12,2)) USING DELTA "
              f"{properties}")  # fmt: skip
    write_source(spark, tmp_path / "source", SPRING, mode="append")
    config = config_for(tmp_path, quality=RELAXED)
    run_tiny(spark, config, MAY)
    for part in (SUMMER[::2], SUMMER[1::2]):
        write_source(spark, tmp_path / "source", part, mode="append")
    spark.sql(f"OPTIMIZE {table}").collect()
    if vacuumed:
        few_tasks = {"spark.sql.sources.parallelPartitionDiscovery.parallelism": "4"}
        with session_settings(spark, {"spark.databricks.delta.retentionDurationCheck.enabled": "false", **few_tasks}):
            spark.sql(f"VACUUM {table} RETAIN 0 HOURS").collect()
    outcome = run_tiny(spark, config, JULY)
    last = batches(spark, config)[-1]
    read = len(purchases()) if told else len(SUMMER)
    assert (last["kind"] == "rebuild", last["rows"]["transactions.read"]) == (bool(told), read)
    said = [warning for warning in outcome.warnings if "read again whole" in warning]
    assert (len(said), told in "".join(said)) == (bool(told), True)
    (row,) = Store(spark, LakeLocation.of(config)).rows("runs", run_id=outcome.run_id)
    assert row["rows"]["transactions.read"] == len(purchases())
    assert row["money"]["sales"] == sum(Decimal(amount) for *_, amount in purchases())


def test_a_table_that_went_back_and_one_whose_log_was_cleaned_are_read_whole(
    spark: SparkSession, tmp_path: Path
) -> None:
    parts = [SPRING, SUMMER[:5], SUMMER[5:10], SUMMER[10:]]
    for part in parts:
        write_source(spark, tmp_path / "source", part, mode="append")
    DeltaTable(str(tmp_path / "source")).create_checkpoint()
    log, kept = tmp_path / "source" / "_delta_log", tmp_path / "kept"
    log.rename(kept)
    config, commits = config_for(tmp_path, quality=RELAXED), [f"{version:020d}.json" for version in range(4)]

    def read(as_of: date, *names: str) -> tuple[int, list[str]]:
        shutil.rmtree(log, ignore_errors=True)
        log.mkdir()
        for name in names:
            shutil.copy(kept / name, log / name)
        said = [warning for warning in run_tiny(spark, config, as_of).warnings if "read again whole" in warning]
        return batches(spark, config)[-1]["rows"]["transactions.read"], said

    assert read(MAY, *commits[:2]) == (sum(map(len, parts[:2])), [])
    again = "sources.transactions was read again whole: "
    assert read(JUNE, *commits[:1]) == (len(SPRING), [f"{again}it went back from version 1 to version 0"])
    checkpoint = [file.name for file in kept.iterdir() if "checkpoint" in file.name and not file.name.endswith(".crc")]
    told = f"{again}its history no longer reaches back to version 1"
    assert read(JULY, *checkpoint, commits[3]) == (len(purchases()), [told])


def test_a_feed_that_was_switched_on_late_lacks_what_changed_before(spark: SparkSession, tmp_path: Path) -> None:
    source, table = tmp_path / "source", f"delta.`{tmp_path / 'source'}`"
    write_source(spark, source, purchases())
    config = config_for(tmp_path, quality=RELAXED)
    run_tiny(spark, config, MAY)
    spark.sql(f"UPDATE {table} SET amount = 99.99 WHERE customer = 'c02' AND `order` = 'o2-1'").collect()
    spark.sql(f"ALTER TABLE {table} SET TBLPROPERTIES (delta.enableChangeDataFeed = true)")
    spark.sql(f"DELETE FROM {table} WHERE customer = 'c01'").collect()
    (said,) = (one for one in run_tiny(spark, config, JUNE).warnings if "read again whole" in one)
    assert said == "sources.transactions was read again whole: version 1 changed or removed rows (UPDATE)"
    assert batches(spark, config)[-1]["kind"] == "rebuild"
    # From then on the feed tells.
    spark.sql(f"DELETE FROM {table} WHERE customer = 'c03'").collect()
    same_as_read_again(spark, tmp_path, config, JULY)
    assert batches(spark, config)[-1]["kind"] == "correction"


def test_ids_in_two_unicode_forms_are_one_also_where_a_row_is_deleted(spark: SparkSession, tmp_path: Path) -> None:
    table = f"delta.`{tmp_path / 'source'}`"
    spark.sql(f"CREATE TABLE {table} (customer STRING, `order` STRING, at TIMESTAMP, amount DECIMAL(12,2)) USING DELTA "
              "TBLPROPERTIES (delta.enableChangeDataFeed = true)")  # fmt: skip
    rene = [("Rene\u0301", "a", datetime(2024, 5, 1), "5.00"), ("Ren\u00e9", "b", datetime(2024, 5, 2), "7.00")]
    write_source(spark, tmp_path / "source", [*SPRING, *rene], mode="append")
    config = config_for(tmp_path, quality=RELAXED)
    run_tiny(spark, config, MAY)
    spark.sql(f"DELETE FROM {table} WHERE `order` = 'a'").collect()
    run_tiny(spark, config, JUNE, verify=True)
    assert [row["rows"]["transactions.read"] for row in batches(spark, config)] == [len(SPRING) + 2, -1]
    orders = current(spark, LakeLocation.of(config), "orders").where("customer_id LIKE 'Ren%'").collect()
    assert [(row["customer_id"], row["order_id"]) for row in orders] == [("Ren\u00e9", "b")]


def write_file(folder: Path, name: str, day: datetime, *rows: str) -> None:
    deliver(folder, name, *rows)
    os.utime(folder / name, (day.timestamp(), day.timestamp()))


def test_a_row_that_was_dated_ahead_counts_once_it_is_due(spark: SparkSession, tmp_path: Path) -> None:
    source = {"path": str(tmp_path / "in"), "format": "csv", "options": {"header": True}, "columns": COLUMNS}
    quality = {**RELAXED, "max_reject_share": None, "batch": {"max_reject_share": None}}
    config = config_for(tmp_path, sources={"transactions": source}, quality=quality)
    booked = ("a,1,2024-05-01,30.00", "a,2,2024-06-20,8.00", "b,3,2024-05-02,4.00")
    write_file(tmp_path / "in", "1.csv", datetime(2024, 5, 31, tzinfo=timezone.utc), *booked)
    run_tiny(spark, config, MAY)
    write_file(tmp_path / "in", "2.csv", datetime(2024, 6, 10, tzinfo=timezone.utc), "b,4,2024-06-02,4.00")
    run_tiny(spark, config, date(2024, 6, 9))
    assert [(row["kind"], row["rows"].get("transactions.rejected.future_date")) for row in batches(spark, config)] == [
        ("rebuild", 1), ("append", None),
    ]  # fmt: skip
    # Of the customer whose row comes due there is another one, on the same day.
    write_file(tmp_path / "in", "3.csv", datetime(2024, 6, 30, tzinfo=timezone.utc), "a,2,2024-06-20,1.00")
    outcome = same_as_read_again(spark, tmp_path, config, JUNE)
    assert "read again whole: rows that were dated ahead are due by now" in " ".join(outcome.warnings)
    measures = current(spark, LakeLocation.of(config), "measures").where("customer_id = 'a'").collect()
    assert [(row["frequency"], str(row["monetary"])) for row in measures] == [(2, "39.00")]


def test_orders_of_a_run_whose_batches_are_gone_are_not_none(spark: SparkSession, tmp_path: Path) -> None:
    source = {"path": str(tmp_path / "all.csv"), "format": "csv", "options": {"header": True}, "columns": COLUMNS}
    config = config_for(
        tmp_path, sources={"transactions": source}, quality=RELAXED, timezone="Europe/Berlin",
    )  # fmt: skip
    runs = []
    for month, as_of in ((4, date(2024, 4, 30)), (5, MAY), (6, JUNE)):
        deliver(tmp_path, "all.csv", *(f"a,{number},2024-0{number}-01 00:30:00,1.00" for number in range(3, month + 1)))
        runs.append(run_tiny(spark, config, as_of).run_id)
    place = LakeLocation.of(config)
    with pytest.raises(LakeError, match=r"orders of run 2024-04-30-.* the source was read again whole"):
        of_run(spark, place, "orders", runs[0])
    # The source was rewritten for each; days are those of the configuration's time zone, wherever they are read.
    with session_settings(spark, {"spark.sql.session.timeZone": "UTC"}):
        days = [row["order_date"] for row in of_run(spark, place, "orders", runs[2]).orderBy("order_ts").collect()]
    assert days == [date(2024, 3, 1), date(2024, 4, 1), date(2024, 5, 1), date(2024, 6, 1)]
