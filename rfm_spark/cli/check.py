"""`rfm-spark check`: everything that can be wrong before a run, at once, without writing."""

from __future__ import annotations

import argparse
import json

from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.segments.lint import lint
from rfm_spark.capabilities.segments.load import checked_rule_map, rule_params
from rfm_spark.cli import clock
from rfm_spark.cli.places import config_of, session
from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError, GateError, RfmSparkError


def check_command(options: argparse.Namespace) -> int:
    """Print what was found, or every problem.

    Raises:
        ConfigError: the configuration, the rule map or a source can't work.
        GateError: a run would stop.
    """
    if options.schema:
        print(json.dumps(Config.model_json_schema(by_alias=True), indent=2))
        return 0
    if options.config is None:
        raise ConfigError("check", ["needs -c CONF (or --schema)"])
    config = config_of(options)
    as_of = options.as_of or clock.yesterday(config.timezone)
    problems = []
    try:
        rule_map = checked_rule_map(config)
    except RfmSparkError as error:
        problems.append(str(error))
    spark = session(options, "rfm_spark.pipeline")
    from rfm_spark.pipeline.checking import look_ahead

    found = look_ahead(spark, config, as_of)
    problems += found.errors
    if problems:
        raise ConfigError(options.config if len(problems) > 1 else "check", [*problems, *found.stops])
    for line in found.lines:
        print(line)
    report = lint(rule_map, config.part(RfmConfig).scoring.bins, rule_params(config))
    print(f"rule map {rule_map.name}: {len(rule_map.segments)} rules, {len(report.unreachable)} unreachable")
    for warning in found.warnings:
        print(f"warning: {warning}")
    if found.stops:
        raise GateError(_would_stop(options.config, as_of.isoformat(), found.stops))
    day = f" --as-of {as_of}" if options.as_of else ""
    print(f"{options.config} is ready: rfm-spark run -c {options.config}{day}")
    return 0


def _would_stop(config: str, as_of: str, stops: list[str]) -> str:
    start = f"{config} is not ready: a run as of {as_of} would publish nothing"
    return f"{start}: {stops[0]}" if len(stops) == 1 else "".join((f"{start}:", *(f"\n  - {says}" for says in stops)))
