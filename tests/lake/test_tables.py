"""Both ways to commit to a lake's tables: by Spark, and by deltalake in a local folder; a reader sees no difference."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.rfm.tables import SEGMENT_CUTS
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.schemas import CLAIMS, RUNS
from rfm_spark.core.table import Table
from rfm_spark.lake import store as store_module
from rfm_spark.lake.commits import is_conflict, with_retries
from rfm_spark.lake.local import local_folder
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.native import NativeTables
from rfm_spark.lake.spark_tables import SparkTables
from rfm_spark.lake.store import Store
from rfm_spark.lake.tables import PROPERTIES, Target
from tests.helpers import rows_of

DAY = date(2024, 6, 30)
FIRST, SECOND = "2024-06-30-aaaaaaaa", "2024-06-30-bbbbbbbb"
CUT = {
    "scope": "all",
    "cuts_of": "all",
    "among": None,
    "within": "",
    "method": "quantile",
    "bins": 3,
    "distinct_scores": 3,
}
ROWS = [{**CUT, "measure": m, "cuts": [1.0, 2.5]} for m in ("frequency", 'it\'s \\ "monetary" é')]


@pytest.fixture(params=["spark", "deltalake"])
def store(
    request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Store:
    return made(request.param, spark, tmp_path / "lake", monkeypatch)


def made(writer: str, spark: SparkSession, root: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    if writer == "spark":
        monkeypatch.setattr(store_module, "local_folder", lambda spark, location: None)
    else:
        monkeypatch.setattr(store_module, "local_folder", local_folder)
    found = Store(spark, LakeLocation(root=str(root)))
    assert isinstance(found._tables, SparkTables if writer == "spark" else NativeTables)
    return found


def test_a_slice_is_replaced_and_others_stay(store: Store) -> None:
    first = store.write_rows(SEGMENT_CUTS, ROWS, FIRST, DAY)
    store.write_rows(SEGMENT_CUTS, ROWS[:1], SECOND, DAY)
    again = store.write_rows(SEGMENT_CUTS, [{**ROWS[0], "bins": 4}], FIRST, DAY)
    assert (first.rows, again.rows) == (2, 1)
    assert again.version == store.version(SEGMENT_CUTS.name) > first.version
    found = store.rows(SEGMENT_CUTS.name)
    assert sorted((row["run_id"], row["bins"], row["as_of_date"]) for row in found) == [
        (FIRST, 4, DAY),
        (SECOND, 3, DAY),
    ]
    assert store.rows(SEGMENT_CUTS.name, run_id=[FIRST, SECOND], bins=3)[0]["cuts"] == [1.0, 2.5]
    assert store.commit_with_metadata(SEGMENT_CUTS.name, FIRST).version == again.version
    # Replaced by nothing, and nothing by nothing.
    assert store.write_rows(SEGMENT_CUTS, [], FIRST, DAY).rows == 0
    assert store.write_rows(SEGMENT_CUTS, [], FIRST, DAY).rows == 0
    assert [row["run_id"] for row in store.rows(SEGMENT_CUTS.name)] == [SECOND]
    assert store.rows("drift") == []
    # Several go in one commit, and those that are not there are none.
    store.write_rows(SEGMENT_CUTS, ROWS, FIRST, DAY)
    assert (store.slices(SEGMENT_CUTS.name), store.slices("drift")) == ({FIRST, SECOND}, set())
    before = store.version(SEGMENT_CUTS.name)
    for _ in range(2):
        store.drop_slices(SEGMENT_CUTS, [FIRST, SECOND, "2024-06-30-cccccccc"])
        assert (store.slices(SEGMENT_CUTS.name), store.version(SEGMENT_CUTS.name)) == (set(), before + 1)


def test_frames_and_rows_are_read_alike_by_spark(store: Store) -> None:
    names = [name for name in SEGMENT_CUTS.names if name not in ("run_id", "as_of_date")]
    values: Any = [tuple(row[name] for name in names) for row in ROWS]
    frame = store.spark.createDataFrame(values, SEGMENT_CUTS.ddl.split("`as_of_date` DATE, ")[1])
    assert store.write_run(SEGMENT_CUTS, frame, FIRST, DAY).rows == 2
    more = store.write_run(SEGMENT_CUTS, frame.limit(1), FIRST, DAY, "more", more=True)
    assert more.rows == 1
    store.write_rows(SEGMENT_CUTS, ROWS, SECOND, DAY)
    by_frame, by_rows = store.of_runs(SEGMENT_CUTS.name, [FIRST]), store.of_runs(SEGMENT_CUTS.name, [SECOND])
    assert by_frame.count() == 3
    assert rows_of(by_frame.distinct(), "run_id") == rows_of(by_rows, "run_id")
    assert store.read(SEGMENT_CUTS.name).count() == 5
    assert rows_of(store.of_runs(SEGMENT_CUTS.name, [FIRST, SECOND])) == rows_of(store.read(SEGMENT_CUTS.name))
    assert store.of_runs(SEGMENT_CUTS.name, ["2024-06-30-cccccccc"]).count() == 0


def ledger_row(run_id: str, moment: datetime) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(RUNS.names)
    steps = [{"step": "Drift", "seconds": 0.5, "rows": None, "reads": ["segments"], "writes": {"drift": 3}}]
    return empty | {
        "run_id": run_id, "as_of_date": DAY, "config_name": "tiny", "finished_at": moment, "exit_code": 0,
        "inputs": {"transactions": "delta:1"}, "money": {"sales": Decimal("12.30")}, "warnings": ["a", "b"],
        "rows": {"segments": 7}, "steps": steps,
    }  # fmt: skip


def test_a_ledger_takes_a_key_once_and_keeps_moments_and_money_exact(store: Store) -> None:
    # An hour that comes twice where clocks are put back.
    moment = datetime(2024, 10, 27, 0, 30, 0, 123456, tzinfo=timezone.utc)
    later = moment + timedelta(hours=1)
    for run_id, when, new in ((FIRST, moment, 1), (FIRST, moment + timedelta(days=1), 0), (SECOND, later, 1)):
        assert store.insert_new(RUNS, [ledger_row(run_id, when)], keys=("run_id",)) == new
    found = {row["run_id"]: row for row in store.rows(RUNS.name)}
    assert {run_id: row["finished_at"] for run_id, row in found.items()} == {
        FIRST: moment, SECOND: moment + timedelta(hours=1),
    }  # fmt: skip
    asked = store.rows(RUNS.name, columns=("finished_at", "rows", "stages"), run_id=[SECOND, "nobody's"])
    assert asked == [{"finished_at": later, "rows": {"segments": 7}, "stages": None}]
    mine = found[FIRST]
    assert mine["money"] == {"sales": Decimal("12.30")}
    assert (mine["inputs"], mine["rows"], mine["warnings"]) == (
        {"transactions": "delta:1"},
        {"segments": 7},
        ["a", "b"],
    )
    assert mine["steps"] == ledger_row(FIRST, moment)["steps"]
    micros = store.read(RUNS.name).where(F.col("run_id") == FIRST).select(F.unix_micros("finished_at")).collect()[0][0]
    assert micros == int(moment.timestamp()) * 1_000_000 + 123456
    store.delete_rows(RUNS, {"run_id": FIRST})
    store.delete_rows(RUNS, {"run_id": "nobody's"})
    store.delete_rows(RUNS, {"run_id": []})
    assert [row["run_id"] for row in store.rows(RUNS.name)] == [SECOND]
    made = store.version(RUNS.name)
    store.delete_rows(RUNS, {"run_id": ["nobody's", SECOND], "config_name": "tiny"})
    assert (store.rows(RUNS.name), store.version(RUNS.name)) == ([], made + 1)


def claim(token: str, name: str = "tiny") -> dict[str, Any]:
    moment = datetime(2024, 7, 1, tzinfo=timezone.utc)
    return {
        "config_name": name, "as_of_date": DAY, "run_id": FIRST, "token": token, "host": "here", "pid": 1,
        "expires_at": moment,
    }  # fmt: skip


def test_a_row_is_put_only_in_place_of_the_one_expected(store: Store) -> None:
    keys = ("config_name", "as_of_date")
    assert store.put_if(CLAIMS, claim("a"), keys, "token", "")
    assert store.put_if(CLAIMS, claim("other", "other"), keys, "token", "")
    assert not store.put_if(CLAIMS, claim("b"), keys, "token", "not there")
    assert [row["token"] for row in store.rows(CLAIMS.name, config_name="tiny")] == ["a"]
    assert store.put_if(CLAIMS, claim("c"), keys, "token", "a")
    assert sorted(row["token"] for row in store.rows(CLAIMS.name)) == ["c", "other"]


def described(spark: SparkSession, store: Store, table: Table) -> dict[str, Any]:
    identifier = store.location.table(table.name)
    detail = spark.sql(f"DESCRIBE DETAIL {identifier}").collect()[0]
    properties = {row["key"]: row["value"] for row in spark.sql(f"SHOW TBLPROPERTIES {identifier}").collect()}
    columns = [tuple(row) for row in spark.sql(f"DESCRIBE {identifier}").collect() if row["col_name"] in table.names]
    history = spark.sql(f"DESCRIBE HISTORY {identifier}").orderBy("version").collect()
    written = [row for row in history if row["userMetadata"]]
    return {
        "description": detail["description"],
        "partitions": detail["partitionColumns"],
        "protocol": (detail["minReaderVersion"], detail["minWriterVersion"]),
        "properties": properties,
        "columns": columns,
        "history": [(row["userMetadata"], row["operationMetrics"]["numOutputRows"]) for row in written],
    }


def test_a_reader_sees_no_difference(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    for writer in ("spark", "deltalake"):
        store = made(writer, spark, tmp_path / writer, monkeypatch)
        store.write_rows(SEGMENT_CUTS, ROWS, FIRST, DAY)
        store.write_rows(SEGMENT_CUTS, ROWS[:1], SECOND, DAY)
        store.prepare(RUNS)
        seen[writer] = [described(spark, store, table) for table in (SEGMENT_CUTS, RUNS)]
    for mine, theirs in zip(seen["deltalake"], seen["spark"], strict=True):
        assert {key: (mine[key], theirs[key]) for key in mine if mine[key] != theirs[key]} == {}
    assert seen["deltalake"][0]["description"] == SEGMENT_CUTS.comment
    assert seen["deltalake"][0]["properties"].items() >= PROPERTIES.items()
    assert seen["deltalake"][0]["history"] == [(FIRST, "2"), (SECOND, "1")]


def test_no_statistics_hold_an_id(store: Store) -> None:
    names = [name for name in SEGMENTS.names if name not in ("run_id", "as_of_date")]
    blank = store.spark.createDataFrame([], SEGMENTS.ddl).select(*names)
    one = store.spark.range(1).select(
        *(F.lit("c-secret" if name == "customer_id" else None).cast(blank.schema[name].dataType).alias(name)
          for name in names)
    )  # fmt: skip
    store.write_run(SEGMENTS, one, FIRST, DAY)
    log = Path(str(store.location.root), SEGMENTS.name, "_delta_log")
    assert list(log.glob("*.json"))
    assert all("c-secret" not in file.read_text(encoding="utf-8") for file in log.glob("*.json"))


def test_writers_side_by_side_lose_nothing(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Appends to a ledger and slices of a table, by both writers at once: what is refused is tried again."""
    native, by_spark = (made(writer, spark, tmp_path / "lake", monkeypatch) for writer in ("deltalake", "spark"))
    native.prepare(RUNS)
    native.prepare(SEGMENT_CUTS)
    moment = datetime(2024, 7, 1, tzinfo=timezone.utc)

    def write(at: int) -> None:
        store = native if at % 2 else by_spark
        run_id = f"2024-06-{at + 1:02d}-aaaaaaaa"
        store.insert_new(RUNS, [ledger_row(run_id, moment)], keys=("run_id",))
        store.write_rows(SEGMENT_CUTS, ROWS, run_id, DAY)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(8)))
    ids = sorted(f"2024-06-{at + 1:02d}-aaaaaaaa" for at in range(8))
    for store in (native, by_spark):
        assert sorted(row["run_id"] for row in store.rows(RUNS.name)) == ids
        assert sorted(row["run_id"] for row in store.rows(SEGMENT_CUTS.name)) == sorted(ids * 2)


