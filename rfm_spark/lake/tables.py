"""What a lake asks of whoever commits to its tables: Spark everywhere, `deltalake` in a folder of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pyspark.sql import DataFrame

from rfm_spark.core.table import Table
from rfm_spark.lake.rewording import Change
from rfm_spark.lake.upkeep import TableUpkeep

VERSION_PROPERTY = "rfm_spark.schema_version"
# No statistics on ids and no deletion vectors: otherwise a person's id outlives the deletion of their rows.
PROPERTIES = {
    "delta.dataSkippingNumIndexedCols": "0",
    "delta.enableDeletionVectors": "false",
}
Row = dict[str, Any]
_SAME_ROWS = frozenset({"OPTIMIZE", "VACUUM START", "VACUUM END"})


@dataclass(frozen=True)
class Written:
    """What a commit left: the Delta version, and how many rows it wrote."""

    version: int
    rows: int


@dataclass(frozen=True)
class Commit:
    """A commit that is there.

    Attributes:
        version: of the table.
        metadata: what it said about itself.
        made_at: when, in UTC.
        rows: that it wrote; None where it does not say.
        operation: as Delta calls it.
    """

    version: int
    metadata: str | None
    made_at: datetime
    rows: int | None = None
    operation: str = ""

    @property
    def keeps_rows(self) -> bool:
        """Whether the table has the same rows before and after it."""
        return self.operation in _SAME_ROWS


@dataclass(frozen=True)
class Target:
    """What of a table a write replaces.

    Attributes:
        table: the contract.
        metadata: what the commit says about itself.
        run_id: whose slice of a table is meant; None for all of it.
        more: add to what is there instead of replacing it.
    """

    table: Table
    metadata: str
    run_id: str | None = None
    more: bool = False


class Tables(Protocol):
    """Tables of one lake.

    A write tries again after a conflict with another writer, as far as it has to; the rest raises conflicts, and
    `commits.with_retries` tries again.
    """

    def exists(self, name: str) -> bool:
        """Whether there is a table: a log with a commit."""

    def properties(self, name: str) -> dict[str, str] | None:
        """Properties of a table; None where there is none."""

    def create(self, table: Table, properties: Mapping[str, str]) -> None:
        """Make an empty table with comments, partitions and properties, unless it is there."""

    def change(self, name: str, columns: Sequence[tuple[str, str, str]], properties: Mapping[str, str]) -> None:
        """Add columns (name, type, comment) and set properties."""

    def update(self, name: str, changes: Sequence[Change]) -> None:
        """Change rows in one commit; nothing is committed where there is nothing to change."""

    def write_frame(self, target: Target, frame: DataFrame) -> Written:
        """Write a frame of the table's columns in one commit; the table is there."""

    def write_rows(self, target: Target, rows: Sequence[Row]) -> Written:
        """The same for a few rows of the driver; times carry a time zone."""

    def add_rows(self, target: Target, rows: Sequence[Row]) -> None:
        """Add a few rows of the driver, in a commit that nobody asks for."""

    def rows(self, name: str, where: Mapping[str, Sequence[Any]], columns: Sequence[str] | None = None) -> list[Row]:
        """Rows whose columns have one of the values given, on the driver; times come in UTC.

        Of columns that are asked for, those the table has; None for all.
        """

    def frame_of_runs(self, name: str, run_ids: Sequence[str]) -> DataFrame | None:
        """Rows of runs of a run table as a frame; None where the whole table is to be read and filtered."""

    def append_new(self, table: Table, rows: Sequence[Row], keys: Sequence[str]) -> int:
        """Append rows to a table that is there, but for those whose keys it has; how many were new."""

    def put_if(self, table: Table, row: Row, keys: Sequence[str], column: str, expected: str) -> bool:
        """Put a row in place of the one of the same keys if that has the expected value, or where there is none.

        Returns:
            Whether it was put.
        """

    def delete_rows(self, name: str, where: Mapping[str, Sequence[str]]) -> None:
        """Delete rows with one of these texts of a table that is there; nothing is committed where there are none."""

    def drop_slices(self, name: str, keys: Sequence[str]) -> None:
        """Remove partitions; nothing is committed where they have no files."""

    def row_count(self, name: str) -> int:
        """How many rows a table has, as its log tells."""

    def rows_of_run(self, name: str, run_id: str) -> int:
        """How many rows a run has in a run table."""

    def run_ids(self, name: str) -> set[str]:
        """Runs that have rows in a run table."""

    def last_commit(self, name: str) -> Commit:
        """The newest commit."""

    def last_write(self, name: str) -> Commit | None:
        """The newest commit that changed rows, or may have; None where the log does not reach back to it."""

    def upkeep(self) -> TableUpkeep:
        """What maintains the tables."""

    def commit_with_metadata(self, name: str, metadata: str) -> Commit | None:
        """The newest commit that says this about itself."""
