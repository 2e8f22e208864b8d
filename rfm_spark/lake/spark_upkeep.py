"""Maintenance of tables wherever Spark finds them, by its SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pyspark.sql import Row, SparkSession

from rfm_spark.core.moments import to_micros
from rfm_spark.core.session import over_connect, session_settings
from rfm_spark.lake.location import LakeLocation, quoted
from rfm_spark.lake.upkeep import Expired, Files

if TYPE_CHECKING:
    from collections.abc import Callable

# What a dry run lists at most.
_LISTED = 1000
# Delta's own check is of 7 days and knows nobody's reasons; whoever asks for less was asked for them.
_UNCHECKED = {"spark.databricks.delta.retentionDurationCheck.enabled": "false"}
_A_WEEK = 168
# Tasks in which folders are listed; the most is Spark's default.
_FEW_TASKS, _MOST_TASKS, _FILES_A_TASK = 8, 10_000, 100


class SparkUpkeep:
    """See `upkeep.TableUpkeep`."""

    def __init__(self, spark: SparkSession, location: LakeLocation, text: Callable[[str], str]) -> None:
        """Bind to a session, a place, and what makes a literal of SQL."""
        self._spark, self._location, self._text = spark, location, text

    def rows_per_run(self, name: str, run_ids: Collection[str]) -> Mapping[str, int]:
        """Counted in files of these runs alone."""
        if not run_ids:
            return {}
        table, among = self._location.table(name), self._in("run_id", run_ids)
        counted = self._spark.sql(f"SELECT run_id, count(*) AS rows FROM {table} WHERE {among} GROUP BY run_id")
        return {row["run_id"]: int(row["rows"]) for row in counted.collect()}

    def drop_runs(self, name: str, run_ids: Collection[str]) -> None:
        """A condition on the partition alone: Delta removes their files without reading them."""
        if run_ids:
            self._spark.sql(f"DELETE FROM {self._location.table(name)} WHERE {self._in('run_id', run_ids)}").collect()

    def set_where_null(self, name: str, column: str, value: Any, key: str, keys: Collection[str]) -> None:
        """A moment is written to the microsecond, whatever the session's time zone."""
        if not keys:
            return
        table, condition = self._location.table(name), f"{quoted(column)} IS NULL AND {self._in(key, keys)}"
        literal = f"timestamp_micros({to_micros(value)})" if isinstance(value, datetime) else self._text(str(value))
        if not self._spark.sql(f"SELECT 1 FROM {table} WHERE {condition}").isEmpty():
            self._spark.sql(f"UPDATE {table} SET {quoted(column)} = {literal} WHERE {condition}").collect()

    def files(self, name: str) -> Files:
        """As Delta describes the table."""
        table = self._location.table(name)
        detail = self._spark.sql(f"DESCRIBE DETAIL {table}").select("numFiles", "sizeInBytes", "partitionColumns")
        found: Row = detail.collect()[0]
        columns = ", ".join(quoted(one) for one in found["partitionColumns"])
        partitions = self._spark.sql(f"SELECT DISTINCT {columns} FROM {table}").count() if columns else 1
        return Files(int(found["numFiles"]), int(found["sizeInBytes"]), partitions)

    def fold(self, name: str) -> tuple[int, int]:
        """By OPTIMIZE."""
        metrics = self._spark.sql(f"OPTIMIZE {self._location.table(name)}").select(
            "metrics.numFilesRemoved", "metrics.numFilesAdded"
        )
        removed, added = metrics.collect()[0]
        return int(removed), int(added)

    def clean_log(self, name: str) -> int:
        """Nothing: Delta writes a checkpoint every ten commits, and deletes expired commits then."""
        del name
        return 0

    def expired(self, name: str, hours: int) -> Expired:
        """Of many files Delta lists the first thousand.

        Folders of partitions that hold nothing any more are deleted with files; alone they are left, unless they fill
        the list and may hide files.
        """
        listed = self._vacuum(name, hours, " DRY RUN")
        is_part = len(listed) >= _LISTED
        files = [row for row in listed if "=" not in row["path"].rstrip("/").rpartition("/")[2]]
        return Expired(len(listed if is_part else files), is_part=is_part)

    def vacuum(self, name: str, hours: int) -> None:
        """By VACUUM."""
        self._vacuum(name, hours, "")

    def _vacuum(self, name: str, hours: int, how: str) -> list[Row]:
        statement = f"VACUUM {self._location.table(name)} RETAIN {int(hours)} HOURS{how}"
        settings = {**(_UNCHECKED if hours < _A_WEEK else {}), **self._listing(name)}
        with session_settings(self._spark, settings):
            return self._spark.sql(statement).collect()

    def _listing(self, name: str) -> dict[str, str]:
        """As many tasks that list files as the table is large: of a small one Delta would start ten thousand."""
        if over_connect(self._spark):
            # Not every server lets it be set.
            return {}
        detail = self._spark.sql(f"DESCRIBE DETAIL {self._location.table(name)}").select("numFiles").collect()
        tasks = min(_MOST_TASKS, max(_FEW_TASKS, int(detail[0][0]) // _FILES_A_TASK))
        return {"spark.sql.sources.parallelPartitionDiscovery.parallelism": str(tasks)}

    def _in(self, column: str, values: Collection[str]) -> str:
        return f"{quoted(column)} IN ({', '.join(self._text(value) for value in sorted(values))})"
