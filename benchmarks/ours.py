"""This project's runs through its command line, each stage in a process of its own, as a nightly job has it."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from deltalake import DeltaTable, write_deltalake

from benchmarks.generate import NIGHT
from benchmarks.in_memory import window
from benchmarks.job import COLUMNS, WINDOW_DAYS, Job, copied, warm_session
from benchmarks.measure import Result, Timing, on_disk, timed

INTAKE_AND_MEASURES = ("New lines", "Measures of every customer")
"""Titles of the steps, in `runs.steps`, that read lines and measure customers."""

NEXT_DATE, FULL_DATE, CORRECTED = (NIGHT + timedelta(days=days) for days in (1, 2, 3))
"""As-of dates after the night: nothing new, the same with everyone measured, and prices that were corrected."""
BACKFILL = (date(2025, 9, 30), date(2025, 10, 31), date(2025, 12, 31))
"""First as-of date of a backfill, the next one, and the last."""
FURTHER_MONTHS = 3
WRONG_PRICES = "order_ts >= '2025-12-15T00:00:00Z' AND order_ts < '2025-12-16T00:00:00Z' AND product_id < 'P00100'"
"""Lines of one day, of the hundred products that sell best."""

Settings = Mapping[str, Any]
PLAIN: Settings = {"clusters": {"enabled": False}}
STAGED: Settings = {**PLAIN, "lifecycle": {"enabled": True}, "cohorts": {"enabled": True}}
SCOPES = 5
SCOPED: Settings = {**PLAIN, "rfm": {"window_days": WINDOW_DAYS, "scope": ["market"]}}
CLUSTERED: Settings = {"clusters": {"enabled": True, "k": "auto", "k_range": [2, 10]}}


def copy_source(job: Job) -> list[Timing]:
    """A copy of the table that a night can be appended to."""
    copied(job.table, job.source)
    return []


def write_records(job: Job) -> list[Timing]:
    """A record per customer, who are spread evenly over SCOPES markets."""
    every = DeltaTable(str(job.table)).to_pyarrow_table(columns=["customer_id"])["customer_id"].unique()
    markets = pa.array([f"market {number % SCOPES}" for number in range(len(every))])
    write_deltalake(str(job.records), pa.table({"customer_id": every, "market": markets}))
    return []


def append_night(job: Job) -> list[Timing]:
    """The rows of the night, in a commit of their own."""
    rows = pq.read_table(job.night)
    stamp = rows.schema.get_field_index("order_ts")
    moments = rows["order_ts"].cast(pa.timestamp("us", "UTC"))
    write_deltalake(str(job.source), rows.set_column(stamp, "order_ts", moments), mode="append")
    return []


def correct_prices(job: Job) -> list[Timing]:
    """A few prices of a day two weeks ago are a tenth lower."""
    changed = DeltaTable(str(job.source)).update(
        updates={"amount": "CAST(amount * 0.9 AS DECIMAL(12, 2))"}, predicate=WRONG_PRICES
    )
    if not changed["num_updated_rows"]:
        raise SystemExit(f"no row to correct: none fits {WRONG_PRICES}")
    return []


def run(name: str, as_of: date, config: Settings = PLAIN, of: str | None = None) -> Callable[[Job], list[Timing]]:
    """A stage: one run.

    Args:
        name: of the row in the table.
        as_of: its date.
        config: what is special in the configuration.
        of: what else shapes the result, such as a night's rows; results of the same date have to be equal then.
    """
    definition = window(as_of) + ("" if of is None else f", {of}")
    return lambda job: [_with_facts(_timed_run(name, as_of, config, job), job, definition)]


def run_in_full(name: str, as_of: date) -> Callable[[Job], list[Timing]]:
    """A stage: one run that measures everyone anew."""

    def work(job: Job) -> list[Timing]:
        timing = _timed_run(name, as_of, PLAIN, job, *_in_full())
        return [_with_facts(timing, job, f"{window(as_of)}, everyone measured")]

    return work


def compare_runs(name: str) -> Callable[[Job], list[Timing]]:
    """A stage: every move between the last two runs, with its cause."""

    def work(job: Job) -> list[Timing]:
        config = _prepared(job, PLAIN)
        return [timed(name, lambda: _done("compare", "runs", "-c", config))]

    return work


def backfill(first_month: str, further_month: str) -> Callable[[Job], list[Timing]]:
    """A stage: the first of several months, and the mean of the further ones in the same process."""

    def work(job: Job) -> list[Timing]:
        config = _prepared(job, PLAIN)
        start, second, last = (day.isoformat() for day in BACKFILL)
        first = timed(first_month, lambda: _done("run", "-c", config, "--as-of", start))
        dates = ("--from", second, "--to", last, "--every", "1mo")
        further = timed(further_month, lambda: _done("run", "-c", config, *dates))
        each = {
            name: round(getattr(further, name) / FURTHER_MONTHS, 3)
            for name in ("seconds", "cpu_seconds", "read_mb", "written_mb")
            if getattr(further, name) is not None
        }
        shared = _with_facts(dataclasses.replace(further, **each), job, window(BACKFILL[-1]))
        return [first, shared]

    return work


def _timed_run(name: str, as_of: date, config: Settings, job: Job, *words: str) -> Timing:
    file = _prepared(job, config)
    return timed(name, lambda: _done("run", "-c", file, "--as-of", as_of.isoformat(), *words))


def _prepared(job: Job, config: Settings) -> str:
    """A session, and the configuration's file."""
    warm_session("rfm-spark", job)
    file = job.scratch / "bench.yml"
    file.write_text(yaml.safe_dump({**_base(job), **config}), encoding="utf-8")
    return str(file)


