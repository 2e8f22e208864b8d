"""What commits brought to a Delta table of the user's between two versions, from its log."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from rfm_spark.core.reading.delivery import Delivery, Seen, Since
from rfm_spark.lake.location import LOCAL
from rfm_spark.lake.missing import is_missing

_VERSION = re.compile(r"^delta:(?P<table>.+):(?P<number>\d+)$")
_ELSEWHERE = re.compile(r"^(/|[A-Za-z][A-Za-z0-9+.-]*:)")
# Files of more partitions than this are found by a condition on their names instead of one scan for each.
_PARTITIONS = 8


@dataclass(frozen=True)
class DeltaSource:
    """A Delta table at one version.

    Attributes:
        root: folder of the table.
        version: as `delta:<table>:<number>`.
        frame: its rows.
        written: when that version was made.
        is_plain: whether its files can be read as Parquet: neither deletion vectors nor mapped columns.
        table: its name in a catalog, in quotes; None for a path.
    """

    root: str
    version: str
    frame: DataFrame
    written: datetime | None
    is_plain: bool
    table: str | None = None


@dataclass(frozen=True)
class _Added:
    path: str
    partition: tuple[tuple[str, str | None], ...]


def deliveries(spark: SparkSession, source: DeltaSource) -> Since:
    """What came since a version: files that commits added, or everything where rows were changed or history is gone."""

    def since(seen: Seen | None) -> Delivery:
        if seen is None:
            return _everything(source)
        if seen.version == source.version:
            return Delivery("nothing", source.frame, source.version, (), source.written)
        before, now = _VERSION.match(seen.version), _VERSION.match(source.version)
        if before is None or now is None:
            return _everything(source, "it is another kind of source by now")
        if before["table"] != now["table"]:
            return _everything(source, "the table was made anew")
        first, last = int(before["number"]) + 1, int(now["number"])
        if first > last:
            return _everything(source, f"it went back from version {first - 1} to version {last}")
        log = _log(spark, source.root, first, last)
        if log is None:
            return _everything(source, f"its history no longer reaches back to version {first}")
        return _appended(spark, source, log)

    return since


def _everything(source: DeltaSource, why: str = "") -> Delivery:
    return Delivery("rebuild", source.frame, source.version, (), source.written, why)


def _appended(spark: SparkSession, source: DeltaSource, log: Sequence[tuple[int, list[dict[str, Any]]]]) -> Delivery:
    added: list[_Added] = []
    moved: dict[str, int] = {}
    for version, actions in log:
        if any(_changes_data(action, "remove") for action in actions):
            fed = _from_feed(spark, source, log)
            if fed is not None:
                return fed
            operation = next(
                (action["commitInfo"].get("operation") for action in actions if "commitInfo" in action), ""
            )
            return _everything(source, f"version {version} changed or removed rows ({operation or 'unnamed'})")
        moved |= {unquote(action["remove"]["path"]): version for action in actions if "remove" in action}
        adds = (action["add"] for action in actions if _changes_data(action, "add"))
        added += [
            _Added(unquote(add["path"]), tuple(sorted((add.get("partitionValues") or {}).items()))) for add in adds
        ]
    frame = source.frame.where(F.lit(False)) if not added else _rows_of(spark, source, added, moved)
    if frame is not None:
        return Delivery("append", frame, source.version, (), source.written)
    last = max(moved[one.path] for one in added if one.path in moved)
    return _from_feed(spark, source, log) or _everything(source, f"version {last} folded files that had not been read")


def _from_feed(
    spark: SparkSession, source: DeltaSource, log: Sequence[tuple[int, list[dict[str, Any]]]]
) -> Delivery | None:
    """Rows that changed, where the table keeps a feed of them; None where it does not, or not since long enough."""
    span = {"startingVersion": str(log[0][0]), "endingVersion": str(log[-1][0])}
    reader = spark.read.format("delta").options(readChangeFeed="true", **span)
    names = [field.name for field in source.frame.schema.fields]
    kind = F.col("_change_type")
    try:
        changes = reader.table(source.table) if source.table is not None else reader.load(source.root)
        there = changes.where(kind.isin("insert", "update_postimage")).select(*names)
        gone = changes.where(kind.isin("delete", "update_preimage")).select(*names)
        # Whether the feed reaches back that far is found when its rows are asked for.
        changes.select(kind).limit(1).collect()
    except (AnalysisException, PySparkException):
        return None
    return Delivery("correction", there, source.version, (), source.written, gone=gone)


def _changes_data(action: dict[str, Any], kind: str) -> bool:
    return kind in action and bool(action[kind].get("dataChange", True))


def _log(spark: SparkSession, root: str, first: int, last: int) -> list[tuple[int, list[dict[str, Any]]]] | None:
    """Actions of each commit; None where one is gone."""
    names = {f"{version:020d}.json": version for version in range(first, last + 1)}
    if LOCAL.match(root):
        folder = Path(re.sub(r"^file:/{1,3}", "/", root)) / "_delta_log"
        try:
            texts = {
                version: (folder / name).read_text(encoding="utf-8").splitlines() for name, version in names.items()
            }
        except FileNotFoundError:
            return None
    else:
        found = _remote_log(spark, root, list(names))
        if found is None:
            return None
        texts = {version: found[name] for name, version in names.items()}
    return [(version, [json.loads(line) for line in lines if line.strip()]) for version, lines in sorted(texts.items())]


def _remote_log(spark: SparkSession, root: str, names: Sequence[str]) -> dict[str, list[str]] | None:
    try:
        lines = spark.read.text([f"{root}/_delta_log/{name}" for name in names])
        rows = lines.select(F.col("_metadata.file_name").alias("name"), "value").collect()
    except AnalysisException as error:
        if not is_missing(error) and "PATH_NOT_FOUND" not in str(error):
            raise
        return None
    found: dict[str, list[str]] = {name: [] for name in names}
    for row in rows:
        found[row["name"]].append(row["value"])
    return found


def _rows_of(
    spark: SparkSession, source: DeltaSource, added: Sequence[_Added], moved: Collection[str]
) -> DataFrame | None:
    """The rows of added files; None where some were moved into other files since, and can't be read any more.

    Delta's reader has no way to read some files of a version alone: it lists all of them and passes over the rows of
    the others. So files that are plain Parquet are read as such.
    """
    groups: dict[tuple[tuple[str, str | None], ...], list[str]] = defaultdict(list)
    for one in added:
        groups[one.partition].append(one.path)
    is_untouched = not any(one.path in moved for one in added)
    inside = not any(_ELSEWHERE.match(one.path) for one in added)
    if source.is_plain and inside and len(groups) <= _PARTITIONS:
        try:
            frames = [_plain(spark, source, paths, dict(values)) for values, paths in groups.items()]
            rows = reduce(DataFrame.unionByName, frames)
            # Over Spark Connect a file that is gone is not missed before a plan is looked at.
            return rows.select(*rows.schema.names)
        except AnalysisException as error:
            if is_untouched or "PATH_NOT_FOUND" not in str(error):
                raise
            return None
    if not is_untouched:
        return None
    names = [one.path.rpartition("/")[2] for one in added]
    return source.frame.where(F.col("_metadata.file_name").isin(names))


def _plain(spark: SparkSession, source: DeltaSource, paths: Sequence[str], values: dict[str, str | None]) -> DataFrame:
    schema = source.frame.schema
    inside = StructType([field for field in schema.fields if field.name not in values])
    root = re.sub(r"^file:/{1,3}", "file:///", source.root) if source.root.startswith("file:") else source.root
    prefix = f"file://{root}" if root.startswith("/") else root
    reader = spark.read.schema(inside).option("__globPaths__", "false")
    rows = reader.parquet(*(f"{prefix}/{path}" for path in paths))
    given = {name: F.lit(value).cast(schema[name].dataType) for name, value in values.items()}
    return rows.withColumns(given).select(*(field.name for field in schema.fields))
