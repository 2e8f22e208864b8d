"""What a capability may ask of a lake, for whoever reads or writes a few rows of its own tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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

    def delete_rows(self, table: Table, where: Mapping[str, str | Sequence[str]]) -> None:
        """Delete rows of a ledger whose columns have these texts, or one of them, in one commit."""


class BatchWriter(TableWriter, Protocol):
    """Also writes rows of batches to tables whose slices are batches; `of_runs` reads them."""

    def slices(self, name: str) -> set[str]:
        """Batches that have rows in such a table; none where it is not there."""

    def write_slice(self, table: Table, frame: DataFrame, key: str, *, more: bool = False) -> object:
        """Replace the rows of a batch, or add to them."""

    def drop_slices(self, table: Table, keys: Collection[str]) -> None:
        """Remove the rows of batches, in one commit; where they have none nothing is done."""
