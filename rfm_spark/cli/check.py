"""`rfm-spark check`: everything that can be wrong before a run, at once, without writing."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence

from rfm_spark.cli import clock
from rfm_spark.cli.places import config_of, session
from rfm_spark.core.command import resolved
from rfm_spark.core.config import Config, config_model
from rfm_spark.core.errors import ConfigError, GateError, RfmSparkError
from rfm_spark.core.registry import given


def check_command(options: argparse.Namespace) -> int:
    """Print what was found, or every problem.

    Raises:
        ConfigError: the configuration, the rule map or a source can't work.
        GateError: a run would stop.
    """
    if options.schema:
        print(json.dumps(config_model().model_json_schema(by_alias=True), indent=2))
        return 0
    if options.config is None:
        raise ConfigError("check", ["needs -c CONF (or --schema)"])
    config = config_of(options)
    as_of = options.as_of or clock.yesterday(config.timezone)
    problems: list[str] = []
    lines: list[str] = []
    for checker in _checkers():
        try:
            lines += checker(config)
        except RfmSparkError as error:
            problems.append(str(error))
    spark = session(options, "rfm_spark.pipeline")
    from rfm_spark.pipeline.checking import look_ahead

    found = look_ahead(spark, config, as_of)
    problems += found.errors
    if problems:
        raise ConfigError(options.config if len(problems) > 1 else "check", [*problems, *found.stops])
    for line in (*found.lines, *lines):
        print(line)
    for warning in found.warnings:
        print(f"warning: {warning}")
    if found.stops:
        raise GateError(_would_stop(options.config, as_of.isoformat(), found.stops))
    day = f" --as-of {as_of}" if options.as_of else ""
    print(f"{options.config} is ready: rfm-spark run -c {options.config}{day}")
    return 0


def must_be_usable(config: Config) -> None:
    """Let every capability look at a configuration before any source is opened.

    Raises:
        ConfigError: the first that can't work with it.
    """
    for checker in _checkers():
        checker(config)


def _checkers() -> list[Callable[[Config], Sequence[str]]]:
    return [resolved(where) for _, found in given("commands", "CHECKERS") for where in found]


def _would_stop(config: str, as_of: str, stops: list[str]) -> str:
    start = f"{config} is not ready: a run as of {as_of} would publish nothing"
    return (
        f"{start}: {stops[0]}"
        if len(stops) == 1
        else "".join((f"{start}:", *(f"\n  - {message}" for message in stops)))
    )
