"""Opening the user's tables, pinned: what one run reads can't change under it, and has a fingerprint."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.core.config import Config, TransactionsSource, digest, fill_placeholders
from rfm_spark.core.errors import GateError, SourceError
from rfm_spark.lake.landing import land
from rfm_spark.lake.place import LOCAL, quoted, quoted_table
from rfm_spark.lake.store import Store

_GLOB = re.compile(r"[*?\[{]")


@dataclass(frozen=True)
class PinnedSource:
    """One source at one moment.

    Attributes:
        name: which source.
        version: `delta:<table>:12`, `files:<hash>` or `landed:<hash>`.
        frame: its rows, always those of `version`.
        recheck: raises GateError when files changed while they were read.
    """

    name: str
    version: str
    frame: DataFrame
    recheck: Callable[[], None]


def _nothing_to_recheck() -> None:
    return None


def pin(store: Store | None, spark: SparkSession, config: Config, name: str = "transactions") -> PinnedSource:
    """Open a source at its present version.

    Args:
        store: where views are landed; None only looks, and reads a view unpinned.
        spark: the session.
        config: names the source's place and format.
        name: which source.

    Raises:
        SourceError: nothing there, or not of the format that was given.
    """
    source: TransactionsSource = getattr(config.sources, name)
    where = f"sources.{name}"
    try:
        if source.table is not None:
            return _pin_table(store, spark, source.table, name, config.name)
        path = config.resolve(source.path or "")
        if source.format == "delta":
            return _pin_delta(spark, path, name, source.path or path)
        return _pin_files(spark, path, source, name)
    except AnalysisException as error:
        raise SourceError(
            f"{where}: {source.table or source.path} can't be read as "
            f"{source.format or 'a table'} ({_first_line(error)}); check the place and the format"
        ) from error


def _pin_delta(spark: SparkSession, path: str, name: str, shown: str) -> PinnedSource:
    _must_exist(path, f"sources.{name}", shown)
    try:
        version = _delta_version(spark, f"delta.{quoted(path)}")
    except AnalysisException as error:
        raise SourceError(f"sources.{name}: {shown} is no Delta table; check the path, or set format") from error
    frame = spark.read.format("delta").option("versionAsOf", version.number).load(path)
    return PinnedSource(name, str(version), frame, _nothing_to_recheck)


def _pin_table(store: Store | None, spark: SparkSession, table: str, name: str, config_name: str) -> PinnedSource:
    identifier = quoted_table(table, f"sources.{name}.table")
    rows = spark.table(identifier)
    try:
        version = _delta_version(spark, identifier)
    except AnalysisException:
        # Views and tables without versions can't be pinned where they are.
        if store is None:
            return PinnedSource(name, "unpinned", rows, _nothing_to_recheck)
        landed, content = land(store, rows, f"{config_name}_{name}")
        return PinnedSource(name, f"landed:{content}", landed, _nothing_to_recheck)
    frame = spark.sql(f"SELECT * FROM {identifier} VERSION AS OF {version.number}")
    return PinnedSource(name, str(version), frame, _nothing_to_recheck)


def _pin_files(spark: SparkSession, path: str, source: TransactionsSource, name: str) -> PinnedSource:
    _must_exist(path, f"sources.{name}", source.path or path)
    options = {key: _option(value) for key, value in source.options.items()}
    files, version = _listing(spark, path, options)
    if not files:
        raise SourceError(f"sources.{name}: no files in {source.path}; check the path")
    reader = spark.read.format(source.format or "").options(**options)
    root = re.sub(r"^file:/+", "/", path).rstrip("/")
    if not _GLOB.search(path) and not any(re.sub(r"^file:/+", "/", file) == root for file in files):
        # Below a folder, names such as country=DE are columns.
        reader = reader.option("basePath", path)
    frame = reader.load([_literal(file) for file in files])

    def recheck() -> None:
        if _listing(spark, path, options)[1] != version:
            raise GateError(f"sources.{name}: files in {source.path} changed while they were read; start the run again")

    return PinnedSource(name, f"files:{version}", frame, recheck)


def _listing(spark: SparkSession, path: str, options: dict[str, str]) -> tuple[list[str], str]:
    # Only the file status is read: binaryFile prunes the content column.
    keep = {key: value for key, value in options.items() if key in ("pathGlobFilter", "recursiveFileLookup")}
    found = spark.read.format("binaryFile").options(**keep).load(path)
    rows = sorted(tuple(row) for row in found.select("path", "length", F.unix_micros("modificationTime")).collect())
    # Not the name alone: a file moved to another partition is another input. Not the folder: a copy is the same one.
    root = os.path.commonpath([file for file, _, _ in rows]) if len(rows) > 1 else ""
    relative = [f"{_below(root, file)}|{length}|{modified}" for file, length, modified in rows]
    return [file for file, _, _ in rows], digest("\n".join(relative))[:16]


@dataclass(frozen=True)
class _DeltaVersion:
    """A table dropped and made anew counts its versions from 0 again, so its identity belongs to the version."""

    table: str
    number: int

    def __str__(self) -> str:
        return f"delta:{self.table[:8]}:{self.number}"


def _delta_version(spark: SparkSession, identifier: str) -> _DeltaVersion:
    newest = spark.sql(f"DESCRIBE HISTORY {identifier} LIMIT 1").select("version").collect()[0]["version"]
    table = spark.sql(f"DESCRIBE DETAIL {identifier}").select("id").collect()[0]["id"]
    return _DeltaVersion(str(table), int(newest))


def _must_exist(path: str, where: str, shown: str) -> None:
    if LOCAL.match(path) and not _GLOB.search(path):
        local = Path(re.sub(r"^file:/{1,3}", "/", path))
        if not local.exists():
            raise SourceError(f"{where}: nothing at {shown} (looked for {local}); check the path")


def _option(value: str | int | float | bool) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return fill_placeholders(text, "sources.options")


def _below(root: str, file: str) -> str:
    return file.removeprefix(root) if root else file.rpartition("/")[2]


def _literal(path: str) -> str:
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", path)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
