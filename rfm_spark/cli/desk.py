"""The desk of a command: the lake and the configuration that its options name, opened when they are asked for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from rfm_spark.cli import clock, console
from rfm_spark.cli.places import config_of, place_of, run_of, session
from rfm_spark.core.batches import Batches
from rfm_spark.core.config import Config
from rfm_spark.core.derived import derived
from rfm_spark.core.runs import RunDetails, RunRow
from rfm_spark.lake.batches import read_for
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation, checked_run_id
from rfm_spark.lake.store import Store


class LakeDesk:
    """See `core.desk.Desk`.

    A run that the options name must be a run id, or the lake is not opened.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        """Keep the options; nothing is opened yet."""
        self._options = options

    @property
    def lake(self) -> str:
        """The lake as people recognise it."""
        return str(self._location)

    @cached_property
    def config(self) -> Config | None:
        """The configuration, where one was given."""
        return config_of(self._options) if getattr(self._options, "config", None) is not None else None

    @cached_property
    def spark(self) -> SparkSession:
        """The session."""
        return session(self._options)

    @cached_property
    def tables(self) -> Store:
        """The tables of the lake."""
        location, named = self._location, getattr(self._options, "run", None)
        if named is not None:
            checked_run_id(named)
        return Store(self.spark, location)

    def complete(self, config_name: str | None = None) -> list[RunRow]:
        """Complete runs, oldest as-of date first."""
        return Ledger(self.tables).complete(config_name or self._name)

    def run(self, run_id: str | None = None, config_name: str | None = None) -> RunDetails:
        """One complete run: the named one, or the newest."""
        store = self.tables
        return run_of(store.spark, store.location, config_name or self._name, run_id)

    def read_for(self, name: str, run: RunDetails) -> tuple[DataFrame, Batches]:
        """Rows that a run had read, from which others follow, and the batches that held for it."""
        return read_for(self.tables, derived()[name], run)

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return clock.now()

    def heading(self, text: str) -> None:
        """Print a title above what follows."""
        console.heading(text)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print rows under a header."""
        console.table(header, rows)

    def rows(self, frame: DataFrame, form: str) -> None:
        """Print rows as --format says."""
        console.rows(frame, form)

    @cached_property
    def _location(self) -> LakeLocation:
        return place_of(self._options)[0]

    @property
    def _name(self) -> str | None:
        return None if self.config is None else self.config.name
