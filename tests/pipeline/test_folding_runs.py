"""Runs of a lake whose old batches were folded are those of a lake that kept them apart."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.batches import LAST_BATCH, OrderDays, known_batches, live_rows
from rfm_spark.capabilities.purchases.maintenance import fold_batches
from rfm_spark.capabilities.purchases.tables import ORDER_DAYS
from rfm_spark.core.batches import FOLD, Batches
from rfm_spark.core.config import Config
from rfm_spark.core.errors import LakeError, SlotHeldError
from rfm_spark.core.schemas import BATCHES, tables
from rfm_spark.core.table import Table
from rfm_spark.core.upkeep import Done, Upkeep
from rfm_spark.lake import store as store_module
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current, new_in, of_run, rejects_of
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import late_dates
from rfm_spark.pipeline.maintaining import maintain
from tests.helpers import CLOCK, commits, rows_of, run_tiny
from tests.pipeline.nights import NIGHTS, Nights, night


@pytest.fixture(scope="module")
def nights(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Nights:
    return Nights(session, tmp_path_factory.mktemp("folding"))


def store_of(spark: SparkSession, config: Config) -> Store:
    return Store(spark, LakeLocation.of(config))


def maintained(spark: SparkSession, config: Config, *, is_dry: bool = False) -> list[Done]:
    found = maintain(spark, config, clock=CLOCK, hours=168, is_dry=is_dry)
    return [one for one in found.done if one.table == ORDER_DAYS.name and "batch" in one.amount]


def known(store: Store) -> Batches:
    (reading,) = {row["reading"] for row in store.rows(BATCHES.name)}
    return known_batches(store, reading)


def day_sums(store: Store) -> list[dict[str, Any]]:
    """What rows that hold come to."""
    found = known(store)
    rows = live_rows(store.of_runs(ORDER_DAYS.name, found.ids), found)
    keys = ("customer_id", "order_id", "day", "seen_until", "marks", "currency", "channel")
    sums = ("sale_cents", "refund_cents", "lines", "exact_duplicates", "duplicate_lines", "duplicate_cents",
            "copy_cents")  # fmt: skip
    maxima = (F.max(name).alias(name) for name in ("last_sale_ts", "last_line_ts"))
    return rows_of(rows.groupBy(*keys).agg(*(F.sum(name).alias(name) for name in sums), *maxima))


def rejected(store: Store, run_id: str) -> list[dict[str, Any]]:
    """Rejected rows; ids of batches by their hash: numbers are others after a fold."""
    return rows_of(rejects_of(store, run_id))


def without_numbers(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((row["source"], row["reason"], row["record"], row["first_seen_run"][:5] < "00007") for row in rows)


FOLDED = [Done(ORDER_DAYS.name, "fold", "5 batches into 1")]


class Killed(BaseException):
    """As by a signal."""


def stopping(action: Callable[..., Any], *, when: Callable[..., bool]) -> Callable[..., Any]:
    def stopped(*given: Any, **named: Any) -> Any:
        if when(*given):
            raise Killed
        return action(*given, **named)

    return stopped


def is_batches(store: Store, table: Table, *more: Any) -> bool:
    del store, more
    return table.name == BATCHES.name


def is_order_days(store: Store, table: Table, *more: Any) -> bool:
    del store, more
    return table.name == ORDER_DAYS.name


def upkeep(
    store: Store, config: Config, *, is_dry: bool = False, must_be_alone: Callable[[], None] = lambda: None
) -> Upkeep:
    """As `maintain` makes it, a day after the last night."""
    complete = Ledger(store).complete()
    return Upkeep(config, NIGHTS[5], complete, complete, Ledger(store).configs, store, is_dry, must_be_alone)


def test_a_fold_that_was_killed_is_finished_by_the_next(
    spark: SparkSession, nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = nights.copied()
    store = store_of(spark, config)
    sums, taken = day_sums(store), known(store)
    # Rows of a batch that is being taken, of one that died long ago, and of another reading.
    for key, reading in (("00007-aaaaaaaa", taken.known[0].reading), ("00002-bbbbbbbb", taken.known[0].reading),
                         ("00002-cccccccc", "another")):  # fmt: skip
        rows = store.of_runs(ORDER_DAYS.name, taken.ids[:1]).limit(1).withColumn("reading", F.lit(reading))
        store.write_slice(ORDER_DAYS, rows, key)
    gone = Done(ORDER_DAYS.name, "drop", "1 batch that nothing refers to")
    assert fold_batches(upkeep(store, config, is_dry=True)) == [gone, *FOLDED]
    partitions = []
    for name, when in (("insert_new", is_batches), ("delete_rows", is_batches), ("drop_slices", is_order_days)):
        with monkeypatch.context() as killed:
            killed.setattr(Store, name, stopping(getattr(Store, name), when=when))
            with pytest.raises(Killed):
                fold_batches(upkeep(store, config))
        assert day_sums(store) == sums
        assert known(store).taken == taken.taken
        assert run_tiny(spark, config, NIGHTS[5]).repeated
        partitions.append(len(store.slices(ORDER_DAYS.name)))
    assert partitions == [9, 10, 10]
    # A fold has the number by now of the batch that was being taken, and of the fold that was killed first.
    assert fold_batches(upkeep(store, config)) == [Done(ORDER_DAYS.name, "drop", "7 batches that nothing refers to")]
    assert store.slices(ORDER_DAYS.name) == {*known(store).ids, "00002-cccccccc"}
    assert fold_batches(upkeep(store, config)) == []
    assert day_sums(store) == sums


def test_of_two_who_fold_at_once_the_slower_one_does_nothing(
    spark: SparkSession, nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = nights.copied()
    store, write = store_of(spark, config), Store.write_slice
    sums = day_sums(store)

    def overtaken(mine: Store, *given: Any, **named: Any) -> Any:
        meanwhile.undo()
        assert fold_batches(upkeep(store, config)) == FOLDED
        return write(mine, *given, **named)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Store, "write_slice", overtaken)
        assert fold_batches(upkeep(store_of(spark, config), config)) == []
    assert store.slices(ORDER_DAYS.name) == set(known(store).ids)
    assert day_sums(store) == sums


def test_a_run_that_was_faster_and_one_at_work_are_left_alone(
    spark: SparkSession, nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a lake that Spark commits to."""
    monkeypatch.setattr(store_module, "local_folder", lambda spark, location: None)
    config = nights.copied()
    store = store_of(spark, config)
    there, sums = store.slices(ORDER_DAYS.name), day_sums(store)
    taken, insert = store.rows(BATCHES.name, number=6)[0], Store.insert_new

    def late(mine: Store, table: Table, rows: Any, keys: Any) -> None:
        insert(mine, table, [{**taken, "number": 7, "batch_id": "00007-dddddddd", "days": [], "rows": {}}], keys)
        insert(mine, table, rows, keys)

    with monkeypatch.context() as faster:
        faster.setattr(Store, "insert_new", late)
        assert fold_batches(upkeep(store, config)) == []
    assert store.slices(ORDER_DAYS.name) == there
    assert day_sums(store) == sums

    # A run claims its slot after the fold was written: what it may read stays, and goes the next time.
    def at_work() -> None:
        raise SlotHeldError("a run is at work")

    looked = OrderDays(reading=taken["reading"], batches=known(store))
    assert looked.stands(store)
    with pytest.raises(SlotHeldError):
        fold_batches(upkeep(store, config, must_be_alone=at_work))
    assert store.slices(ORDER_DAYS.name) > there
    assert not looked.stands(store)
    assert [one.amount for one in fold_batches(upkeep(store, config))] == ["5 batches that nothing refers to"]
    assert store.slices(ORDER_DAYS.name) == {batch.batch_id for batch in known(store).known if batch.rows}
    assert day_sums(store) == sums


