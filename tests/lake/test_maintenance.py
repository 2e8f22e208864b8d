"""Maintenance of a lake by both who commit to it: what is dropped, folded and deleted, and what stays as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from rfm_spark.capabilities.clusters.tables import CLUSTER_MODELS
from rfm_spark.capabilities.rfm.tables import SEGMENT_CUTS
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.config import Config
from rfm_spark.core.errors import LakeError, SlotHeldError
from rfm_spark.core.schemas import CLAIMS, RUNS
from rfm_spark.lake import store as store_module
from rfm_spark.lake.history import segment_history
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.local import local_folder
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.maintenance import Maintenance
from rfm_spark.lake.readers import current, history, of_run
from rfm_spark.lake.spark_upkeep import SparkUpkeep
from rfm_spark.lake.store import Store
from rfm_spark.pipeline.maintaining import Maintained, maintain
from tests.effort import only_in_full
from tests.helpers import CLOCK, commits, config_for, rows_of

A_WEEK = 168
MARCH, APRIL, MAY, NIGHT, NEWEST = (
    date(2024, 3, 31), date(2024, 4, 30), date(2024, 5, 31), date(2024, 6, 29), date(2024, 6, 30),
)  # fmt: skip
# Run and its segment of c1; the nights before a month's end, and what a later run of its date replaced, are to go.
RUNS_MADE = {
    "2024-03-31-00000001": "a",
    "2024-03-31-00000002": "a",
    "2024-04-29-00000001": "b",
    "2024-04-30-00000001": "a",
    "2024-05-30-00000001": "b",
    "2024-05-31-00000001": "b",
    "2024-06-28-00000001": "a",
    "2024-06-29-00000001": "a",
    "2024-06-29-00000002": "a",
    "2024-06-30-00000001": "a",
    "2024-06-30-00000002": "a",
}
GONE = ["2024-03-31-00000001", "2024-04-29-00000001", "2024-05-30-00000001", "2024-06-28-00000001"]


@pytest.fixture(scope="module")
def made(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with runs of three months; each publication is a commit of its own to the ledger."""
    root = tmp_path_factory.mktemp("maintenance") / "lake"
    found = Store(session, LakeLocation(root=str(root)))
    blank: dict[str, Any] = {**dict.fromkeys(SEGMENTS.names), "scope": "all"}
    cut = {
        "scope": "all", "cuts_of": "all", "among": "frequency", "measure": "frequency", "within": "",
        "method": "quantile", "bins": 3, "cuts": [1.0, 2.5], "distinct_scores": 3,
    }  # fmt: skip
    for number, (run_id, segment) in enumerate(RUNS_MADE.items()):
        day = date.fromisoformat(run_id[:10])
        customers = [{**blank, "customer_id": customer, "segment": segment} for customer in ("c1", "c2")]
        found.write_rows(SEGMENTS, customers, run_id, day)
        if run_id in (GONE[0], "2024-06-30-00000002"):
            found.write_rows(SEGMENT_CUTS, [cut], run_id, day)
        publish(found, "tiny", run_id, number)
    for number in range(6):
        publish(found, "shop", f"2024-01-0{number + 1}-0000000a", number)
    return root


def copied(writer: str, spark: SparkSession, made: Path, folder: Path, patch: pytest.MonkeyPatch) -> Store:
    choose = local_folder if writer == "deltalake" else lambda spark, location: None
    patch.setattr(store_module, "local_folder", choose)
    return Store(spark, LakeLocation(root=str(shutil.copytree(made, folder / "lake"))))