def _base(job: Job) -> dict[str, object]:
    columns = {name: name for name in COLUMNS}
    sources: dict[str, object] = {"transactions": {"path": str(job.source), "format": "delta", "columns": columns}}
    if job.records.exists():
        sources["customers"] = {
            "path": str(job.records), "format": "delta", "columns": {"customer_id": "customer_id"},
            "attributes": {"market": "market"},
        }  # fmt: skip
    return {
        "name": "bench",
        "lake": {"root": str(job.lake)},
        "sources": sources,
        "rfm": {"window_days": WINDOW_DAYS},
        "quality": {"max_staleness_days": None},
    }


def _with_facts(timing: Timing, job: Job, definition: str) -> Timing:
    """The timing with the steps of the newest run, what it found, and what the lake takes now."""
    runs = DeltaTable(str(job.lake / "runs")).to_pyarrow_table(columns=["run_id", "finished_at", "steps"])
    newest = max(runs.to_pylist(), key=lambda row: row["finished_at"])
    summary = DeltaTable(str(job.lake / "segment_summary")).to_pyarrow_table(
        filters=[("run_id", "=", newest["run_id"])]
    )
    every = summary.to_pylist()
    rows = [row for row in every if row["scope"] == "all"]
    is_parted = len(rows) < len(every)
    money = sum((row["revenue"] for row in rows), Decimal(0))
    counts = {
        row["segment"]: row["customers"] for row in sorted(rows, key=lambda row: row["segment"]) if row["customers"]
    }
    size, files = on_disk(job.lake)
    return dataclasses.replace(
        timing,
        lake_mb=size,
        lake_files=files,
        steps={step["step"]: step["seconds"] for step in newest["steps"] or ()},
        result=Result(definition, sum(counts.values()), str(money), None if is_parted else counts),
    )


def _in_full() -> list[str]:
    """The option that measures everyone, where runs can carry measures at all."""
    from rfm_spark.cli.parser import build_parser

    _, unknown = build_parser().parse_known_args(["run", "-c", "any.yml", "--full"])
    return [] if unknown else ["--full"]


def _done(*words: str) -> None:
    from rfm_spark.cli.main import main

    with contextlib.redirect_stdout(sys.stderr):
        code = main(list(words))
    if code != 0:
        raise SystemExit(f"rfm-spark {' '.join(words)} ended with {code}")
