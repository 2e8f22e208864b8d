"""What is new is read once: runs made of batches are those of a lake that read everything again."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.core.config import Config
from rfm_spark.core.errors import GateError
from rfm_spark.core.schemas import BATCHES, tables
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current, of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome
from tests.helpers import commits, config_for, purchases, rows_of, run_tiny, write_source

MAY, JUNE, JULY = date(2024, 5, 31), date(2024, 6, 30), date(2024, 7, 31)
RELAXED = {"max_staleness_days": None, "min_volume_ratio": None, "max_volume_ratio": None}


def batches(spark: SparkSession, config: Config) -> list[dict[str, Any]]:
    found = Store(spark, LakeLocation.of(config)).rows(BATCHES.name)
    return sorted(found, key=lambda row: row["number"])


def read_again(config: Config) -> None:
    """The lake forgets what it has read, and reads everything again."""
    for name in ("batches", "order_days"):
        shutil.rmtree(Path(str(config.lake.root)) / name)


def what_both_know(rows: DataFrame) -> DataFrame:
    """A lake that has forgotten what it read takes a correction for time that passed, of a stage for behaviour too."""
    of_stages = "from_stage" in rows.columns
    taken = {"cause": of_stages, "move_cause": False, "lifecycle_cause": True}
    time_passed = {
        name: F.when(F.col(name).isin("correction", *["behaviour"] * also), "inactivity").otherwise(F.col(name))
        for name, also in taken.items() if name in rows.columns
    }  # fmt: skip
    known = rows.withColumns(time_passed)
    if "correction" in rows.columns:
        known = known.withColumn("inactivity", F.expr("inactivity + correction" + " + behaviour" * of_stages))
        known = known.drop(*["behaviour"] * of_stages)
    return known.drop("correction", "is_corrected")


def same_as_read_again(spark: SparkSession, folder: Path, config: Config, as_of: date) -> Outcome:
    """Run a date, and again in a copy of the lake that reads everything anew; every table of both is the same."""
    copy = folder / f"copy of {as_of} {len(batches(spark, config))}"
    shutil.copytree(str(config.lake.root), copy)
    other = config.model_copy(update={"lake": config.lake.model_copy(update={"root": str(copy)})})
    mine = run_tiny(spark, config, as_of, verify=True)
    read_again(other)
    theirs = run_tiny(spark, other, as_of, full=True)
    assert mine.run_id == theirs.run_id
    lakes = [LakeLocation.of(one) for one in (config, other)]
    for name, table in tables().items():
        if table.kind == "run" and name not in ("rejects", "run_steps") and Store(spark, lakes[0]).exists(name):
            left, right = (rows_of(what_both_know(of_run(spark, lake, name, mine.run_id))) for lake in lakes)
            assert left == right, name
    left, right = (rows_of(current(spark, lake, "orders")) for lake in lakes)
    assert left == right
    rows, again = (Store(spark, lake).rows("runs", run_id=mine.run_id)[0] for lake in lakes)
    assert rows["rows"] == again["rows"]
    assert rows["money"] == again["money"]
    shutil.rmtree(copy)
    return mine


@pytest.fixture(scope="module")
def grown(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Config]:
    """A run as of the end of May, of a Delta table."""
    folder = tmp_path_factory.mktemp("batches")
    write_source(session, folder / "source", [row for row in purchases() if row[2] < datetime(2024, 6, 1)])
    config = config_for(folder, quality=RELAXED, rfm={"window_days": 90}, cohorts={"enabled": True})
    run_tiny(session, config, MAY)
    return folder, config


def test_what_commits_add_is_read_once(spark: SparkSession, grown: tuple[Path, Config]) -> None:
    folder, config = grown
    june = [row for row in purchases() if row[2] >= datetime(2024, 6, 1)]
    write_source(spark, folder / "source", june, mode="append")
    # A row that comes late, a refund that voids an order of long ago, the same row again, one more line of an order.
    late = [
        ("c03", "late", datetime(2024, 4, 2, 9), "7.00"), ("c05", "o5-4", datetime(2024, 6, 3, 9), "-19.05"),
        purchases()[20], ("c07", "o7-0", purchases()[21][2], "1.00"), ("new", "n1", datetime(2024, 6, 9, 9), "3.00"),
    ]  # fmt: skip
    write_source(spark, folder / "source", late, mode="append")
    same_as_read_again(spark, folder, config, JUNE)
    first, second = batches(spark, config)
    assert (first["kind"], first["rows"]["transactions.read"]) == ("rebuild", 300 - len(june))
    assert (second["kind"], second["rows"]["transactions.read"]) == ("correction", len(june) + len(late))
    assert second["rows"]["transactions.flagged.exact_duplicate"] == 1
    # The next date reads nothing, and OPTIMIZE brings nothing new.
    before = commits(Path(str(config.lake.root)))
    spark.sql(f"OPTIMIZE delta.`{folder / 'source'}`").collect()
    same_as_read_again(spark, folder, config, JULY)
    after = commits(Path(str(config.lake.root)))
    assert after["order_days"] == before["order_days"]
    assert [row["rows"]["transactions.read"] for row in batches(spark, config)][2:] == [0]


def test_a_table_made_anew_and_one_whose_rows_changed_are_read_whole(
    spark: SparkSession, grown: tuple[Path, Config]
) -> None:
    folder, config = grown
    spark.sql(f"UPDATE delta.`{folder / 'source'}` SET amount = 1000 WHERE customer = 'c24' AND `order` = 'o24-0'")
    outcome = same_as_read_again(spark, folder, config, date(2024, 8, 31))
    assert any("read again whole: version" in said and "UPDATE" in said for said in outcome.warnings)
    assert batches(spark, config)[-1]["kind"] == "rebuild"
    kept = current(spark, LakeLocation.of(config), "orders").where("order_id = 'o24-0'").collect()
    assert [row["gross"] for row in kept] == [Decimal("1000.00")]
    shutil.rmtree(folder / "source")
    write_source(spark, folder / "source", purchases())
    outcome = same_as_read_again(spark, folder, config, date(2024, 9, 30))
    assert any("read again whole: the table was made anew" in said for said in outcome.warnings)


def test_a_feed_of_changes_says_whom_they_concern(spark: SparkSession, tmp_path: Path) -> None:
    table = f"delta.`{tmp_path / 'source'}`"
    spark.sql(f"CREATE TABLE {table} (customer STRING, `order` STRING, at TIMESTAMP, amount DECIMAL(12,2)) USING DELTA "
              "TBLPROPERTIES (delta.enableChangeDataFeed = true)")  # fmt: skip
    write_source(spark, tmp_path / "source", purchases(), mode="append")
    config = config_for(tmp_path, quality=RELAXED, cohorts={"enabled": True}, lifecycle={"enabled": True})
    run_tiny(spark, config, JUNE)
    spark.sql(f"UPDATE {table} SET amount = 99.99 WHERE customer = 'c02' AND `order` = 'o2-1'").collect()
    spark.sql(f"DELETE FROM {table} WHERE customer = 'c01' OR `order` = 'o9-3'").collect()
    write_source(spark, tmp_path / "source", [("c10", "more", datetime(2024, 7, 3, 9), "5.00")], mode="append")
    same_as_read_again(spark, tmp_path, config, JULY)
    last = batches(spark, config)[-1]
    assert (last["kind"], last["rows"]["transactions.read"]) == ("correction", 1 - 2)
    segments = {row["customer_id"]: row for row in current(spark, LakeLocation.of(config), "segments").collect()}
    assert "c01" not in segments
    assert segments["c02"]["monetary"] == Decimal("6.02") + Decimal("99.99")
    measures = {row["customer_id"]: row for row in current(spark, LakeLocation.of(config), "measures").collect()}
    assert {name for name, row in measures.items() if row["is_corrected"]} == {"c02", "c09"}
    assert segments["c02"]["move_cause"] in ("correction", None)


def deliver(folder: Path, name: str, *rows: str) -> None:
    folder.mkdir(exist_ok=True)
    text = "who,ord,day,money\n" + "".join(f"{row}\n" for row in rows)
    (folder / name).write_text(text, encoding="utf-8")


def test_files_that_come_to_a_folder_are_read_once(spark: SparkSession, tmp_path: Path) -> None:
    columns = {"customer_id": "who", "order_id": "ord", "order_ts": "day", "amount": "money"}
    source = {"path": str(tmp_path / "in"), "format": "csv", "options": {"header": True}, "columns": columns}
    config = config_for(tmp_path, sources={"transactions": source}, quality=RELAXED)
    deliver(tmp_path / "in", "1.csv", "a,1,2024-05-01,30.00", "b,2,2024-05-02,10.00", ",3,2024-05-03,1.00")
    run_tiny(spark, config, MAY)
    bad = [f"c,bad{number},2024-06-02,oops" for number in range(20)]
    deliver(tmp_path / "in", "2.csv", *(f"a,{number},2024-06-01,1.00" for number in range(4, 24)), *bad)
    with pytest.raises(GateError, match=r"50\.0% of the new rows .*quality\.batch\.max_reject_share") as stopped:
        run_tiny(spark, config, JUNE)
    # Nothing of it is kept but what was rejected, which the message names.
    batch_id = str(stopped.value).partition("rejects --run ")[2].partition("`")[0]
    rejected = of_run(spark, LakeLocation.of(config), "rejects", batch_id).collect()
    assert [row["detail"] for row in rejected] == ["amount = oops"] * 20
    assert len(batches(spark, config)) == 1
    assert Store(spark, LakeLocation.of(config)).read("order_days").where(f"batch_id = '{batch_id}'").isEmpty()
    deliver(tmp_path / "in", "2.csv", "a,4,2024-06-01,20.00", "c,5,2024-06-02,5.00")
    same_as_read_again(spark, tmp_path, config, JUNE)
    assert [(row["kind"], row["rows"]["transactions.read"]) for row in batches(spark, config)] == [
        ("rebuild", 3), ("append", 2),
    ]  # fmt: skip
    # A file that was written again is another input: everything is read, and the run says so.
    deliver(tmp_path / "in", "1.csv", "a,1,2024-05-01,31.00", "b,2,2024-05-02,10.00")
    outcome = same_as_read_again(spark, tmp_path, config, JULY)
    assert any("the file 1.csv was written again" in said for said in outcome.warnings)


def test_two_segmentations_share_batches_where_they_read_alike(spark: SparkSession, tmp_path: Path) -> None:
    write_source(spark, tmp_path / "source", purchases())
    one, alike = config_for(tmp_path), config_for(tmp_path, name="alike", rfm={"window_days": 30})
    other = config_for(tmp_path, name="other", quality={"checks": {"zero_price": "reject"}})
    run_tiny(spark, one)
    before = rows_of(current(spark, LakeLocation.of(one), "orders", one.name))
    for config in (alike, other):
        run_tiny(spark, config)
    assert len(batches(spark, one)) == 2
    assert len({row["reading"] for row in batches(spark, one)}) == 2
    assert rows_of(current(spark, LakeLocation.of(one), "orders", one.name)) == before
    assert run_tiny(spark, one).repeated