@pytest.fixture(params=["spark", "deltalake"])
def either(
    request: pytest.FixtureRequest, spark: SparkSession, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Store:
    """A copy of it, for either writer."""
    return copied(request.param, spark, made, tmp_path, monkeypatch)


@pytest.fixture(params=[pytest.param("spark", marks=only_in_full), "deltalake"])
def store(
    request: pytest.FixtureRequest, spark: SparkSession, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Store:
    """A copy of it; the proofs try Spark's commits as well."""
    return copied(request.param, spark, made, tmp_path, monkeypatch)


def publish(store: Store, name: str, run_id: str, number: int, document: Any = None) -> None:
    made = datetime(2024, 7, 1, tzinfo=timezone.utc) + timedelta(minutes=number)
    row = {**dict.fromkeys(RUNS.names), "run_id": run_id, "as_of_date": date.fromisoformat(run_id[:10]),
           "config_name": name, "config": json.dumps(document or {"rfm": {}}), "exit_code": 0, "finished_at": made,
           "code_version": "x"}  # fmt: skip
    Ledger(store).publish(row)


def tiny(store: Store, **changes: Any) -> Config:
    assert store.location.root is not None
    return config_for(Path(store.location.root).parent, **{"retention": {"daily": 2}, **changes})


def maintained(store: Store, hours: int = A_WEEK, **changes: Any) -> Maintained:
    is_dry = changes.pop("is_dry", False)
    return maintain(store.spark, tiny(store, **changes), clock=CLOCK, hours=hours, is_dry=is_dry)


def actions(found: Maintained) -> list[tuple[str, str, str]]:
    return [(one.action, one.table, one.amount) for one in found.done]


def run_ids(store: Store, table: str) -> list[str]:
    return sorted(row["run_id"] for row in store.read(table).select("run_id").distinct().collect())


def files_of(store: Store, table: str) -> int:
    return len(list(Path(str(store.location.root), table).rglob("*.parquet")))


def test_old_runs_go_small_files_are_folded_and_a_second_time_does_nothing(either: Store) -> None:
    store = either
    root, kept = Path(str(store.location.root)), sorted(set(RUNS_MADE) - set(GONE))
    before, made = rows_of(store.read(SEGMENTS.name).where(f"run_id NOT IN {tuple(GONE)}")), commits(root)
    ledger = rows_of(store.read(RUNS.name), "retired_at")
    planned = maintained(store, is_dry=True)
    assert commits(root) == made
    assert (list(planned.retired), sorted(planned.kept), dict(planned.needed)) == (GONE, kept, {})
    dropped = [("drop", "segment_cuts", "1 row of 1 run"), ("drop", "segments", "8 rows of 4 runs")]
    assert sorted(actions(planned)) == [*dropped, ("fold", "runs", "17 files")]

    found = maintained(store)
    assert (found.retired, found.kept) == (planned.retired, planned.kept)
    assert sorted(actions(found))[:2] == dropped
    # Marking runs has rewritten some of its files.
    ((fold, table, amount),) = sorted(actions(found))[2:]
    assert (fold, table, amount.partition(" files into ")[2]) == ("fold", "runs", "1")
    assert run_ids(store, SEGMENTS.name) == kept
    assert run_ids(store, SEGMENT_CUTS.name) == ["2024-06-30-00000002"]
    assert rows_of(store.read(SEGMENTS.name)) == before
    again = Store(store.spark, store.location)
    assert rows_of(again.read(RUNS.name), "retired_at") == ledger
    gone = {run.run_id for run in Ledger(again).complete() if not run.has_rows}
    assert gone == set(GONE)

    made = commits(root)
    assert actions(maintained(store)) == []
    assert commits(root) == made


def test_versions_are_deleted_by_their_age_and_what_is_there_is_read_as_before(store: Store) -> None:
    maintained(store)
    was, ledger = files_of(store, SEGMENTS.name), rows_of(store.read(RUNS.name))
    assert actions(maintained(store)) == []
    assert files_of(store, SEGMENTS.name) == was
    found = [action for action in actions(maintained(store, hours=0)) if action[1] == SEGMENTS.name]
    assert [(action, amount.partition(",")[0]) for action, _, amount in found] == [("vacuum", "4 files")]
    assert files_of(store, SEGMENTS.name) == was - 4
    assert actions(maintained(store, hours=0)) == []
    assert rows_of(store.read(RUNS.name)) == ledger
    assert store.read(SEGMENTS.name).count() == 2 * (len(RUNS_MADE) - len(GONE))


def test_readers_say_that_rows_are_gone_and_history_joins_what_is_left(store: Store) -> None:
    spark, lake = store.spark, store.location
    maintained(store)
    with pytest.raises(LakeError, match=r"rows of run 2024-05-30-00000001 were dropped on 2024-07-01 by .* makes it"):
        of_run(spark, lake, SEGMENTS.name, "2024-05-30-00000001")
    assert {row["run_id"] for row in current(spark, lake, SEGMENTS.name, "tiny").collect()} == {"2024-06-30-00000002"}
    assert sorted({row["run_id"] for row in history(spark, lake, SEGMENTS.name).collect()}) == [
        "2024-03-31-00000002", "2024-04-30-00000001", "2024-05-31-00000001", "2024-06-29-00000002",
        "2024-06-30-00000002",
    ]  # fmt: skip
    rows = segment_history(spark, lake, "tiny").where("customer_id = 'c1'").collect()
    holds = sorted((r["valid_from"], r["valid_to"], r["value"]) for r in rows if r["superseded_by"] is None)
    assert holds == [(MARCH, MAY - timedelta(1), "a"), (MAY, NIGHT - timedelta(1), "b"), (NIGHT, None, "a")]
    # What a run of the last days said before it was replaced is still told.
    assert sorted(r["run_id"] for r in rows if r["superseded_by"] is not None) == [
        "2024-06-29-00000001", "2024-06-30-00000001",
    ]  # fmt: skip


def test_one_that_was_stopped_is_finished_by_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(maintenance: Maintenance, retired: Sequence[str]) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(Maintenance, "drop", killed)
        with pytest.raises(KeyboardInterrupt):
            maintained(store)
    assert run_ids(store, SEGMENTS.name) == sorted(RUNS_MADE)
    with pytest.raises(LakeError, match="were dropped"):
        of_run(store.spark, store.location, SEGMENTS.name, GONE[0])
    # Also where more is to be kept by now: nobody reads them any more.
    found = maintained(store, retention={"daily": 400})
    assert found.retired == ()
    assert ("drop", "segments", "8 rows of 4 runs") in actions(found)
    assert run_ids(store, SEGMENTS.name) == sorted(set(RUNS_MADE) - set(GONE))


def test_what_others_need_stays(store: Store) -> None:
    publish(store, "other", "2024-06-30-99999999", 99, {"rfm": {"scoring": {"method": "frozen", "run": GONE[1]}}})
    blank: dict[str, Any] = dict.fromkeys(CLUSTER_MODELS.names)
    decided = {"model_version": GONE[2], "trained_on": GONE[2], "config_name": "tiny"}
    store.insert_new(CLUSTER_MODELS, [{**blank, **decided}], ("model_version",))
    rfm = {"scoring": {"method": "frozen", "run": GONE[0]}}
    found = maintained(store, rfm=rfm, is_dry=True)
    assert dict(found.needed) == {
        GONE[0]: "tiny takes its cut points (rfm.scoring.run)", GONE[1]: "other takes its cut points (rfm.scoring.run)",
    }  # fmt: skip
    assert list(found.retired) == GONE[2:]
    # Another segmentation has runs of its own.
    other = maintain(store.spark, tiny(store, name="other"), clock=CLOCK, hours=A_WEEK, is_dry=True)
    assert (other.kept, other.retired) == (("2024-06-30-99999999",), ())


def test_a_run_at_work_is_left_alone(store: Store) -> None:
    claim = {
        "config_name": "other", "as_of_date": NEWEST, "run_id": "2024-06-30-abcdefab", "token": "x",
        "host": "elsewhere", "pid": 7, "expires_at": CLOCK() + timedelta(hours=1),
    }  # fmt: skip
    store.put_if(CLAIMS, claim, ("config_name", "as_of_date"), "token", "")
    made = commits(Path(str(store.location.root)))
    with pytest.raises(SlotHeldError, match=r"run 2024-06-30-abcdefab \(process 7 on elsewhere\) is at work"):
        maintained(store)
    assert commits(Path(str(store.location.root))) == made
    assert list(maintained(store, is_dry=True).retired) == GONE
    # A run that is published holds nothing, whatever its claim says.
    publish(store, "other", "2024-06-30-abcdefab", 99)
    assert list(maintained(store).retired) == GONE


def test_a_lake_without_runs_is_one_sentence(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="no complete run; run `rfm-spark run` first"):
        maintain(spark, config_for(tmp_path), clock=CLOCK, hours=A_WEEK)


@pytest.mark.parametrize(
    ("folders", "files", "expired"), [(3, 0, (0, False)), (3, 2, (2, False)), (1000, 0, (1000, True))]
)
def test_empty_folders_are_left_unless_they_may_hide_files(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, folders: int, files: int, expired: tuple[int, bool]
) -> None:
    """Delta's dry run ends after a thousand paths: were these left, it would never come to the files behind them."""
    listed = [Row(path=f"file:/lake/segments/run_id=2024-01-01-{at:08x}") for at in range(folders)]
    listed += [Row(path=f"{listed[0]['path']}/part-{at}.snappy.parquet") for at in range(files)]
    upkeep = SparkUpkeep(spark, LakeLocation(root="/lake"), str)
    monkeypatch.setattr(upkeep, "_vacuum", lambda *_: listed)
    found = upkeep.expired("segments", A_WEEK)
    assert (found.count, found.is_part) == expired
