"""What a capability may ask of a lake, for whoever reads or writes a few rows of its own tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pyspark.sql import DataFrame

from rfm_spark.core.table import Table


class TableReader(Protocol):
    """Reads tables of one lake."""

    def exists(self, name: str) -> bool:
        """Whether the table is there."""

    def rows(self, name: str, **where: Any) -> list[dict[str, Any]]:
        """Rows of a table that has few, on the driver, whose columns have the value or one of the values given."""

    def of_runs(self, name: str, run_ids: Sequence[str]) -> DataFrame:
        """Rows of some runs of a run table."""


class TableWriter(TableReader, Protocol):
    """Also writes a few rows of ledgers."""

    def insert_new(self, table: Table, rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> int:
        """Insert rows into a ledger, but for those whose keys are there; how many were new."""

    def delete_rows(self, table: Table, where: Mapping[str, str]) -> None:
        """Delete rows that an attempt at a run left in a ledger before it died."""
