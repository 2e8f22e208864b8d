"""The run protocol on small data: repeats, forced runs, backfills, gates and crashes."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from rfm_spark.capabilities.purchases.batches import LAST_BATCH
from rfm_spark.core.errors import ConfigError, GateError, LakeError, SlotHeldError, SourceError
from rfm_spark.core.schemas import tables
from rfm_spark.lake import claims
from rfm_spark.lake import store as store_module
from rfm_spark.lake.claims import LEASE, Claim
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current, history, of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import backfill_dates
from tests.effort import only_in_full
from tests.helpers import AS_OF, CLOCK, COLUMNS, Stages, commits, config_for, purchases, rows_of, run_tiny, write_source

VOLATILE = ("run_id", "previous_run_id", "model_version")


@pytest.fixture
def folder(spark: SparkSession, tmp_path: Path) -> Path:
    write_source(spark, tmp_path / "source", purchases())
    return tmp_path


def as_told(store: Store) -> dict[str, Any]:
    """The one row of the ledger, without times; a table's version counts what was committed before it died, too.

    Lines are taken in by whoever comes first, whether or not their run is published; their batch has its own id.
    """
    (row,) = store.rows("runs")
    steps = [{**step, "seconds": None} for step in row["steps"] if step["step"] != "New lines"]
    inputs = {name: version for name, version in row["inputs"].items() if name != LAST_BATCH}
    told = {**row, "inputs": inputs, "outputs": sorted(row["outputs"]), "steps": steps}
    return {name: value for name, value in told.items() if name not in ("started_at", "finished_at")}


def test_a_complete_run_is_a_no_op_and_a_forced_one_is_new(spark: SparkSession, folder: Path) -> None:
    config = config_for(folder)
    first = run_tiny(spark, config)
    before = commits(folder / "lake")
    again = run_tiny(spark, config)
    assert again == replace(first, repeated=True, warnings=(), account=(), status="ok")
    assert commits(folder / "lake") == before

    forced = run_tiny(spark, config, force=True)
    assert forced.run_id == f"{first.run_id}-2"
    location = LakeLocation.of(config)
    assert [row.run_id for row in current(spark, location, "segments").select("run_id").distinct().collect()] == [
        forced.run_id
    ]
    old = of_run(spark, location, "segments", first.run_id)
    assert rows_of(old, *VOLATILE) == rows_of(of_run(spark, location, "segments", forced.run_id), *VOLATILE)
    assert run_tiny(spark, config).run_id == forced.run_id
    store = Store(spark, location)
    ledger, (row,) = Ledger(store), store.rows("runs", run_id=forced.run_id)
    ledger.publish(dict(row))
    with pytest.raises(LakeError, match=rf"{forced.run_id} is taken by a run of 'tiny' .* differs in config_name;"):
        ledger.publish({**row, "config_name": "other"})
    assert len(ledger.complete()) == 2
    spark.sql(f"UPDATE {location.table('runs')} SET config_name = 'other'")
    with pytest.raises(LakeError, match="is taken by a run of 'other'"):
        run_tiny(spark, config)


def test_a_crashed_run_is_invisible_and_the_next_one_heals_it(spark: SparkSession, folder: Path) -> None:
    config = config_for(folder, clusters={"k": 3})
    undisturbed = config_for(folder, clusters={"k": 3}, lake={"root": str(folder / "calm")})
    for stage in ("Clusters", "Changes"):
        with pytest.raises(RuntimeError, match="stopped"):
            run_tiny(spark, config, progress=Stages(fail_at=stage))
        with pytest.raises(LakeError, match="no complete run"):
            current(spark, LakeLocation.of(config), "segments")
    healed, calm = run_tiny(spark, config), run_tiny(spark, undisturbed)
    assert healed.run_id == calm.run_id
    for name, table in tables().items():
        if table.kind == "run" and Store(spark, LakeLocation.of(undisturbed)).exists(name):
            mine = rows_of(current(spark, LakeLocation.of(config), name))
            assert mine == rows_of(current(spark, LakeLocation.of(undisturbed), name)), name
    rows = [as_told(Store(spark, LakeLocation.of(one))) for one in (config, undisturbed)]
    assert rows[0] == rows[1]
    # What is written is what the stages say that they write.
    assert rows[0]["outputs"] == sorted({name for step in rows[0]["steps"] for name in step["writes"]})
    assert current(spark, LakeLocation.of(config), "orders").count() == len(purchases())


def test_a_backfill_compares_each_run_with_the_one_before(spark: SparkSession, folder: Path) -> None:
    config = config_for(folder)
    dates = backfill_dates(date(2024, 5, 30), date(2024, 6, 30), "1mo")
    unlimited = config_for(folder, quality={"max_staleness_days": None})
    runs = [run_tiny(spark, unlimited, day) for day in dates]
    location = LakeLocation.of(config)
    ledger = Ledger(Store(spark, location)).complete("tiny")
    assert [row.previous_run_id for row in ledger] == [None, *(run.run_id for run in runs[:-1])]
    moved = current(spark, location, "segment_transitions").agg({"customers": "sum"}).collect()[0][0]
    everyone = current(spark, location, "segments").count()
    assert moved == everyone
    assert history(spark, location, "segments").select("as_of_date").distinct().count() == len(dates)


def test_steps_of_a_backfill() -> None:
    ends = backfill_dates(date(2024, 1, 31), date(2024, 4, 30), "1mo")
    assert [day.isoformat() for day in ends] == ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]
    assert len(backfill_dates(date(2024, 1, 1), date(2024, 1, 15), "1w")) == 3
    for step in ("monthly", "0d", "1x", "d"):
        with pytest.raises(ConfigError, match="step"):
            backfill_dates(date(2024, 1, 1), date(2024, 1, 2), step)
    with pytest.raises(ConfigError, match="before"):
        backfill_dates(date(2024, 1, 2), date(2024, 1, 1), "1d")


def test_new_rows_make_a_new_run_and_a_pinned_run_never_sees_them(spark: SparkSession, folder: Path) -> None:
    config = config_for(folder)
    first = run_tiny(spark, config)
    late = [("c99", "o99", datetime(2024, 6, 29, 9), "5.00")]
    write_source(spark, folder / "source", late, mode="append")
    second = run_tiny(spark, config)
    assert second.run_id != first.run_id
    location = LakeLocation.of(config)
    assert of_run(spark, location, "segments", first.run_id).where("customer_id = 'c99'").count() == 0
    assert current(spark, location, "segments").where("customer_id = 'c99'").count() == 1


def test_input_beyond_its_limits_publishes_nothing_but_shows_its_rejects(spark: SparkSession, folder: Path) -> None:
    bad = [("", f"x{i}", datetime(2024, 6, 29), "1.00") for i in range(3)]
    bad += [("c01", "", datetime(2024, 6, 29), "1.00") for _ in range(40)]
    write_source(spark, folder / "source", bad, mode="append")
    config = config_for(folder)
    with pytest.raises(GateError, match=r"max_reject_share.*nothing was published"):
        run_tiny(spark, config)
    store = Store(spark, LakeLocation.of(config))
    assert Ledger(store).complete() == []
    reasons = {row["reason"]: row["count"] for row in store.read("rejects").groupBy("reason").count().collect()}
    assert reasons == {"anonymous": 3, "missing_order_id": 40}

    lenient = config_for(folder, quality={"on_breach": "warn"})
    outcome = run_tiny(spark, lenient)
    assert any("max_reject_share" in warning for warning in outcome.warnings)


def test_stale_and_empty_sources_stop_the_run(spark: SparkSession, folder: Path) -> None:
    with pytest.raises(GateError, match="--as-of 2024-06-30"):
        run_tiny(spark, config_for(folder), AS_OF + timedelta(days=10))
    with pytest.raises(GateError, match="no usable row"):
        run_tiny(spark, config_for(folder), date(2020, 1, 1))
    write_source(spark, folder / "source", [])
    with pytest.raises(GateError, match="has no rows"):
        run_tiny(spark, config_for(folder))


def test_an_empty_source_is_a_valid_run_when_limits_only_warn(spark: SparkSession, folder: Path) -> None:
    config = config_for(folder, quality={"on_breach": "warn"})
    run_tiny(spark, config, AS_OF - timedelta(days=1))
    write_source(spark, folder / "source", [])
    outcome = run_tiny(spark, config, fail_on="major")
    assert current(spark, LakeLocation.of(config), "segments").count() == 0
    # It is published, and the most severe drift there is.
    assert outcome.exit_code == 4
    assert "Look at the source before anything else" in outcome.verdict
    assert run_tiny(spark, config).exit_code == 0


def test_customers_who_are_all_alike_share_scores_and_one_cluster(spark: SparkSession, folder: Path) -> None:
    write_source(spark, folder / "source", [(f"c{i}", f"o{i}", datetime(2024, 6, 29), "9.99") for i in range(7)])
    config = config_for(folder, clusters={"k": 3})
    outcome = run_tiny(spark, config)
    found = (
        current(spark, LakeLocation.of(config), "segments")
        .select("rfm_code", "cluster_id", "m_z", "m_pct")
        .distinct()
        .collect()
    )
    assert [tuple(row) for row in found] == [("511", 1, 0.0, 50.0)]
    assert any("cut points coincide" in warning for warning in outcome.warnings)
    assert any("dropped" in warning for warning in outcome.warnings)


def test_one_run_holds_a_slot_and_a_dead_one_is_taken_over(spark: SparkSession, folder: Path) -> None:
    config = config_for(folder)
    store = Store(spark, LakeLocation.of(config))
    other = Claim(store, config.name, AS_OF, CLOCK)
    other.take("2024-06-30-00000000", set())
    with pytest.raises(SlotHeldError, match="2024-06-30-00000000"):
        run_tiny(spark, config)
    # The holder's process is gone: nobody has this process id.
    spark.sql(f"UPDATE {store.location.table('claims')} SET pid = 4194305")
    assert run_tiny(spark, config).exit_code == 0
    with pytest.raises(SlotHeldError, match="holds it"):
        other.fence()


def test_a_run_whose_slot_was_taken_over_does_not_publish(
    spark: SparkSession, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(folder)
    store = Store(spark, LakeLocation.of(config))
    late = CLOCK() + 2 * LEASE

    class Overtaken(Stages):
        def started(self, title: str, waits_for: str) -> None:
            super().started(title, waits_for)
            if title == "Changes":
                # On a machine that saw no sign of life of this one.
                with monkeypatch.context() as elsewhere:
                    elsewhere.setattr(socket, "gethostname", lambda: "another")
                    other = Claim(store, config.name, AS_OF, lambda: late, wait=lambda *_: False)
                other.take("2024-06-30-00000000", set())

    with pytest.raises(SlotHeldError, match=r"2024-06-30-00000000 .* on another"):
        run_tiny(spark, config, progress=Overtaken())
    assert Ledger(store).complete() == []
    # What it leaves of the slot is the other's.
    assert [row["run_id"] for row in store.rows("claims")] == ["2024-06-30-00000000"]


@pytest.mark.parametrize("writer", [pytest.param("spark", marks=only_in_full), "deltalake"])
def test_a_slot_is_renewed_while_its_run_goes_on(
    spark: SparkSession, folder: Path, writer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if writer == "spark":
        monkeypatch.setattr(store_module, "local_folder", lambda spark, place: None)
    monkeypatch.setattr(claims, "HEARTBEAT", timedelta(seconds=0.2))
    config = config_for(folder)
    assert run_tiny(spark, config).exit_code == 0
    (row,) = Store(spark, LakeLocation.of(config)).rows("claims")
    assert int(row["token"].partition(".")[2]) > 2
    assert commits(folder / "lake")["claims"] > 2
    assert not [thread for thread in threading.enumerate() if thread.name == "rfm-spark claim"]


def test_frozen_cuts_come_from_the_named_run(spark: SparkSession, folder: Path) -> None:
    first = run_tiny(spark, config_for(folder))
    frozen = {"window_days": 365, "scoring": {"method": "frozen", "run": first.run_id}}
    later = config_for(folder, name="frozen", rfm=frozen, quality={"max_staleness_days": None})
    outcome = run_tiny(spark, later, date(2024, 7, 30))
    location = LakeLocation.of(later)
    mine, theirs = (of_run(spark, location, "segment_cuts", run.run_id) for run in (outcome, first))
    assert rows_of(mine.select("measure", "cuts")) == rows_of(theirs.select("measure", "cuts"))
    assert {row["method"] for row in mine.select("method").collect()} == {"frozen"}
    missing = {"scoring": {"method": "frozen", "run": "2020-01-01-00000000"}}
    with pytest.raises(ConfigError, match="no complete run"):
        run_tiny(spark, config_for(folder, rfm=missing))


def test_wrong_places_are_one_sentence(spark: SparkSession, folder: Path) -> None:
    nowhere = {"transactions": {"path": str(folder / "nothing"), "format": "delta", "columns": COLUMNS}}
    with pytest.raises(SourceError, match="nothing at"):
        run_tiny(spark, config_for(folder, sources=nowhere))
    (folder / "file").touch()
    with pytest.raises(LakeError, match="can't be written"):
        run_tiny(spark, config_for(folder, lake={"root": str(folder / "file" / "lake")}))
