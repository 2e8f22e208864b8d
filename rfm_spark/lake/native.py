"""Tables of a lake in a folder of this machine, committed by `deltalake`: no Spark job for what is small.

Rows of the driver become one Parquet file and a commit, some ten milliseconds where Spark takes seconds. A frame's
files are written by Spark, as plain Parquet, and committed here: a commit is the creation of the next log file by hard
link, which fails where another process was faster. (Spark's own commits to a local folder look first and rename then.)
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.core.errors import LakeError
from rfm_spark.core.schemas import slice_key_of
from rfm_spark.core.table import Table
from rfm_spark.lake.arrow import delta_schema, to_arrow
from rfm_spark.lake.commits import with_retries
from rfm_spark.lake.local import commit_of
from rfm_spark.lake.log_files import has_commit, has_files, partition_values, plain_frame, rows_in, rows_of_partition
from rfm_spark.lake.native_sql import DIALECT, is_in
from rfm_spark.lake.native_upkeep import NativeUpkeep
from rfm_spark.lake.rewording import Change, update_of
from rfm_spark.lake.tables import Commit, Row, Target, Written

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

_HISTORY = 50
# Each run read by its files is a scan of its own; a plan of hundreds takes longer than Delta's pruning.
_RUNS_BY_FILE = 8


class NativeTables:
    """Delta tables below a local folder."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        """Bind to the folder, and to the session that frames are read and written in."""
        self._spark, self._root = spark, root

    def exists(self, name: str) -> bool:
        """Whether there is a log with a commit."""
        return has_commit(self._root / name)

    def properties(self, name: str) -> dict[str, str] | None:
        """Properties of a table; None where there is none."""
        return dict(self._open(name).metadata().configuration) if self.exists(name) else None

    def create(self, table: Table, properties: Mapping[str, str]) -> None:
        """Make an empty table, unless it is there."""
        from deltalake import CommitProperties
        from deltalake import DeltaTable as LocalTable
        from deltalake.exceptions import DeltaError

        if self.exists(table.name):
            return
        # Spark leaves the making of folders to whoever writes first, with the rights of the process.
        (self._root / table.name).mkdir(parents=True, exist_ok=True)
        try:
            LocalTable.create(
                (self._root / table.name).as_uri(), delta_schema(table.columns), mode="error",
                description=table.comment, partition_by=[table.slice_key] if table.partitioned else None,
                configuration=dict(properties), raise_if_key_not_exists=False,
                commit_properties=CommitProperties(max_commit_retries=0),
            )  # fmt: skip
        except DeltaError:
            # Another process was faster.
            if not self.exists(table.name):
                raise

    def change(self, name: str, columns: Sequence[tuple[str, str, str]], properties: Mapping[str, str]) -> None:
        """Add columns and set properties."""
        alter = self._open(name).alter
        if columns:
            alter.add_columns(delta_schema(columns).fields)
        if properties:
            self._open(name).alter.set_table_properties(dict(properties), raise_if_not_exists=False)

    def update(self, name: str, changes: Sequence[Change]) -> None:
        """Change rows, in files written again; nothing is committed where there are none."""
        found = {change.column: update_of(change, DIALECT) for change in changes}
        values = {column: value for column, (value, _) in found.items()}
        self._open(name).update(updates=values, predicate=" OR ".join(condition for _, condition in found.values()))

    def write_frame(self, target: Target, frame: DataFrame) -> Written:
        """Let Spark write the files, and commit them."""
        inside = self._inside(target)
        folder = self._root / target.table.name / inside
        plain = frame.drop(target.table.slice_key) if target.table.partitioned else frame
        plain.write.mode("errorifexists").parquet(f"file://{folder}")
        if not (folder / "_SUCCESS").exists():
            raise LakeError(
                f"lake {self._root}: what Spark wrote for {target.table.name} is not in this machine's folder; name "
                "the lake by a URI such as hdfs:// or s3a://"
            )
        for done in ("_SUCCESS", "._SUCCESS.crc"):
            (folder / done).unlink(missing_ok=True)
        return self._commit(target, [f"{inside}/{file.name}" for file in sorted(folder.glob("*.parquet"))])

    def write_rows(self, target: Target, rows: Sequence[Row]) -> Written:
        """Write one file, and commit it."""
        return self._commit(target, self._write_file(target, rows))

    def add_rows(self, target: Target, rows: Sequence[Row]) -> None:
        """Write one file, and add it."""
        self._commit(target, self._write_file(target, rows))

    def rows(self, name: str, where: Mapping[str, Sequence[Any]], columns: Sequence[str] | None = None) -> list[Row]:
        """Rows whose columns have one of the values given."""
        return rows_in(self._root / name, self._open(name), where, columns)

    def frame_of_runs(self, name: str, run_ids: Sequence[str]) -> DataFrame | None:
        """Rows of runs, read as the Parquet files that the log names; None where only Delta's reader knows how."""
        table, key = self._open(name), slice_key_of(name)
        if table.metadata().partition_columns != [key] or len(run_ids) > _RUNS_BY_FILE:
            return None
        frames = [
            frame.withColumn(key, F.lit(run_id))
            for run_id in run_ids
            if (frame := plain_frame(self._spark, self._root / name, table, {key: run_id})) is not None
        ]
        if len(frames) < len(run_ids) or not frames:
            return None
        names = [field.name for field in table.schema().fields]
        return reduce(DataFrame.unionByName, frames).select(*names)

    def append_new(self, table: Table, rows: Sequence[Row], keys: Sequence[str]) -> int:
        """Append rows whose keys are not there, in one commit on the version that was looked at."""
        seen = self._open(table.name)
        there = rows_in(self._root / table.name, seen, {}, keys)
        known = {tuple(_comparable(row.get(key)) for key in keys) for row in there}
        new = [row for row in rows if tuple(_comparable(row[key]) for key in keys) not in known]
        if new:
            target = Target(table, "", more=True)
            self._commit(target, self._write_file(target, new), seen)
        return len(new)

    def put_if(self, table: Table, row: Row, keys: Sequence[str], column: str, expected: str) -> bool:
        """Put a row if the one of the same keys has the expected value, in one commit on the version looked at."""
        seen = self._open(table.name)
        there = [{**dict.fromkeys(table.names), **row} for row in rows_in(self._root / table.name, seen, {})]
        mine = [old for old in there if all(old[key] == row[key] for key in keys)]
        if any(old[column] != expected for old in mine):
            return False
        target = Target(table, "")
        self._commit(target, self._write_file(target, [*(old for old in there if old not in mine), row]), seen)
        return True

    def delete_rows(self, name: str, where: Mapping[str, Sequence[str]]) -> None:
        """Delete rows; nothing is committed where there are none."""
        table = self._open(name)
        if rows_in(self._root / name, table, where, list(where)):
            table.delete(" AND ".join(is_in(column, values) for column, values in where.items()))

    def drop_slices(self, name: str, keys: Sequence[str]) -> None:
        """Remove the files of partitions from the log."""
        table, column = self._open(name), slice_key_of(name)
        there = partition_values(table, column).intersection(keys)
        if there:
            table.delete(is_in(column, there))

    def row_count(self, name: str) -> int:
        """How many rows a table has."""
        return int(self._open(name).count())

    def rows_of_run(self, name: str, run_id: str) -> int:
        """How many rows the files of a run have, as the log tells."""
        return rows_of_partition(self._open(name), {slice_key_of(name): run_id})

    def run_ids(self, name: str) -> set[str]:
        """Runs whose files the log names."""
        return partition_values(self._open(name), slice_key_of(name))

    def last_commit(self, name: str) -> Commit:
        """The newest commit."""
        return commit_of(self._open(name).history(1)[0])

    def last_write(self, name: str) -> Commit | None:
        """The newest commit that did not only fold or delete files."""
        return self._newest(name, lambda commit: not commit.keeps_rows)

    def upkeep(self) -> NativeUpkeep:
        """Maintenance by `deltalake`."""
        return NativeUpkeep(self._root, self._open)

    def commit_with_metadata(self, name: str, metadata: str) -> Commit | None:
        """The newest commit that says this about itself."""
        return self._newest(name, lambda commit: commit.metadata == metadata)

    def _newest(self, name: str, wanted: Callable[[Commit], bool]) -> Commit | None:
        # Another process may have committed since; hardly ever fifty times.
        for limit in (_HISTORY, None):
            found = (commit_of(one) for one in self._open(name).history(limit))
            newest = next((one for one in found if wanted(one)), None)
            if newest is not None:
                return newest
        return None

    def _open(self, name: str) -> DeltaTable:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        try:
            # As a URI: of a plain path what looks percent-encoded would be decoded.
            return DeltaTable((self._root / name).as_uri())
        except (DeltaError, OSError) as error:
            first = str(error).splitlines()[0]
            raise LakeError(
                f"lake {self._root}: table {name} can't be opened ({first}); restore its _delta_log, or move the "
                "table away"
            ) from error

    def _inside(self, target: Target) -> str:
        part = f"{target.table.slice_key}={target.run_id}/" if target.table.partitioned else ""
        return f"{part}{uuid.uuid4().hex}"

    def _write_file(self, target: Target, rows: Sequence[Row]) -> list[str]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not rows:
            return []
        columns = [
            column
            for column in target.table.columns
            if not (target.table.partitioned and column[0] == target.table.slice_key)
        ]
        schema = pa.schema(delta_schema(columns).to_arrow())
        made = [{name: to_arrow(row[name], schema.field(name).type) for name, _, _ in columns} for row in rows]
        file = f"{self._inside(target)}.parquet"
        location = self._root / target.table.name / file
        location.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(made, schema=schema), location)
        return [file]

    def _commit(self, target: Target, files: Sequence[str], seen: DeltaTable | None = None) -> Written:
        """Commit files on the version that was seen; without one on the newest, again where another was faster."""
        added = [self._added(target, file) for file in files]
        if seen is not None:
            return self._commit_on(seen, target, added)
        # What is replaced is what that version has: rebased, two who replace nothing would both add.
        return with_retries(lambda: self._commit_on(self._open(target.table.name), target, added))

    def _commit_on(self, table: DeltaTable, target: Target, added: Sequence[tuple[AddAction, int]]) -> Written:
        from deltalake import CommitProperties

        kept: list[AddAction | RemoveAction] = [action for action, count in added if count]
        rows = sum(count for _, count in added)
        key = target.table.slice_key
        mine = [(key, "=", str(target.run_id))] if target.table.partitioned else None
        part = {key: str(target.run_id)} if target.table.partitioned else {}
        if not kept and (target.more or not has_files(table, part)):
            # Replacing nothing by nothing: the table as it is holds what was meant.
            return Written(table.version(), 0)
        size = sum(action.size for action, count in added if count)
        metrics = {"numFiles": len(kept), "numOutputRows": rows, "numOutputBytes": size}
        info: dict[str, Any] = {"operationMetrics": {name: str(value) for name, value in metrics.items()}}
        if target.metadata:
            info["userMetadata"] = target.metadata
        table.create_write_transaction(
            kept,
            "append" if target.more else "overwrite",
            table.schema(),
            [key] if target.table.partitioned else None,
            partition_filters=None if target.more else mine,
            commit_properties=CommitProperties(info, max_commit_retries=0),
        )
        made = self.commit_with_metadata(target.table.name, target.metadata) if target.metadata else None
        return Written(table.version() + 1 if made is None else made.version, rows)

    def _added(self, target: Target, file: str) -> tuple[AddAction, int]:
        import pyarrow.parquet as pq
        from deltalake.transaction import AddAction

        location = self._root / target.table.name / file
        status, rows = location.stat(), int(pq.read_metadata(location).num_rows)
        values = {target.table.slice_key: target.run_id} if target.table.partitioned else {}
        stats = json.dumps({"numRecords": rows})
        return AddAction(file, status.st_size, values, int(status.st_mtime * 1000), True, stats), rows


def _comparable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
