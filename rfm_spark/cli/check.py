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
from rfm_spark.core.quality import QualityConfig
from rfm_spark.core.session import session_settings
from rfm_spark.intake.counts import LineCounts, counted_apart, line_counts, observed
from rfm_spark.intake.gates import Buyers, findings, mixed_currencies
from rfm_spark.intake.lines import Intake, accepted_until, currency_origin, judged_lines
from rfm_spark.intake.orders import build_orders
from rfm_spark.lake.sources import pin
from rfm_spark.pipeline.inputs import SOURCE, open_rates, readable
from rfm_spark.pipeline.interaction_rows import interaction_lines
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
    quality = config.quality.with_own(source.quality)
    with session_settings(spark, {"spark.sql.session.timeZone": config.timezone}), readable(SOURCE):
        pinned = pin(None, spark, config)
        rates = open_rates(None, spark, config, pinned.written)
        as_of = clock.today(config.timezone)
        seen = Observation()
        judged = judged_lines(pinned.frame, source, Intake(quality, pinned.written, config.timezone, rates.by_day))
        currency = currency_origin(judged.lines, source)
        counted = observed(judged.lines, seen, as_of, currency=currency)
        past = history(build_orders(accepted_until(counted, as_of), source.order_grain))
        counts = line_counts(seen) or counted_apart(judged.lines, as_of, currency=currency)
    rejected = ", ".join(f"{reason} {n:,}" for reason, n in counts.rejected.items()) or "none"
    marked = ", ".join(f"{code} {n:,}" for code, n in counts.marked.items()) or "none"
    found = [
        f"transactions: {counts.read:,} rows; rejected: {rejected}; repaired or flagged: {marked}",
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
    found += interaction_lines(spark, config, as_of)
    return [*found, *_warnings(config, counts, quality, past.customers)]


def _warnings(config: Config, counts: LineCounts, quality: QualityConfig, customers: int) -> list[str]:
    as_of = clock.yesterday(config.timezone)
    # Buyers in the window depend on the as-of date; all who ever bought are known.
    buyers = Buyers(customers, customers)
    would = {"fail": "would stop", "warn": "would warn"}
    found = findings(counts, quality, as_of, buyers)
    told = [f"warning: a run as of {as_of} {would[finding.level]}: {finding.says}" for finding in found]
    mixed = mixed_currencies(counts)
    return [*told, f"warning: a run as of {as_of} would stop: {mixed}"] if mixed else told
