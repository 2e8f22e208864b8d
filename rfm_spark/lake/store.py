"""Creating, migrating, reading and writing the tables of one lake."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.core.errors import LakeError
from rfm_spark.core.schemas import SCHEMA_VERSION, TABLES
from rfm_spark.core.table import Table
from rfm_spark.lake.commits import NO_PLACE, is_conflict, patiently, writable
from rfm_spark.lake.place import Place, checked_run_id, quoted

VERSION_PROPERTY = "rfm_spark.schema_version"
# No statistics on ids and no deletion vectors: otherwise a person's id outlives the deletion of his rows.
PROPERTIES = {
    "delta.dataSkippingNumIndexedCols": "0",
    "delta.enableDeletionVectors": "false",
}


@dataclass(frozen=True)
class Written:
    """What a commit left: the Delta version, and how many rows it wrote."""

    version: int
    rows: int


class Store:
    """Tables of one lake, seen from one session."""

    def __init__(self, spark: SparkSession, place: Place) -> None:
        """Bind a place to a session; nothing is read or written yet."""
        self.spark = spark
        self.place = place
        self._ready: set[str] = set()

    def prepare(self, table: Table) -> None:
        """Create the table, or bring an older one up to today's columns.

        Raises:
            LakeError: no right to write, or the table was written by a newer version.
        """
        if table.name in self._ready:
            return
        properties = self._properties(table.name)
        if properties is None:
            self._create(table)
        else:
            self._migrate(table, int(properties.get(VERSION_PROPERTY, "0")))
        self._ready.add(table.name)

    def make_schema(self) -> None:
        """Create the lake's schema in catalog mode; a folder needs no such step."""
        if self.place.is_catalog:
            schema = ".".join(quoted(part) for part in self.place.schema)
            self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")

    def exists(self, name: str) -> bool:
        """Whether the table is there."""
        return name in self._ready or self._properties(name) is not None

    def read(self, name: str, version: int | None = None) -> DataFrame:
        """All rows of a table, of complete and incomplete runs alike; `readers.current` is what users want.

        Columns that a lake of an older version lacks until its next run are null.

        Raises:
            LakeError: the table is not there.
        """
        rows = self._stored(name, version)
        known = TABLES[name].columns if name in TABLES else ()
        new = {column: F.lit(None).cast(kind.lower()) for column, kind, _ in known if column not in rows.columns}
        return rows.withColumns(new) if new else rows

    def _stored(self, name: str, version: int | None = None) -> DataFrame:
        suffix = "" if version is None else f" VERSION AS OF {int(version)}"
        try:
            return self.spark.sql(f"SELECT * FROM {self.place.table(name)}{suffix}")
        except AnalysisException as error:
            raise LakeError(
                f"lake {self.place}: no table {name}; run `rfm-spark run` first, or check --lake"
            ) from error

    def version(self, name: str) -> int:
        """Newest Delta version of a table."""
        rows = self.spark.sql(f"DESCRIBE HISTORY {self.place.table(name)} LIMIT 1").select("version").collect()
        return int(rows[0]["version"])

    def written_at(self, name: str, version: int) -> datetime:
        """When a version was committed."""
        history = self.spark.sql(f"DESCRIBE HISTORY {self.place.table(name)}").where(F.col("version") == version)
        micros = history.select(F.unix_micros("timestamp")).collect()[0][0]
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=int(micros))

    def last_metadata(self, name: str) -> str | None:
        """What the last commit of a kept table said about itself."""
        history = self.spark.sql(f"DESCRIBE HISTORY {self.place.table(name)} LIMIT 1")
        rows = history.select("userMetadata").collect()
        return rows[0]["userMetadata"] if rows else None

    def write_run(
        self, table: Table, frame: DataFrame, run_id: str, as_of: date, part: Mapping[str, str] | None = None
    ) -> Written:
        """Replace one run's rows of a run table; repeating it changes nothing.

        Args:
            table: the contract; columns the frame lacks beside the keys are an error.
            frame: one row per the table's key, without run_id and as_of_date.
            run_id: of the run.
            as_of: its as-of date.
            part: values of columns that all rows of the frame have: only such rows of the run are replaced.

        Returns:
            The Delta version that holds the rows, and how many they are.
        """
        self.prepare(table)
        keyed = {"run_id": F.lit(checked_run_id(run_id)), "as_of_date": F.lit(as_of)}
        rows = frame.select(
            *(keyed.get(name, F.col(name)).cast(kind.lower()).alias(name) for name, kind, _ in table.columns)
        )
        limits = [f"{quoted(name)} = {sql_text(value)}" for name, value in (part or {}).items()]
        where = " AND ".join([f"run_id = '{run_id}'", *limits])
        metadata = " ".join([run_id, *(part or {}).values()])
        patiently(lambda: self._write(table, rows, {"replaceWhere": where, "userMetadata": metadata}))
        return self._counted(table.name, metadata, self.read(table.name).where(where))

    def replace(self, table: Table, frame: DataFrame, metadata: str) -> Written:
        """Replace a kept table's rows in one commit that says what it reflects.

        Returns:
            The Delta version that holds them, and how many they are.
        """
        self.prepare(table)
        rows = frame.select(*(F.col(name).cast(kind.lower()).alias(name) for name, kind, _ in table.columns))
        patiently(lambda: self._write(table, rows, {"userMetadata": metadata}))
        return self._counted(table.name, metadata, self.read(table.name))

    def version_of(self, name: str, metadata: str) -> int:
        """The newest version that says this about itself: another writer may have committed since ours."""
        return self._commit_of(name, metadata)[0]

    def _counted(self, name: str, metadata: str, rows: DataFrame) -> Written:
        version, count = self._commit_of(name, metadata)
        # Counting reads the table's log and the rows again. The commit knows, unless its metrics are switched off.
        return Written(version, rows.count() if count is None else count)

    def _commit_of(self, name: str, metadata: str) -> tuple[int, int | None]:
        history = self.spark.sql(f"DESCRIBE HISTORY {self.place.table(name)} LIMIT 50")
        mine = history.where(F.col("userMetadata") == F.lit(metadata)).orderBy(F.desc("version")).limit(1)
        rows = mine.select("version", "operationMetrics").collect()
        if not rows:
            # Replacing nothing by nothing commits nothing; then the table as it is holds what was meant.
            return self.version(name), None
        count = (rows[0]["operationMetrics"] or {}).get("numOutputRows")
        return int(rows[0]["version"]), None if count is None else int(count)

    def insert_new(self, table: Table, rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> None:
        """Insert rows into a ledger, but for those whose keys are there."""
        self.prepare(table)
        values = [tuple(row[name] for name in table.names) for row in rows]
        source = self.spark.createDataFrame(values, table.ddl)
        condition = " AND ".join(f"t.{quoted(key)} = s.{quoted(key)}" for key in keys)
        with self.view(source) as view:
            statement = (
                f"MERGE INTO {self.place.table(table.name)} t USING {view} s ON {condition} "
                "WHEN NOT MATCHED THEN INSERT *"
            )
            with writable(self.place):
                patiently(lambda: self.spark.sql(statement).collect())

    def forget(self, table: Table, column: str, value: str) -> None:
        """Delete rows that an attempt at a run left in a ledger before it died."""
        self.prepare(table)
        where = f"{quoted(column)} = {sql_text(value)}"
        if self.read(table.name).where(where).isEmpty():
            return
        with writable(self.place):
            patiently(lambda: self.spark.sql(f"DELETE FROM {self.place.table(table.name)} WHERE {where}").collect())

    @contextmanager
    def view(self, frame: DataFrame) -> Iterator[str]:
        """A frame as a temporary view of a unique name, for SQL."""
        name = f"rfm_spark_{uuid.uuid4().hex}"
        frame.createOrReplaceTempView(name)
        try:
            yield name
        finally:
            self.spark.catalog.dropTempView(name)

    def _write(self, table: Table, rows: DataFrame, options: dict[str, str]) -> None:
        writer = rows.write.format("delta").mode("overwrite").options(**options)
        with writable(self.place):
            if self.place.root is not None:
                writer.save(f"{self.place.root}/{table.name}")
            else:
                writer.saveAsTable(self.place.table(table.name))

    def _properties(self, name: str) -> dict[str, str] | None:
        try:
            # Unlike DESCRIBE DETAIL it starts no job.
            rows = self.spark.sql(f"SHOW TBLPROPERTIES {self.place.table(name)}").collect()
        except AnalysisException:
            return None
        return {row["key"]: row["value"] for row in rows}

    def _create(self, table: Table) -> None:
        columns = ", ".join(
            f"{quoted(name)} {kind} COMMENT {sql_text(comment)}" for name, kind, comment in table.columns
        )
        partition = "PARTITIONED BY (run_id)" if table.partitioned else ""
        properties = {**PROPERTIES, VERSION_PROPERTY: str(SCHEMA_VERSION)}
        settings = ", ".join(f"{sql_text(key)} = {sql_text(value)}" for key, value in properties.items())
        try:
            self.make_schema()
            self.spark.sql(
                f"CREATE TABLE IF NOT EXISTS {self.place.table(table.name)} ({columns}) USING DELTA {partition} "
                f"COMMENT {sql_text(table.comment)} TBLPROPERTIES ({settings})"
            )
            self._heal_log(table)
        except Exception as error:
            if is_conflict(error) and self.exists(table.name):
                return
            found = NO_PLACE.search(str(error))
            why = found[0] if found else str(error).splitlines()[0]
            raise LakeError(
                f"lake {self.place}: table {table.name} can't be created ({why}); check the place and the right to "
                "write there"
            ) from error

    def _heal_log(self, table: Table) -> None:
        # A process that died between making the log's folder and the first commit leaves a folder that CREATE TABLE
        # takes for a table, without a word; so does one that is just there.
        if self.place.root is None or self.exists(table.name):
            return
        empty = self.spark.createDataFrame([], table.ddl)
        told = empty.select(
            *(F.col(quoted(name)).alias(name, metadata={"comment": comment}) for name, _, comment in table.columns)
        )
        writer = told.write.format("delta").mode("append").options(**PROPERTIES)
        writer = writer.partitionBy("run_id") if table.partitioned else writer
        writer.save(f"{self.place.root}/{table.name}")
        self._set_version(table)

    def _set_version(self, table: Table) -> None:
        self.spark.sql(
            f"ALTER TABLE {self.place.table(table.name)} SET TBLPROPERTIES "
            f"({sql_text(VERSION_PROPERTY)} = '{SCHEMA_VERSION}')"
        )

    def _migrate(self, table: Table, found: int) -> None:
        if found > SCHEMA_VERSION:
            raise LakeError(
                f"lake {self.place}: table {table.name} has schema version {found}, this rfm-spark knows "
                f"{SCHEMA_VERSION}; upgrade rfm-spark"
            )
        if found == SCHEMA_VERSION:
            return
        have = set(self._stored(table.name).columns)
        missing = [column for column in table.columns if column[0] not in have]
        identifier = self.place.table(table.name)
        if missing:
            added = ", ".join(f"{quoted(name)} {kind} COMMENT {sql_text(comment)}" for name, kind, comment in missing)
            self.spark.sql(f"ALTER TABLE {identifier} ADD COLUMNS ({added})")
        self._set_version(table)


def sql_text(value: str) -> str:
    """A string literal of SQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