def test_a_night_after_a_fold_is_that_of_a_lake_that_was_not_folded(spark: SparkSession, nights: Nights) -> None:
    """The last one here: the source grows, for all lakes."""
    mine, plain = nights.copied(), nights.copied(batches=1000)
    store, other, root = store_of(spark, mine), store_of(spark, plain), Path(str(mine.lake.root))
    assert [row["kind"] for row in sorted(store.rows(BATCHES.name), key=lambda row: row["number"])] == [
        "rebuild", "correction", "correction", "correction", "correction", "append",
    ]  # fmt: skip
    assert maintained(spark, plain) == []
    before = [rejected(store, run.run_id) for run in (nights.runs[1], nights.runs[5])]
    assert [len(rows) for rows in before] == [1, 3]

    made = commits(root)
    assert maintained(spark, mine, is_dry=True) == FOLDED
    assert commits(root) == made
    assert maintained(spark, mine) == FOLDED
    fold, last = known(store).known
    assert (fold.kind, fold.number, fold.place, last.number) == (FOLD, 7, 5, 6)
    assert len(store.rows(BATCHES.name)) == 2
    assert store.slices(ORDER_DAYS.name) == {fold.batch_id, last.batch_id}
    rows = store.of_runs(ORDER_DAYS.name, [fold.batch_id])
    assert rows.count() == rows.select("customer_id", "order_id", "day", "seen_until", "marks").distinct().count()
    assert day_sums(store) == day_sums(other)
    assert known(store).days() == known(other).days()
    made = commits(root)
    assert maintained(spark, mine) == []
    assert commits(root) == made

    # What was published stands, and its rejected rows are found.
    assert [rejected(store, run.run_id) for run in (nights.runs[1], nights.runs[5])] == before
    assert rejected(store, fold.batch_id) == [row for row in before[1] if row["run_id"] != last.batch_id]
    again = run_tiny(spark, mine, NIGHTS[5])
    assert (again.repeated, again.run_id) == (True, nights.runs[5].run_id)
    # Rows of March and of two nights ago came after the runs of these dates.
    late = [NIGHTS[1], NIGHTS[4]]
    assert late_dates(spark, mine, NIGHTS[5]) == late_dates(spark, plain, NIGHTS[5]) == late
    with pytest.raises(LakeError, match=r"orders of run 2024-03-31-.* can't be told from later ones any more"):
        of_run(spark, store.location, "orders", nights.runs[1].run_id)

    # And the next night, with rows that belong to folded ones, is the same to the row and the cent.
    night(spark, nights.source, 6)
    theirs, ours = run_tiny(spark, plain, NIGHTS[6]), run_tiny(spark, mine, NIGHTS[6], verify=True)
    assert (ours.run_id, ours.warnings) == (theirs.run_id, theirs.warnings)
    for name, table in tables().items():
        if table.kind == "run" and name not in ("rejects", "run_steps") and store.exists(name):
            left, right = (rows_of(of_run(spark, one.location, name, ours.run_id)) for one in (store, other))
            assert left == right, name
    left, right = (rows_of(current(spark, one.location, "orders")) for one in (store, other))
    assert left == right
    row, twin = (one.rows("runs", run_id=ours.run_id)[0] for one in (store, other))
    assert [row[name] for name in ("rows", "money", "source_fingerprints")] == [
        twin[name] for name in ("rows", "money", "source_fingerprints")
    ]
    assert day_sums(store) == day_sums(other)
    mine_new, their_new = (known(one).last for one in (store, other))
    assert mine_new is not None
    assert their_new is not None
    assert (mine_new.number, mine_new.kind, mine_new.rows, mine_new.money, mine_new.days) == (
        8, their_new.kind, their_new.rows, their_new.money, their_new.days,
    )  # fmt: skip
    assert without_numbers(rejected(store, ours.run_id)) == without_numbers(rejected(other, ours.run_id))
    assert len(rejected(store, ours.run_id)) == 4
    assert new_in(store, ours.run_id) == [ours.run_id, mine_new.batch_id]
    # It was carried: the run before is one whose batches are known.
    run = next(one for one in Ledger(store).complete() if one.run_id == nights.runs[5].run_id)
    seen = known(store).until(run.inputs[LAST_BATCH])
    assert seen is not None
    assert seen.ids == [fold.batch_id, last.batch_id]
    # Nothing is due before there are enough again.
    assert maintained(spark, mine) == []
    kept = current(spark, store.location, "measures").where("customer_id = 'c20'").select("frequency", "monetary")
    assert [tuple(one) for one in kept.collect()] == [(1, Decimal("2.00"))]
