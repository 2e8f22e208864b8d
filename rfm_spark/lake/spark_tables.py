"""Tables of a lake wherever Spark finds them: a catalog, object storage, a folder. All commits are Spark's."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.core.moments import from_micros
from rfm_spark.core.schemas import slice_key_of
from rfm_spark.core.table import Table
from rfm_spark.lake.commits import with_retries
from rfm_spark.lake.location import LakeLocation, quoted
from rfm_spark.lake.missing import is_missing
from rfm_spark.lake.rewording import Change, Dialect, update_of
from rfm_spark.lake.spark_upkeep import SparkUpkeep
from rfm_spark.lake.tables import Commit, Row, Target, Written

# A look at the history reads as many commits as it may show.
_NEAR, _FAR = 5, 1000


class SparkTables:
    """Delta tables of one place, seen from one session."""

    def __init__(self, spark: SparkSession, location: LakeLocation) -> None:
        """Bind to a session; nothing is read yet."""
        self._spark, self._location = spark, location

    def exists(self, name: str) -> bool:
        """Whether there is such a table; asks the catalog, and starts no job."""
        return self.properties(name) is not None

    def properties(self, name: str) -> dict[str, str] | None:
        """Properties of a table; None where there is none. One that can't be read is an error."""
        try:
            # Unlike DESCRIBE DETAIL it starts no job.
            rows = self._spark.sql(f"SHOW TBLPROPERTIES {self._location.table(name)}").collect()
        except AnalysisException as error:
            if not is_missing(error):
                raise
            return None
        return {row["key"]: row["value"] for row in rows}

    def create(self, table: Table, properties: Mapping[str, str]) -> None:
        """Make an empty table, unless it is there.

        By DDL: a table made by its first write (CREATE TABLE AS) drops what the commit says about itself.
        """
        columns = ", ".join(
            f"{quoted(name)} {kind} COMMENT {sql_text(comment)}" for name, kind, comment in table.columns
        )
        partition = f"PARTITIONED BY ({table.slice_key})" if table.partitioned else ""
        settings = ", ".join(f"{sql_text(key)} = {sql_text(value)}" for key, value in properties.items())
        self._spark.sql(
            f"CREATE TABLE IF NOT EXISTS {self._location.table(table.name)} ({columns}) USING DELTA {partition} "
            f"COMMENT {sql_text(table.comment)} TBLPROPERTIES ({settings})"
        )
        self._heal_log(table, properties)

    def change(self, name: str, columns: Sequence[tuple[str, str, str]], properties: Mapping[str, str]) -> None:
        """Add columns and set properties."""
        identifier = self._location.table(name)
        if columns:
            added = ", ".join(f"{quoted(name)} {kind} COMMENT {sql_text(comment)}" for name, kind, comment in columns)
            self._spark.sql(f"ALTER TABLE {identifier} ADD COLUMNS ({added})")
        settings = ", ".join(f"{sql_text(key)} = {sql_text(value)}" for key, value in properties.items())
        if settings:
            self._spark.sql(f"ALTER TABLE {identifier} SET TBLPROPERTIES ({settings})")

    def update(self, name: str, changes: Sequence[Change]) -> None:
        """Change rows by DML, which rewrites the files that have some."""
        found = {quoted(change.column): update_of(change, _DIALECT) for change in changes}
        values = ", ".join(f"{column} = {value}" for column, (value, _) in found.items())
        condition = " OR ".join(condition for _, condition in found.values())
        table = self._location.table(name)
        if not self._spark.sql(f"SELECT 1 FROM {table} WHERE {condition}").isEmpty():
            self._spark.sql(f"UPDATE {table} SET {values} WHERE {condition}").collect()

    def write_frame(self, target: Target, frame: DataFrame) -> Written:
        """Write a frame in one commit, again where another writer was faster."""
        with_retries(lambda: self._save(target, frame))
        made = self.commit_with_metadata(target.table.name, target.metadata)
        # Replacing nothing by nothing commits nothing; then the table as it is holds what was meant.
        version = self.last_commit(target.table.name).version if made is None else made.version
        if made is not None and made.rows is not None:
            return Written(version, made.rows)
        # The commit says nothing of rows where its metrics are switched off.
        rows = self._spark.sql(f"SELECT * FROM {self._location.table(target.table.name)}")
        mine = rows if target.run_id is None else rows.where(F.col(target.table.slice_key) == target.run_id)
        return Written(version, mine.count())

    def write_rows(self, target: Target, rows: Sequence[Row]) -> Written:
        """A few rows of the driver as a frame."""
        return self.write_frame(target, self._frame(target.table, rows))

    def add_rows(self, target: Target, rows: Sequence[Row]) -> None:
        """Add a few rows of the driver."""
        with_retries(lambda: self._save(target, self._frame(target.table, rows)))

    def rows(self, name: str, where: Mapping[str, Sequence[Any]], columns: Sequence[str] | None = None) -> list[Row]:
        """Rows whose columns have one of the values given."""
        found = self._spark.sql(f"SELECT * FROM {self._location.table(name)}")
        if where.keys() - set(found.columns):
            # An older version's table did not note it: none of its rows has the value.
            return []
        for column, values in where.items():
            found = found.where(F.col(column).isin(*values))
        if columns is not None:
            found = found.select(*(column for column in found.columns if column in columns))
        # A collected timestamp is a local one without its zone, and one hour a year comes twice.
        times = [field.name for field in found.schema.fields if field.dataType.typeName() == "timestamp"]
        rows = found.withColumns({name: F.unix_micros(name) for name in times}).collect()
        made = [row.asDict(recursive=True) for row in rows]
        for row in made:
            row |= {name: from_micros(row[name]) for name in times if row[name] is not None}
        return made

    def frame_of_runs(self, name: str, run_ids: Sequence[str]) -> DataFrame | None:
        """The table is to be read and filtered: Delta prunes it by its partitions."""
        del name, run_ids
        return None

    def append_new(self, table: Table, rows: Sequence[Row], keys: Sequence[str]) -> int:
        """Append rows whose keys are not there."""
        condition = " AND ".join(f"t.{quoted(key)} = s.{quoted(key)}" for key in keys)
        names, values = _insertable(table)
        with self._view(self._frame(table, rows)) as view:
            return self._merged(
                f"MERGE INTO {self._location.table(table.name)} t USING {view} s ON {condition} "
                f"WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
            )

    def put_if(self, table: Table, row: Row, keys: Sequence[str], column: str, expected: str) -> bool:
        """Put a row if the one of the same keys has the expected value, or where there is none."""
        condition = " AND ".join(f"t.{quoted(key)} = s.{quoted(key)}" for key in keys)
        assignments = ", ".join(f"t.{quoted(name)} = s.{quoted(name)}" for name in table.names)
        names, values = _insertable(table)
        with self._view(self._frame(table, [row]).withColumn("expected", F.lit(expected))) as view:
            put = self._merged(
                f"MERGE INTO {self._location.table(table.name)} t USING {view} s ON {condition} "
                f"WHEN MATCHED AND t.{quoted(column)} = s.expected THEN UPDATE SET {assignments} "
                f"WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
            )
        return put > 0

    def _merged(self, statement: str) -> int:
        """Do a MERGE; how many rows it changed or inserted, which is what it answers."""
        return int(self._spark.sql(statement).collect()[0]["num_affected_rows"])

    def delete_rows(self, name: str, where: Mapping[str, Sequence[str]]) -> None:
        """Delete rows; nothing is committed where there are none."""
        self._delete(name, " AND ".join(_in(column, values) for column, values in where.items()))

    def drop_slices(self, name: str, keys: Sequence[str]) -> None:
        """Remove partitions; Delta drops their files without reading them."""
        self._delete(name, _in(slice_key_of(name), keys))

    def row_count(self, name: str) -> int:
        """How many rows a table has."""
        return int(self._spark.sql(f"SELECT count(*) FROM {self._location.table(name)}").collect()[0][0])

    def rows_of_run(self, name: str, run_id: str) -> int:
        """How many rows a run has; Delta answers from the log where it can."""
        where = f"{slice_key_of(name)} = {sql_text(run_id)}"
        return int(self._spark.sql(f"SELECT count(*) FROM {self._location.table(name)} WHERE {where}").collect()[0][0])

    def run_ids(self, name: str) -> set[str]:
        """Runs that have rows in a run table; its partitions tell."""
        found = self._spark.sql(f"SELECT DISTINCT {slice_key_of(name)} FROM {self._location.table(name)}")
        return {str(row[0]) for row in found.collect()}

    def last_commit(self, name: str) -> Commit:
        """The newest commit."""
        return self._history(name, 1, None)[0]

    def last_write(self, name: str) -> Commit | None:
        """The newest commit that did not only fold or delete files."""
        for limit in (_NEAR, _FAR):
            found = [one for one in self._history(name, limit, None) if not one.keeps_rows]
            if found:
                return found[0]
        return None

    def upkeep(self) -> SparkUpkeep:
        """Maintenance by SQL."""
        return SparkUpkeep(self._spark, self._location, sql_text)

    def commit_with_metadata(self, name: str, metadata: str) -> Commit | None:
        """The newest commit that says this about itself."""
        for limit in (_NEAR, _FAR):
            found = self._history(name, limit, metadata)
            if found:
                return found[0]
        return None

    def _delete(self, name: str, condition: str) -> None:
        table = self._location.table(name)
        if not self._spark.sql(f"SELECT 1 FROM {table} WHERE {condition}").isEmpty():
            self._spark.sql(f"DELETE FROM {table} WHERE {condition}").collect()

    def _history(self, name: str, limit: int, metadata: str | None) -> list[Commit]:
        history = self._spark.sql(f"DESCRIBE HISTORY {self._location.table(name)} LIMIT {limit}")
        if metadata is not None:
            history = history.where(F.col("userMetadata") == F.lit(metadata))
        at = F.unix_micros("timestamp").alias("at")
        written = F.col("operationMetrics")["numOutputRows"].alias("rows")
        rows = history.select("version", "userMetadata", at, written, "operation")
        found = [
            Commit(
                int(row["version"]), row["userMetadata"], from_micros(row["at"]),
                None if row["rows"] is None else int(row["rows"]), row["operation"],
            )
            for row in rows.collect()
        ]  # fmt: skip
        return sorted(found, key=lambda commit: -commit.version)

    def _save(self, target: Target, frame: DataFrame) -> None:
        writer = frame.write.format("delta").option("userMetadata", target.metadata)
        writer = writer.mode("append" if target.more else "overwrite")
        if target.run_id is not None and not target.more:
            writer = writer.option("replaceWhere", f"{target.table.slice_key} = '{target.run_id}'")
        if self._location.root is not None:
            writer.save(f"{self._location.root}/{target.table.name}")
        else:
            writer.saveAsTable(self._location.table(target.table.name))

    def _heal_log(self, table: Table, properties: Mapping[str, str]) -> None:
        # A process that died between making the log's folder and the first commit leaves a folder that CREATE TABLE
        # takes for a table, without a word; so does one that is just there.
        if self._location.root is None or self.exists(table.name):
            return
        options = {key: value for key, value in properties.items() if key.startswith("delta.")}
        writer = _described(self._frame(table, []), table).write.format("delta").mode("append").options(**options)
        writer = writer.partitionBy(table.slice_key) if table.partitioned else writer
        writer.save(f"{self._location.root}/{table.name}")
        self.change(table.name, (), {key: value for key, value in properties.items() if key not in options})

    def _frame(self, table: Table, rows: Sequence[Row]) -> DataFrame:
        # One partition: rows that come from the driver are few.
        values: Any = [tuple(row[name] for name in table.names) for row in rows]
        return self._spark.createDataFrame(values, table.ddl).coalesce(1)

    @contextmanager
    def _view(self, frame: DataFrame) -> Iterator[str]:
        """A frame as a temporary view of a unique name, for SQL."""
        name = f"rfm_spark_{uuid.uuid4().hex}"
        frame.createOrReplaceTempView(name)
        try:
            yield name
        finally:
            self._spark.catalog.dropTempView(name)


def _in(column: str, values: Sequence[str]) -> str:
    return f"{quoted(column)} IN ({', '.join(sql_text(value) for value in values)})"


def sql_text(value: str) -> str:
    """A string literal of SQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


_DIALECT = Dialect(
    sql_text, "map_contains_key({value}, {older})",
    "transform_keys({value}, (key, _) -> CASE WHEN key = {older} THEN {word} ELSE key END)",
)  # fmt: skip


def _described(frame: DataFrame, table: Table) -> DataFrame:
    return frame.select(
        *(F.col(quoted(name)).alias(name, metadata={"comment": comment}) for name, _, comment in table.columns)
    )


def _insertable(table: Table) -> tuple[str, str]:
    """Columns and values of an INSERT by name: an older lake's table has more columns, which `*` would ask for."""
    names = ", ".join(quoted(name) for name in table.names)
    return names, ", ".join(f"s.{quoted(name)}" for name in table.names)