def test_of_many_who_claim_a_slot_at_once_one_has_it(spark: SparkSession, tmp_path: Path) -> None:
    location = LakeLocation(root=str(tmp_path / "lake"))
    Store(spark, location).prepare(CLAIMS)

    def take(at: int) -> None:
        def attempt() -> None:
            Store(spark, location).put_if(CLAIMS, claim(f"t{at}"), ("config_name", "as_of_date"), "token", "")

        with_retries(attempt)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(8)))
    assert len(Store(spark, location).rows(CLAIMS.name)) == 1


def test_a_commit_on_a_version_that_is_no_longer_the_newest_is_a_conflict(spark: SparkSession, tmp_path: Path) -> None:
    store = Store(spark, LakeLocation(root=str(tmp_path / "lake")))
    store.prepare(CLAIMS)
    tables = store._tables
    assert isinstance(tables, NativeTables)
    old = tables._open(CLAIMS.name)
    store.put_if(CLAIMS, claim("a"), ("config_name", "as_of_date"), "token", "")
    target = Target(CLAIMS, "")
    with pytest.raises(Exception, match="commit") as caught:
        tables._commit(target, tables._write_file(target, [claim("b")]), old)
    assert is_conflict(caught.value)
    assert [row["token"] for row in store.rows(CLAIMS.name)] == ["a"]


