"""Where a command reads: the lake of a configuration, or a folder; and which run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from threading import Thread

from pyspark.sql import SparkSession

from rfm_spark.core.config import Config, absolute
from rfm_spark.core.errors import ConfigError, LakeError
from rfm_spark.core.loading import load_config
from rfm_spark.core.runs import RunDetails
from rfm_spark.core.session import get_session
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation, checked_run_id
from rfm_spark.lake.store import Store


def session(options: argparse.Namespace, *needed: str) -> SparkSession:
    """The session of a command.

    Args:
        options: of the command line.
        *needed: modules that the command is about to import; they are imported while Spark starts.
    """
    beside = Thread(target=_imported, args=(needed,), daemon=True)
    beside.start()
    spark = get_session(f"rfm-spark {options.command}", quiet=not options.debug)
    beside.join()
    return spark


def _imported(needed: Sequence[str]) -> None:
    # What can't be imported is said where it is asked for.
    with suppress(ImportError):
        for module in needed:
            import_module(module)


def config_of(options: argparse.Namespace) -> Config:
    """The configuration a command names, with its flags on top."""
    lake = absolute(options.lake) if options.lake is not None else None
    return load_config(options.config, getattr(options, "overrides", []), lake)


def place_of(options: argparse.Namespace) -> tuple[LakeLocation, str | None]:
    """The lake to read, and the segmentation in it when a configuration names one.

    Raises:
        ConfigError: neither -c nor --lake.
    """
    if options.config is not None:
        config = config_of(options)
        return LakeLocation.of(config), config.name
    if options.lake is None:
        raise ConfigError(options.command, ["needs -c CONF or --lake DIR"])
    return LakeLocation(root=absolute(options.lake)), None


def run_of(spark: SparkSession, location: LakeLocation, config_name: str | None, run_id: str | None) -> RunDetails:
    """One complete run: the named one, or the newest as-of date's current one.

    Raises:
        LakeError: no complete run, not this one, or its rows were dropped.
    """
    ledger = Ledger(Store(spark, location))
    runs = ledger.complete(config_name)
    if run_id is not None:
        checked_run_id(run_id)
        runs = [run for run in runs if run.run_id == run_id]
    if not runs:
        wanted = f" {run_id}" if run_id else ""
        raise LakeError(
            f"lake {location}: no complete run{wanted}; `rfm-spark runs` lists them, `rfm-spark run` makes one"
        )
    if not runs[-1].has_rows:
        raise LakeError(f"lake {location}: {runs[-1].retirement}")
    newest = runs[-1].run_id
    return ledger.details([newest])[newest]
