"""`runs`, `show` and `report`: commands that read a lake."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.cli import console
from rfm_spark.cli.places import config_of, place_of, run_of, session
from rfm_spark.core.columns import CUSTOMERS
from rfm_spark.core.config import DisplayConfig
from rfm_spark.core.derived import derived
from rfm_spark.core.errors import ConfigError, EnvironmentSetupError, LakeError
from rfm_spark.core.renames import in_todays_sql
from rfm_spark.core.schemas import RUNS, tables
from rfm_spark.core.table import ALL
from rfm_spark.lake.history import NAME as HISTORY
from rfm_spark.lake.history import segment_history
from rfm_spark.lake.location import LOCAL, LakeLocation
from rfm_spark.lake.readers import current, of_run

_SHORT = 20
_RUN_COLUMNS = (
    "run_id",
    "config_name",
    "as_of_date",
    "previous_run_id",
    "finished_at",
    "exit_code",
    "status",
    "drift_verdict",
    "retired_at",
    "warnings",
)


def runs_command(options: argparse.Namespace) -> int:
    """List complete runs, oldest as-of date first."""
    location, name = place_of(options)
    spark = session(options)
    runs = current(spark, location, RUNS.name)
    if name is not None:
        runs = runs.where(runs["config_name"] == name)
    order = [F.col(key) for key in ("config_name", "as_of_date", "finished_at")]
    if options.timings:
        # Runs of versions that did not note their steps have one line, without a step.
        each = runs.select("run_id", *order, F.posexplode_outer("steps").alias("at", "one"))
        frame = each.orderBy(*order, "at").select("run_id", "one.*")
    else:
        frame = runs.select(*_RUN_COLUMNS).orderBy(*order)
    console.rows(frame, options.format)
    return 0


def show_command(options: argparse.Namespace) -> int:
    """Print rows of a table, of the newest complete run or of the one named."""
    there = sorted({*tables(), *derived(), HISTORY})
    if options.table not in there:
        raise ConfigError("show", [f"no table {options.table}; there are {', '.join(there)}"])
    location, name = place_of(options)
    spark = session(options)
    if options.table == HISTORY:
        if options.run is not None:
            raise ConfigError("show", [f"{HISTORY} spans all runs; leave --run out, and use --where \"run_id = '…'\""])
        frame = segment_history(spark, location, name)
    elif options.run is not None:
        # Rejects of a run that failed its gate are there though the run is not.
        frame = of_run(spark, location, options.table, options.run)
    else:
        frame = current(spark, location, options.table, name)
    if options.where is not None:
        renames = tables()[CUSTOMERS if options.table == HISTORY else options.table].renames
        condition, notices = in_todays_sql(options.where, renames)
        for notice in notices:
            print(f"note: --where: {notice}", file=sys.stderr)
        frame = _filtered(frame, condition)
    limit = options.limit or (_SHORT if options.format == "table" else None)
    if limit is not None:
        # Sorted, so that the same question gets the same rows.
        sortable = [c for c, kind in frame.dtypes if kind in ("string", "date", "int", "bigint", "timestamp")]
        frame = frame.orderBy(*sortable[:4]).limit(limit)
    console.rows(frame, options.format)
    return 0


def report_command(options: argparse.Namespace) -> int:
    """Write the HTML report of a run, and say where it is."""
    location, name = place_of(options)
    display = config_of(options).display if options.config is not None else DisplayConfig()
    spark = session(options)
    run = run_of(spark, location, name, options.run)
    scope = getattr(options, "scope", None) or ALL
    output = Path(options.output) if options.output else report_path(location, run.run_id, scope)
    try:
        from rfm_spark.report.build import build_report
        from rfm_spark.report.collect import collect
    except ImportError as error:
        raise EnvironmentSetupError(
            f"the report needs {error.name}; install it with pip install 'rfm-spark[report]'"
        ) from error
    html = build_report(collect(spark, location, run, scope), display)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        partial = output.with_name(f".{output.name}.part")
        partial.write_text(html, encoding="utf-8")
        partial.replace(output)
    except OSError as error:
        raise LakeError(f"report {output}: can't be written ({error.strerror}); choose another place with -o") from None
    print(output)
    return 0


def report_path(location: LakeLocation, run_id: str, scope: str = ALL) -> Path:
    """Where a report goes when nobody says: beside a local lake's tables, else the working directory."""
    of_scope = "" if scope == ALL else f"-{re.sub(r'[^A-Za-z0-9]+', '-', scope).strip('-')}"
    name = f"rfm-report-{run_id}{of_scope}.html"
    if location.root is not None and LOCAL.match(location.root):
        return Path(location.root.removeprefix("file://").removeprefix("file:")) / "reports" / name
    return Path(name)


def _filtered(frame: DataFrame, where: str) -> DataFrame:
    try:
        filtered = frame.where(where)
        # Over Connect a condition is analysed only when the plan's columns are asked for.
        return filtered.select(*filtered.columns)
    except PySparkException as error:
        first = str(error).splitlines()[0]
        problem = f"{where!r} is not a condition on {', '.join(frame.columns)} ({first})"
        raise ConfigError("--where", [problem]) from error
