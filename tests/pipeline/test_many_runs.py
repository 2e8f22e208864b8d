"""A start in a lake with thousands of runs reads what is long of a few of them, and gives what it gave before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from rfm_spark.core.batches import fingerprint_of
from rfm_spark.core.schemas import RUNS, tables
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import late_dates, look_at_plan
from tests.helpers import AS_OF, config_for, purchases, rows_of, run_tiny, write_source

MAY = date(2024, 5, 31)
PAST = 3000
LONG = {"config", "schemas", "rows", "steps", "warnings"}


class Watched:
    """Counts the rows of the ledger of which something long was read."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.long: set[str] = set()
        rows = Store.rows

        def seen(store: Store, name: str, *, columns: Sequence[str] | None = None, **where: Any) -> Any:
            found = rows(store, name, columns=columns, **where)
            if name == RUNS.name and (columns is None or LONG & set(columns)):
                self.long |= {row["run_id"] for row in found}
            return found

        patch.setattr(Store, "rows", seen)


def grown(store: Store) -> None:
    """Runs of thousands of days before there were orders, whose long columns nobody can read."""
    (real,) = store.rows(RUNS.name)
    days = [date(2023, 1, 1) - timedelta(days=at) for at in range(PAST)]
    past = [
        {
            **real, "run_id": f"{day}-0000{at:04x}", "as_of_date": day, "config": "not to be read",
            "schemas": {"transactions": "not to be read"},
            "source_fingerprints": {"transactions": fingerprint_of({}, day)},
            "finished_at": real["finished_at"] - timedelta(days=1 + at),
        }
        for at, day in enumerate(days)
    ]  # fmt: skip
    assert store.insert_new(RUNS, past, keys=("run_id",)) == PAST


def test_a_start_among_thousands_of_runs_reads_what_is_long_of_a_few(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_source(spark, tmp_path / "source", purchases())
    calm, full = (
        config_for(tmp_path, lake={"root": str(tmp_path / name)}, quality={"max_staleness_days": None})
        for name in ("calm", "full")
    )
    first = [run_tiny(spark, config, MAY).run_id for config in (calm, full)]
    store = Store(spark, LakeLocation.of(full))
    grown(store)
    write_source(spark, tmp_path / "source", [("late", "o-late", datetime(2024, 5, 20, 9), "77.00")], mode="append")
    watched = Watched(monkeypatch)
    outcomes = [run_tiny(spark, config) for config in (calm, full)]
    assert watched.long == set(first)
    assert first[0] == first[1]
    assert outcomes[0] == outcomes[1]
    assert any("2024-05-31" in warning for warning in outcomes[1].warnings)
    for name, table in tables().items():
        if table.kind == "run" and name != "run_steps" and store.exists(name):
            mine, theirs = (
                rows_of(of_run(spark, LakeLocation.of(config), name, outcomes[0].run_id)) for config in (full, calm)
            )
            assert mine == theirs, name
    # Neither a look, nor a start with nothing to do, nor a question for late rows.
    watched.long.clear()
    assert look_at_plan(spark, full, AS_OF).is_done
    assert run_tiny(spark, full).repeated
    assert late_dates(spark, full, AS_OF) == [MAY]
    assert watched.long <= {first[0], outcomes[0].run_id}
