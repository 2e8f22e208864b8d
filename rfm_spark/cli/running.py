"""`rfm-spark run`: one run or a backfill."""

from __future__ import annotations

import argparse
import sys
from datetime import date

from pyspark.sql import SparkSession

from rfm_spark.cli import clock
from rfm_spark.cli.console import StageLines
from rfm_spark.cli.places import config_of, session
from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError
from rfm_spark.pipeline import Outcome, backfill_dates, outdated_successor, run
from rfm_spark.segments.load import checked_rule_map


def run_command(options: argparse.Namespace) -> int:
    """Run each as-of date, oldest first; stop at the first that fails."""
    config = config_of(options)
    checked_rule_map(config)
    dates = _dates(options, config)
    spark = session(options)
    codes = [run_once(spark, config, as_of, force=options.force).exit_code for as_of in dates]
    later = outdated_successor(spark, config, dates[-1])
    if later is not None:
        print(f"{later} was compared with an older run; its changes are made anew", file=sys.stderr)
        codes.append(run_once(spark, config, later).exit_code)
    return max(codes)


def run_once(spark: SparkSession, config: Config, as_of: date, *, force: bool = False) -> Outcome:
    """One run with its progress and warnings on the terminal."""
    lines = StageLines()
    print(f"{config.name} as of {as_of}", file=sys.stderr, flush=True)
    try:
        outcome = run(spark, config, as_of, clock=clock.now, progress=lines, force=force)
    finally:
        lines.stop()
    for warning in outcome.warnings:
        print(f"  warning: {warning}", file=sys.stderr)
    if outcome.repeated:
        print(f"{outcome.run_id} is complete already; nothing to do (--force publishes it again)", flush=True)
    else:
        print(f"{outcome.run_id} published", flush=True)
    return outcome


def _dates(options: argparse.Namespace, config: Config) -> list[date]:
    backfill = (options.start, options.end)
    if options.as_of is not None and any(backfill):
        raise ConfigError("run", ["give --as-of, or --from and --to"])
    if any(backfill):
        if None in backfill:
            raise ConfigError("run", ["--from and --to go together"])
        return backfill_dates(options.start, options.end, options.every or "1mo")
    if options.every is not None:
        raise ConfigError("run", ["--every goes with --from and --to"])
    return [options.as_of or clock.yesterday(config.timezone)]
