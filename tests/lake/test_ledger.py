"""The ledger is read by what is asked: of ten years of runs only what is short, of a few what is long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rfm_spark.capabilities.purchases.batches import OrderDays
from rfm_spark.core.batches import Batch, Batches, Day, day_number, fingerprints_of
from rfm_spark.core.config import Config
from rfm_spark.core.digests import digest
from rfm_spark.core.errors import LakeError
from rfm_spark.core.runs import current_runs, place_hash, previous_of
from rfm_spark.core.schemas import RUNS
from rfm_spark.core.table import Table
from rfm_spark.lake.ledger import Ledger
from rfm_spark.pipeline.absences import absences
from rfm_spark.pipeline.inputs import last_with
from tests.helpers import COLUMNS, config_for

DAYS = 3650
NOWHERE = Path("/nowhere")
FIRST = date(2015, 1, 1)
LONG = {"config", "schemas", "rows"}


class Stored(NamedTuple):
    """A configuration as the ledger has it, and the hash of the place of its transactions."""

    config: str
    place: str


class Shelf:
    """The ledger in memory; remembers of which runs something long was read."""

    location = "nowhere"

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.table = [{**dict.fromkeys(RUNS.names), **row} for row in rows]
        self.read_long: list[str] = []
        self.calls = 0

    def rows(self, name: str, *, columns: Sequence[str], **where: Any) -> list[dict[str, Any]]:
        assert name == "runs"
        wanted = {key: value if isinstance(value, list) else [value] for key, value in where.items()}
        self.calls += all(wanted.values())
        found = [row for row in self.table if all(row[key] in values for key, values in wanted.items())]
        if LONG & set(columns):
            self.read_long += [row["run_id"] for row in found]
        return [{column: row[column] for column in columns} for row in found]

    def insert_new(self, table: Table, rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> int:
        assert (table.name, tuple(keys)) == ("runs", ("run_id",))
        there = {row["run_id"] for row in self.table}
        new = [{**dict.fromkeys(RUNS.names), **row} for row in rows if row["run_id"] not in there]
        self.table += new
        return len(new)


def ledger_of(rows: Sequence[Mapping[str, Any]]) -> tuple[Ledger, Shelf]:
    shelf = Shelf(rows)
    store: Any = shelf
    return Ledger(store), shelf


def config_at(path: str, **more: Any) -> Config:
    source = {"path": path, "format": "csv", "columns": COLUMNS}
    return config_for(NOWHERE, sources={"transactions": source, **more})


def stored(config: Config) -> Stored:
    place = config.document()["sources"]["transactions"]
    where = {name: place.get(name) for name in ("table", "path", "format", "options")}
    return Stored(config.canonical(), place_hash(where))


def row(at: int, given: Stored, **changes: Any) -> dict[str, Any]:
    """A run of the day `at`, as this version writes it."""
    day = FIRST + timedelta(days=at)
    return {
        "run_id": f"{day}-{at:08x}", "as_of_date": day, "config_name": "tiny", "config": given.config,
        "config_hash": digest(given.config), "code_version": "0.1.0", "exit_code": 0,
        "finished_at": datetime(2015, 1, 2, tzinfo=timezone.utc) + timedelta(days=at),
        "previous_run_id": f"{day - timedelta(days=1)}-{at - 1:08x}" if at else None,
        "inputs": {"transactions": f"files:{at}"}, "schemas": {"transactions": f'{{"c{at}": "string"}}'},
        "places": {"transactions": given.place}, "stages": [], "rows": {"customers": at}, **changes,
    }  # fmt: skip


def older(at: int, given: Stored, **changes: Any) -> dict[str, Any]:
    """The same as an older version wrote it."""
    return row(at, given, **{"places": None, "stages": None, **changes})


def test_of_all_runs_only_what_is_short_is_read_and_of_a_few_the_rest_at_once() -> None:
    config = stored(config_at("/in/lines.csv"))
    ledger, shelf = ledger_of([row(at, config) for at in range(DAYS)])
    complete = ledger.complete("tiny")
    assert (len(complete), shelf.read_long) == (DAYS, [])
    current = current_runs(complete, "tiny")
    before = previous_of(current, FIRST + timedelta(days=DAYS))
    assert before == complete[-1]
    details = ledger.details([complete[-1].run_id, complete[7].run_id])
    assert [details[run.run_id].rows["customers"] for run in (complete[-1], complete[7])] == [DAYS - 1, 7]
    assert (details[complete[7].run_id].config, shelf.calls) == (config.config, 2)
    # What is known is not read again.
    ledger.details([complete[7].run_id])
    assert ledger.configs(complete)[complete[0].run_id] == config.config
    assert shelf.calls == 2


def test_runs_come_oldest_date_first_and_the_newest_of_a_date_last() -> None:
    config = stored(config_at("/in/lines.csv"))
    moment = datetime(2020, 1, 1, tzinfo=timezone.utc)
    rows = [
        row(3, config, run_id="d-2", finished_at=moment), row(3, config, run_id="d", finished_at=moment),
        row(3, config, run_id="e", finished_at=moment - timedelta(days=1)), row(1, config, run_id="f"),
        row(2, config, run_id="g", config_name="other"),
    ]  # fmt: skip
    ledger, _ = ledger_of(rows)
    assert [run.run_id for run in ledger.complete()] == ["f", "g", "e", "d", "d-2"]
    assert [run.run_id for run in ledger.complete("other")] == ["g"]
    assert [run.run_id for run in ledger.named("g", "nobody's")] == ["g"]


@pytest.mark.parametrize("write", [row, older])
def test_the_last_run_with_a_source_at_its_place_is_found_without_reading_others(write: Any) -> None:
    config, elsewhere = config_at("/in/lines.csv"), config_at("/in/other.csv")
    mine = stored(config)
    rows = [write(at, mine) for at in range(DAYS - 1)] + [write(DAYS, stored(elsewhere))]
    ledger, shelf = ledger_of(rows)
    last = last_with(ledger, config, ledger.complete("tiny"))
    assert last["transactions"].run_id == rows[-2]["run_id"]
    assert last["transactions"].schemas == {"transactions": f'{{"c{DAYS - 2}": "string"}}'}
    # One of each configuration where places were not noted.
    assert len(set(shelf.read_long)) <= 2
    assert last_with(ledger, config_at("/in/new.csv"), ledger.complete("tiny")) == {}


def test_a_path_that_is_another_every_night_costs_no_more() -> None:
    rows = [row(at, stored(config_at(f"/in/{at}.csv"))) for at in range(20)]
    ledger, shelf = ledger_of(rows)
    complete = ledger.complete("tiny")
    assert last_with(ledger, config_at("/in/20.csv"), complete) == {}
    assert absences(complete, config_at("/in/20.csv"), ledger.configs) == []
    assert shelf.read_long == []
    assert last_with(ledger, config_at("/in/9.csv"), complete)["transactions"].run_id == rows[9]["run_id"]


@pytest.mark.parametrize("write", [row, older])
def test_a_stage_that_was_switched_off_is_told_with_the_last_run_that_had_it(write: Any) -> None:
    without = config_at("/in/lines.csv")
    source = {"path": "/in/lines.csv", "format": "csv", "columns": COLUMNS}
    having = config_for(NOWHERE, clusters={"enabled": True, "k": 3}, sources={"transactions": source})
    on, (then, now) = {} if write is older else {"stages": ["clusters"]}, map(stored, (having, without))
    rows = [write(at, then, **on) if at < 5 else write(at, now) for at in range(DAYS)]
    ledger, shelf = ledger_of(rows)
    told = absences(ledger.complete("tiny"), without, ledger.configs)
    assert [one for one in told if "clusters" in one] == [
        f"the stage clusters is off: the last run with it is {rows[4]['run_id']}, as of 2015-01-05; "
        "columns and tables that come of it are empty since"
    ]
    assert len(set(shelf.read_long)) <= 2


def test_a_run_is_published_once_and_an_id_that_is_taken_is_an_error() -> None:
    ledger, shelf = ledger_of([])
    mine = row(1, stored(config_at("/in/lines.csv")))
    ledger.publish(mine)
    ledger.publish({**mine, "warnings": ["another attempt"]})
    assert len(shelf.table) == 1
    # What was taken in tells which rows they are, not the version of the source.
    ledger.publish({**mine, "inputs": {"transactions": "files:2", "transactions.batches": "x"}}, {"transactions"})
    for name, value in (("config_hash", "f"), ("config_name", "other"), ("inputs", {}), ("previous_run_id", "x")):
        with pytest.raises(LakeError, match=rf"is taken by a run of 'tiny' as of 2015-01-02 that differs in {name};"):
            ledger.publish({**mine, name: value})


def test_a_run_whose_rows_were_dropped_is_known_and_says_so() -> None:
    config = stored(config_at("/in/lines.csv"))
    gone = datetime(2024, 7, 1, tzinfo=timezone.utc)
    ledger, _ = ledger_of([row(1, config, retired_at=gone), row(2, config)])
    first, second = ledger.complete()
    assert (first.has_rows, second.has_rows, second.retirement) == (False, True, "")
    assert f"the rows of run {first.run_id} were dropped on 2024-07-01" in first.retirement
    assert ledger.details([first.run_id])[first.run_id].retirement == first.retirement


def test_late_rows_are_told_for_ten_years_by_the_configurations_of_the_dates_that_they_touch() -> None:
    days = {day_number(FIRST) + at: Day(1, 100, 0, at + 1, 7) for at in range(DAYS)}
    batch = Batch("r", 1, "00001-00000000", "transactions", None, "v", "append", days=days)
    taken, mine = OrderDays(batches=Batches((batch,))), config_at("/in/lines.csv")
    others = config_for(NOWHERE, sources={"transactions": {"path": "/in/lines.csv", "format": "csv",
                        "columns": {**COLUMNS, "currency": "code"}}})  # fmt: skip
    prints = [taken.batches.fingerprint(FIRST + timedelta(days=at)) for at in (0, 1, 2)]
    assert len(set(prints)) == 3
    right = fingerprints_of(days, [FIRST + timedelta(days=at) for at in range(DAYS)])
    assert list(right.values())[:3] == prints
    present, other = stored(mine), stored(others)
    rows = [
        row(at, other if at == 5 else present, source_fingerprints={"transactions": known})
        for at, known in enumerate(right.values())
    ]
    for at, known in ((3, prints[0]), (5, prints[1]), (8, prints[2]), (9, "2:of-another-edition")):
        rows[at]["source_fingerprints"] = {"transactions": known}
    ledger, shelf = ledger_of(rows)
    earlier = current_runs(ledger.complete("tiny"), "tiny")
    # The sixth was read otherwise, and of the tenth nobody can tell.
    touched = taken.touched(earlier, mine.canonical(), ledger.configs)
    assert [(day - FIRST).days for day in touched] == [3, 8]
    assert set(shelf.read_long) <= {rows[at]["run_id"] for at in (3, 5, 8)}
