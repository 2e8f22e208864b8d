"""`rfm-spark check`: everything that can be wrong before a run, at once, without writing."""

from __future__ import annotations

import argparse
import json

from pyspark.sql import Observation, SparkSession

from rfm_spark.behaviour.history import GAP_SHARES, history
from rfm_spark.cli import clock
from rfm_spark.cli.places import config_of, session
from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError, RfmSparkError
from rfm_spark.core.session import session_settings
from rfm_spark.intake.gates import breaches
from rfm_spark.intake.lines import LineCounts, accepted_until, line_counts, observed, typed_lines
from rfm_spark.intake.orders import build_orders
from rfm_spark.lake.sources import pin
from rfm_spark.segments.lint import lint
from rfm_spark.segments.load import checked_rule_map, rule_params


def check_command(options: argparse.Namespace) -> int:
    """Print what was found, or every problem."""
    if options.schema:
        print(json.dumps(Config.model_json_schema(by_alias=True), indent=2))
        return 0
    if options.config is None:
        raise ConfigError("check", ["needs -c CONF (or --schema)"])
    config = config_of(options)
    problems = []
    try:
        rule_map = checked_rule_map(config)
    except RfmSparkError as error:
        problems.append(str(error))
    try:
        found = _look_at_source(session(options), config)
    except RfmSparkError as error:
        problems.append(str(error))
    if problems:
        raise ConfigError(options.config, problems) if len(problems) > 1 else ConfigError("check", problems)
    for line in found:
        print(line)
    report = lint(rule_map, config.rfm.scoring.bins, rule_params(config))
    print(f"rule map {rule_map.name}: {len(rule_map.segments)} rules, {len(report.unreachable)} unreachable")
    print(f"{options.config} is ready: rfm-spark run -c {options.config}")
    return 0


def _look_at_source(spark: SparkSession, config: Config) -> list[str]:
    source = config.sources.transactions
    with session_settings(spark, {"spark.sql.session.timeZone": config.timezone}):
        pinned = pin(None, spark, config)
        as_of = clock.today(config.timezone)
        seen = Observation()
        lines = typed_lines(pinned.frame, source)
        used = accepted_until(observed(lines, seen, as_of), as_of)
        past = history(build_orders(used, source.order_grain))
        counts = line_counts(seen)
    rejected = ", ".join(f"{reason} {n:,}" for reason, n in counts.rejected.items()) or "none"
    found = [
        f"transactions: {counts.read:,} rows, rejected: {rejected}",
        f"history: {past.orders:,} purchases of {past.customers:,} customers, {past.first} to {past.last}; "
        f"{past.repeaters:,} bought on more than one day",
    ]
    if past.gap_days:
        gaps = ", ".join(f"{share:.0%}: {days}" for share, days in zip(GAP_SHARES, past.gap_days, strict=True))
        found.append(f"days between purchases of a customer: {gaps}")
        window = past.suggested_window
        found.append(
            f"suggested rfm.window_days: {window or 'null (all history)'} (now {config.rfm.window_days or 'null'})"
        )
    return [*found, *_warnings(config, counts)]


def _warnings(config: Config, counts: LineCounts) -> list[str]:
    as_of = clock.yesterday(config.timezone)
    return [f"warning: a run as of {as_of} would stop: {breach}" for breach in breaches(counts, config.quality, as_of)]
