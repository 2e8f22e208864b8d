"""Delta tables in a folder of this machine, read as the Parquet files that their log names."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from rfm_spark.core.errors import LakeError
from rfm_spark.lake.arrow import from_arrow
from rfm_spark.lake.tables import Row

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyarrow.parquet import ParquetFile


# A clone names files of the table it was made of.
_ELSEWHERE = re.compile(r"^(/|[A-Za-z][A-Za-z0-9+.-]*:)")


def has_commit(folder: Path) -> bool:
    """Whether there is a table: a log with a commit.

    Raises:
        OSError: the log is there, and can't be listed.
    """
    try:
        # Not by a pattern, which takes a folder that may not be read for an empty one.
        names = os.listdir(folder / "_delta_log")
    except (FileNotFoundError, NotADirectoryError):
        return False
    return any(name.endswith(".json") or fnmatch(name, "*.checkpoint*.parquet") for name in names)


def plain_frame(
    spark: SparkSession, folder: Path, table: DeltaTable, partition: Mapping[str, str] | None = None
) -> DataFrame | None:
    """Rows of a Delta table as the Parquet files that its log names: no snapshot of the log, no job to find the files.

    Args:
        spark: the session.
        folder: of the table.
        table: at the version that is meant.
        partition: values of the partition to read, whose columns are left out; None for a table without partitions.

    Returns:
        None where only Delta's own reader knows how: features such as deletion vectors or mapped columns, files of
        another table, and partitions that are not asked for.
    """
    given = dict(partition or {})
    if table.protocol().min_reader_version > 1 or table.metadata().partition_columns != list(given):
        return None
    document = json.loads(table.schema().to_json())
    kept = [{**field, "metadata": {}} for field in document["fields"] if field["name"] not in given]
    schema = StructType.fromJson({"type": "struct", "fields": kept})
    live = [path for path, values in _live_files(table) if values.items() >= given.items()]
    if any(_ELSEWHERE.match(path) for path in live):
        return None
    if not live:
        return spark.createDataFrame([], schema)
    # Names are what they are: no brackets in them are patterns.
    reader = spark.read.schema(schema).option("__globPaths__", "false")
    return reader.parquet(*(f"file://{folder / path}" for path in live))


def _live_files(table: DeltaTable) -> list[tuple[str, dict[str, str]]]:
    """Paths below the table's folder, and the values of its partition columns."""
    names = table.metadata().partition_columns
    actions = table.get_add_actions(flatten=True)
    paths = [unquote(path) for path in actions.column("path").to_pylist()]
    values = [actions.column(f"partition.{name}").to_pylist() for name in names]
    return [(path, dict(zip(names, mine, strict=True))) for path, *mine in zip(paths, *values, strict=True)]


def has_files(table: DeltaTable, partition: Mapping[str, str]) -> bool:
    """Whether a table, or a partition of it, has any rows."""
    return any(values.items() >= partition.items() for _, values in _live_files(table))


def partition_values(table: DeltaTable, name: str) -> set[str]:
    """Values of a partition column that have files."""
    return {values[name] for _, values in _live_files(table)}


def rows_of_partition(table: DeltaTable, partition: Mapping[str, str]) -> int:
    """Rows of the files of a partition, as their statistics in the log tell."""
    actions = table.get_add_actions(flatten=True)
    values = [actions.column(f"partition.{name}").to_pylist() for name in partition]
    counts = actions.column("num_records").to_pylist()
    wanted = tuple(partition.values())
    return sum(int(rows or 0) for rows, *mine in zip(counts, *values, strict=True) if tuple(mine) == wanted)


def rows_in(
    folder: Path, table: DeltaTable, where: Mapping[str, Sequence[Any]], columns: Sequence[str] | None = None
) -> list[Row]:
    """Rows whose columns have one of the values given, file by file; a column that a file lacks is None.

    Args:
        folder: of the table.
        table: at the version that is meant.
        where: column to allowed values.
        columns: to read; None for all.

    Raises:
        LakeError: the table has features that change what its files mean.
    """
    import pyarrow.parquet as pq

    if table.protocol().min_reader_version > 1:
        raise LakeError(
            f"lake {folder.parent}: table {folder.name} has features that rfm-spark does not read (deletion vectors or "
            "mapped columns); restore it, or start a new lake"
        )
    names = [field.name for field in table.schema().fields]
    if where.keys() - set(names):
        # An older version's table did not note it: none of its rows has the value.
        return []
    wanted = [name for name in names if columns is None or name in columns]
    found: list[Row] = []
    for path, values in _live_files(table):
        if any(values[name] not in where[name] for name in values.keys() & where.keys()):
            continue
        # Spark may write times as 96 bits, which hold an instant without saying so.
        with pq.ParquetFile(folder / path, coerce_int96_timestamp_unit="us") as file:
            inside = {name: allowed for name, allowed in where.items() if name not in values}
            keep = [
                at for at, row in enumerate(_rows_of(file, list(inside)))
                if all(row[name] in allowed for name, allowed in inside.items())
            ]  # fmt: skip
            # What is long is read only of files that have a row asked for.
            rows = _rows_of(file, [name for name in wanted if name not in values], keep) if keep else []
        partition = {name: value for name, value in values.items() if name in wanted}
        found += [{**partition, **row} for row in rows]
    return found


def _rows_of(file: ParquetFile, names: Sequence[str], keep: Sequence[int] | None = None) -> list[Row]:
    """Columns of a file, those it lacks as None; of all rows, or of those at some places."""
    there = [name for name in names if name in set(file.schema_arrow.names)]
    rows = file.read(there, use_threads=False)
    # One by one: `take` knows no views of strings, as which `deltalake` writes texts when it updates or folds.
    places = range(file.metadata.num_rows) if keep is None else keep
    columns = {
        kind.name: [from_arrow(column[at].as_py(), kind.type) for at in places]
        for kind, column in zip(rows.schema, rows.columns, strict=True)
    }
    return [{name: columns[name][at] if name in columns else None for name in names} for at in range(len(places))]
