"""Creating, migrating, reading and writing the tables of one lake."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.core.errors import LakeError
from rfm_spark.core.renames import renamed_row
from rfm_spark.core.schemas import SCHEMA_VERSION, slice_key_of, tables
from rfm_spark.core.table import Table
from rfm_spark.lake.commits import NO_PLACE, is_conflict, translating_write_errors, with_retries
from rfm_spark.lake.local import local_folder
from rfm_spark.lake.location import LakeLocation, checked_run_id, checked_slice_id, quoted
from rfm_spark.lake.migrating import migrate_tables
from rfm_spark.lake.missing import is_missing
from rfm_spark.lake.native import NativeTables
from rfm_spark.lake.rewording import completed, with_older_names, with_older_words
from rfm_spark.lake.spark_tables import SparkTables
from rfm_spark.lake.tables import PROPERTIES, VERSION_PROPERTY, Commit, Row, Tables, Target, Written
from rfm_spark.lake.upkeep import TableUpkeep

_MADE_WITH = {**PROPERTIES, VERSION_PROPERTY: str(SCHEMA_VERSION)}
Result = TypeVar("Result")


class Store:
    """Tables of one lake, seen from one session."""

    def __init__(self, spark: SparkSession, location: LakeLocation) -> None:
        """Bind a place to a session; nothing is read or written yet."""
        self.spark = spark
        self.location = location
        folder = local_folder(spark, location)
        self._tables: Tables = SparkTables(spark, location) if folder is None else NativeTables(spark, folder)
        self._there: set[str] = set()
        self._is_current = False

    @property
    def commits_fast(self) -> bool:
        """Whether a commit takes milliseconds."""
        return isinstance(self._tables, NativeTables)

    @property
    def upkeep(self) -> TableUpkeep:
        """What maintains the tables."""
        return self._tables.upkeep()

    def prepare(self, table: Table) -> None:
        """Make sure that the table is there, with today's columns.

        Raises:
            LakeError: no right to write, or the lake was written by a newer version.
        """
        self.migrate()
        if not self.exists(table.name):
            self._attempt(table.name, lambda: self._create(table))
            self._there.add(table.name)

    def migrate(self) -> None:
        """Bring the tables of a lake that an older version wrote up to today's columns; looked at once.

        Raises:
            LakeError: the lake was written by a newer version.
        """
        if not self._is_current:
            self._there.update(migrate_tables(self.spark, self.location, self._tables, self._retried))
            self._is_current = True

    def make_schema(self) -> None:
        """Create the lake's schema in catalog mode; a folder needs no such step."""
        if self.location.is_catalog:
            schema = ".".join(quoted(part) for part in self.location.schema)
            self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")

    def exists(self, name: str) -> bool:
        """Whether the table is there."""
        if name not in self._there and self._tables.exists(name):
            self._there.add(name)
        return name in self._there

    def read(self, name: str, version: int | None = None) -> DataFrame:
        """All rows of a table, of complete and incomplete runs alike; `readers.current` is what users want.

        Columns that a lake of an older version lacks until its next run are null.

        Raises:
            LakeError: the table is not there.
        """
        suffix = "" if version is None else f" VERSION AS OF {int(version)}"
        try:
            rows = self.spark.sql(f"SELECT * FROM {self.location.table(name)}{suffix}")
            return completed(tables().get(name), rows)
        except AnalysisException as error:
            if not is_missing(error):
                raise
            raise self._missing(name) from error

    def of_runs(self, name: str, run_ids: Sequence[str]) -> DataFrame:
        """Rows of some runs of a run table.

        Raises:
            LakeError: the table is not there.
        """
        if not self.exists(name):
            raise self._missing(name)
        rows = self._tables.frame_of_runs(name, run_ids)
        if rows is not None:
            return completed(tables().get(name), rows)
        every = self.read(name)
        return every.where(every[slice_key_of(name)].isin(list(run_ids)))

    def rows(self, name: str, *, columns: Sequence[str] | None = None, **where: Any) -> list[Row]:
        """Rows of a table that has few, on the driver; times are in UTC, columns an older lake lacks are None.

        Args:
            name: of the table; one that is not there has no rows.
            columns: to read; None for all.
            **where: column to the value, or the list of values, it has to have.
        """
        values = {column: value if isinstance(value, list) else [value] for column, value in where.items()}
        if not all(values.values()) or not self.exists(name):
            return []
        table = tables().get(name)
        renames, names = (table.renames, table.names) if table is not None else ((), ())
        asked = None if columns is None else with_older_names(columns, renames)
        rows = self._tables.rows(name, with_older_words(values, renames), asked)
        missing = dict.fromkeys(names if columns is None else columns)
        return [{**missing, **renamed_row(row, renames)} for row in rows]

    def version(self, name: str) -> int:
        """Newest Delta version of a table."""
        return self._tables.last_commit(name).version

    def last_metadata(self, name: str) -> str | None:
        """What the last commit that changed rows of a kept table said about itself."""
        found = self._tables.last_write(name)
        return None if found is None else found.metadata

    def commit_with_metadata(self, name: str, metadata: str) -> Commit:
        """The newest commit that says this about itself: others may have committed since ours.

        Raises:
            LakeError: there is none.
        """
        found = self._tables.commit_with_metadata(name, metadata)
        if found is None:
            raise LakeError(f"lake {self.location}: table {name} lost its history; start the run again")
        return found

    def row_count(self, name: str) -> int:
        """How many rows a table has."""
        return self._tables.row_count(name)

    def write_run(
        self, table: Table, frame: DataFrame, run_id: str, as_of: date, part: str = "", *, more: bool = False
    ) -> Written:
        """Replace one run's rows of a run table; repeating it changes nothing.

        Args:
            table: the contract; columns the frame lacks beside the keys are an error.
            frame: one row per the table's key, without run_id and as_of_date.
            run_id: of the run.
            as_of: its as-of date.
            part: names what is written, where a run writes its rows in parts.
            more: add to the rows of the run instead.

        Returns:
            The Delta version that holds the rows, and how many they are.
        """
        keyed = {"run_id": F.lit(checked_run_id(run_id)), "as_of_date": F.lit(as_of)}
        rows = frame.select(
            *(keyed.get(name, F.col(name)).cast(kind.lower()).alias(name) for name, kind, _ in table.columns)
        )
        target = Target(table, f"{run_id} {part}".strip(), run_id, more)
        return self._write(target, lambda: self._tables.write_frame(target, rows))

    def write_rows(self, table: Table, rows: Sequence[Mapping[str, Any]], run_id: str, as_of: date) -> Written:
        """The same for a few rows that were made on the driver, times with a time zone."""
        keyed = [{**row, "run_id": checked_run_id(run_id), "as_of_date": as_of} for row in rows]
        target = Target(table, run_id, run_id)
        return self._write(target, lambda: self._tables.write_rows(target, keyed))

    def add_rows(self, table: Table, rows: Sequence[Mapping[str, Any]], run_id: str, as_of: date) -> None:
        """Add a few rows to those that a run has in a run table."""
        keyed = [{**row, "run_id": checked_run_id(run_id), "as_of_date": as_of} for row in rows]
        self.prepare(table)
        with translating_write_errors(self.location):
            self._tables.add_rows(Target(table, "", run_id, more=True), keyed)

    def runs_of_date(self, name: str, as_of: date) -> set[str]:
        """Runs of an as-of date that have rows in a run table; none where it is not there."""
        # A run id starts with its as-of date.
        return {run_id for run_id in self.slices(name) if run_id.startswith(f"{as_of}-")}

    def rows_of_run(self, name: str, run_id: str) -> int:
        """How many rows a run has in a run table that is there."""
        return self._tables.rows_of_run(name, run_id)

    def write_slice(self, table: Table, frame: DataFrame, key: str, *, more: bool = False) -> Written:
        """Replace the rows of one value of a table's `slice_key`, or add to them; repeating it changes nothing.

        Args:
            table: the contract; columns the frame lacks beside the key are an error.
            frame: the rows, without the key.
            key: id of a batch.
            more: add to what is there.
        """
        keyed = {table.slice_key: F.lit(checked_slice_id(key))}
        rows = frame.select(
            *(keyed.get(name, F.col(name)).cast(kind.lower()).alias(name) for name, kind, _ in table.columns)
        )
        target = Target(table, f"{key} more" if more else key, key, more)
        return self._write(target, lambda: self._tables.write_frame(target, rows))

    def slices(self, name: str) -> set[str]:
        """Values of a table's `slice_key` that have rows; none where it is not there."""
        return self._tables.run_ids(name) if self.exists(name) else set()

    def drop_slices(self, table: Table, keys: Collection[str]) -> None:
        """Remove the rows of values of a table's `slice_key`; where they have none nothing is done."""
        if keys and self.exists(table.name):
            checked = [checked_slice_id(key) for key in keys]
            self._retried(table.name, lambda: self._tables.drop_slices(table.name, checked))

    def replace(self, table: Table, frame: DataFrame, metadata: str) -> Written:
        """Replace a kept table's rows in one commit that says what it reflects.

        Returns:
            The Delta version that holds them, and how many they are.
        """
        rows = frame.select(*(F.col(name).cast(kind.lower()).alias(name) for name, kind, _ in table.columns))
        target = Target(table, metadata)
        return self._write(target, lambda: self._tables.write_frame(target, rows))

    def insert_new(self, table: Table, rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> int:
        """Insert rows into a ledger, but for those whose keys are there; how many were new."""
        self.prepare(table)
        values = [dict(row) for row in rows]
        return self._retried(table.name, lambda: self._tables.append_new(table, values, keys))

    def put_if(self, table: Table, row: Mapping[str, Any], keys: Sequence[str], column: str, expected: str) -> bool:
        """Put a row in place of the one with the same keys if that has the expected value, or where there is none.

        A conflict with another writer is raised: whoever asks has to look again.

        Returns:
            Whether it was put.
        """
        self.prepare(table)
        with translating_write_errors(self.location):
            return self._tables.put_if(table, dict(row), keys, column, expected)

    def delete_rows(self, table: Table, where: Mapping[str, str | Sequence[str]]) -> None:
        """Delete rows of a ledger whose columns have these texts, or one of them, in one commit."""
        texts = {column: [text] if isinstance(text, str) else list(text) for column, text in where.items()}
        if self.exists(table.name) and all(texts.values()):
            self._retried(table.name, lambda: self._tables.delete_rows(table.name, texts))

    def _write(self, target: Target, write: Callable[[], Written]) -> Written:
        self.prepare(target.table)
        with translating_write_errors(self.location):
            return write()

    def _create(self, table: Table) -> None:
        self.make_schema()
        with_retries(lambda: self._tables.create(table, _MADE_WITH))

    def _attempt(self, name: str, action: Callable[[], Result]) -> Result:
        """Do something to a table, and say in one sentence what a place that can't be written has to do with it."""
        try:
            with translating_write_errors(self.location):
                return action()
        except LakeError:
            raise
        except Exception as error:
            if self.exists(name) or is_conflict(error):
                raise
            found = NO_PLACE.search(str(error))
            why = found[0] if found else str(error).splitlines()[0]
            raise LakeError(
                f"lake {self.location}: table {name} can't be created ({why}); check the place and the right to write "
                "there"
            ) from error

    def _retried(self, name: str, action: Callable[[], Result]) -> Result:
        return self._attempt(name, lambda: with_retries(action))

    def _missing(self, name: str) -> LakeError:
        return LakeError(f"lake {self.location}: no table {name}; run `rfm-spark run` first, or check --lake")
