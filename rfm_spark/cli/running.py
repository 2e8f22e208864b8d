"""`rfm-spark run`: one run or a backfill."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

from rfm_spark.cli import clock
from rfm_spark.cli.check import must_be_usable
from rfm_spark.cli.console import StageLines
from rfm_spark.cli.places import config_of, session
from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError

if TYPE_CHECKING:
    from rfm_spark.pipeline import Outcome


def run_command(options: argparse.Namespace) -> int:
    """Run each as-of date, oldest first; stop at the first that fails."""
    if options.cascade and not options.force:
        raise ConfigError("run", ["--cascade goes with --force"])
    config = config_of(options)
    must_be_usable(config)
    dates = _dates(options, config)
    spark = session(options, "rfm_spark.pipeline")
    if options.plan:
        return _show_plans(spark, config, dates, options)
    # Here, since numerical libraries take as long to import as Java takes to start: `session` does both at once.
    from rfm_spark.pipeline import late_dates, outdated_dates

    asked = tuple(dates)
    if options.restate:
        # Dates of a backfill are looked at one by one anyway.
        late = [day for day in late_dates(spark, config, dates[-1]) if day not in dates]
        print(f"late rows touch {len(late)} published as-of dates", file=sys.stderr)
        dates = sorted([*late, *dates])
    codes = []
    while dates:
        as_of = dates.pop(0)
        mine = as_of in asked
        outcome = run_once(
            spark,
            config,
            as_of,
            force=options.force and mine,
            refit=options.refit and mine,
            full=options.full,
            verify=options.verify,
            fail_on=options.fail_on,
        )
        codes.append(outcome.exit_code)
        later = outdated_dates(spark, config, as_of)
        if not later or later[0] in dates:
            continue
        if options.force and mine and not options.cascade:
            print(_left_alone(later), file=sys.stderr)
            continue
        print(f"{later[0]} was compared with an older run; its changes are made anew", file=sys.stderr)
        dates = sorted([later[0], *dates])
    return max(codes)


def _show_plans(spark: SparkSession, config: Config, dates: Sequence[date], options: argparse.Namespace) -> int:
    from rfm_spark.cli.planning import print_plan
    from rfm_spark.pipeline import look_at_plan

    for as_of in dates:
        plan = look_at_plan(spark, config, as_of, force=options.force, refit=options.refit)
        print_plan(config.name, as_of, plan, options.format)
    return 0


def _left_alone(later: Sequence[date]) -> str:
    shown = ", ".join(day.isoformat() for day in later[:6]) + (", …" if len(later) > 6 else "")
    dates = "1 later as-of date is" if len(later) == 1 else f"{len(later)} later as-of dates are"
    return f"{dates} compared with what this run supersedes ({shown}); --cascade makes them anew"


def run_once(
    spark: SparkSession,
    config: Config,
    as_of: date,
    *,
    force: bool = False,
    refit: bool = False,
    full: bool = False,
    verify: bool = False,
    fail_on: str | None = None,
) -> Outcome:
    """One run with its progress and warnings on the terminal."""
    from rfm_spark.pipeline import run

    lines = StageLines()
    print(f"{config.name} as of {as_of}", file=sys.stderr, flush=True)
    try:
        outcome = run(
            spark, config, as_of, clock=clock.now, progress=lines, force=force, refit=refit, full=full, verify=verify,
            fail_on=fail_on,
        )  # fmt: skip
    finally:
        lines.stop()
    for warning in outcome.warnings:
        print(f"  warning: {warning}", file=sys.stderr)
    if outcome.repeated and outcome.warnings:
        print(f"{outcome.run_id} stands; nothing to do (--force publishes it again)", flush=True)
    elif outcome.repeated:
        print(f"{outcome.run_id} is complete already; nothing to do (--force publishes it again)", flush=True)
    else:
        for line in outcome.account:
            print(f"  {line}", file=sys.stderr)
        if outcome.verdict:
            print(f"  drift: {outcome.verdict}", file=sys.stderr)
        print(f"{outcome.run_id} published{'' if outcome.status == 'ok' else f' ({outcome.status})'}", flush=True)
    return outcome


def _dates(options: argparse.Namespace, config: Config) -> list[date]:
    backfill = (options.start, options.end)
    if options.as_of is not None and any(backfill):
        raise ConfigError("run", ["give --as-of, or --from and --to"])
    if any(backfill):
        if None in backfill:
            raise ConfigError("run", ["--from and --to go together"])
        from rfm_spark.core.backfill import backfill_dates

        return backfill_dates(options.start, options.end, options.every or "1mo")
    if options.every is not None:
        raise ConfigError("run", ["--every goes with --from and --to"])
    return [options.as_of or clock.yesterday(config.timezone)]
