"""What a command of a capability gets from the command line: a lake to read, a clock, and a place to print."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from pyspark.sql import DataFrame, SparkSession

from rfm_spark.core.access import TableWriter
from rfm_spark.core.batches import Batches
from rfm_spark.core.config import Config
from rfm_spark.core.runs import RunDetails, RunRow


class Desk(Protocol):
    """The lake and the configuration that a command's options name; each is opened when it is first asked for."""

    @property
    def lake(self) -> str:
        """The lake as people recognise it, for messages.

        Raises:
            ConfigError: the options name none.
        """

    @property
    def config(self) -> Config | None:
        """The configuration, where one was given."""

    @property
    def spark(self) -> SparkSession:
        """The session."""

    @property
    def tables(self) -> TableWriter:
        """The tables of the lake."""

    def complete(self, config_name: str | None = None) -> list[RunRow]:
        """Complete runs, oldest as-of date first, the newest run of a date last.

        Args:
            config_name: of this segmentation; None for that of the configuration, or all without one.
        """

    def run(self, run_id: str | None = None, config_name: str | None = None) -> RunDetails:
        """One complete run: the named one, or the newest as-of date's current one.

        Raises:
            ConfigError: not a run id.
            LakeError: no complete run, not this one, or its rows were dropped.
        """

    def read_for(self, name: str, run: RunDetails) -> tuple[DataFrame, Batches]:
        """Rows that a run had read, from which others follow, such as days of orders, and the batches that held for it.

        Args:
            name: what follows from them, such as orders.
            run: the run.

        Raises:
            LakeError: they can't be told any more.
        """

    def now(self) -> datetime:
        """The present moment, in UTC."""

    def heading(self, text: str) -> None:
        """Print a title above what follows."""

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print rows under a header, each value as `core.printing.cell` writes it."""

    def rows(self, frame: DataFrame, form: str) -> None:
        """Print rows of any number as --format says: table, csv or json."""