@pytest.mark.parametrize("root", ["a lake", "a%20lake", "a[1]lake", "it's {x}*"])
def test_a_folder_may_have_any_name(
    spark: SparkSession, tmp_path: Path, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One with a percent sign is written by Spark.
    store = made("spark" if "%" in root else "deltalake", spark, tmp_path / root, monkeypatch)
    assert (local_folder(spark, store.location) is None) == ("%" in root)
    store.write_rows(SEGMENT_CUTS, ROWS, FIRST, DAY)
    names = [name for name in SEGMENT_CUTS.names if name not in ("run_id", "as_of_date")]
    store.write_run(SEGMENT_CUTS, store.of_runs(SEGMENT_CUTS.name, [FIRST]).select(*names), SECOND, DAY)
    assert rows_of(store.of_runs(SEGMENT_CUTS.name, [SECOND]), "run_id") == rows_of(
        store.of_runs(SEGMENT_CUTS.name, [FIRST]), "run_id"
    )
    assert len(store.rows(SEGMENT_CUTS.name, run_id=SECOND)) == 2
    assert [folder.name for folder in tmp_path.iterdir()] == [root]


def test_two_who_replace_an_empty_slice_leave_one(spark: SparkSession, tmp_path: Path) -> None:
    store = Store(spark, LakeLocation(root=str(tmp_path / "lake")))
    store.prepare(SEGMENT_CUTS)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: store.write_rows(SEGMENT_CUTS, ROWS, FIRST, DAY), range(4)))
    assert len(store.rows(SEGMENT_CUTS.name)) == 2


def test_tables_made_by_several_at_once_are_made_once(spark: SparkSession, tmp_path: Path) -> None:
    location = LakeLocation(root=str(tmp_path / "lake"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: Store(spark, location).prepare(RUNS), range(16)))
    store = Store(spark, location)
    store.insert_new(RUNS, [ledger_row(FIRST, datetime(2024, 7, 1, tzinfo=timezone.utc))], keys=("run_id",))
    assert len(store.rows(RUNS.name)) == 1
    assert store.version(RUNS.name) == 1
