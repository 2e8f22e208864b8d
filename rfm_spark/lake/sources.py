"""Opening the user's tables, pinned: what one run reads can't change under it, and has a fingerprint."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.core.config import Config
from rfm_spark.core.errors import GateError, RfmSparkError, SourceError
from rfm_spark.core.moments import from_micros
from rfm_spark.core.reading.delivery import Delivery, DeliveryKind, Seen, Since, new_files, whole_or_nothing
from rfm_spark.core.reading.places import CORRUPT, Where
from rfm_spark.lake.changes import DeltaSource, deliveries
from rfm_spark.lake.commits import is_conflict
from rfm_spark.lake.files import GLOB, listing, read_files
from rfm_spark.lake.jdbc import jdbc_error, read_jdbc, without_secrets
from rfm_spark.lake.landing import land
from rfm_spark.lake.local import local_version
from rfm_spark.lake.location import LOCAL, quoted, quoted_table
from rfm_spark.lake.missing import has_no_versions, is_missing
from rfm_spark.lake.store import Store

Inspect = Callable[[DataFrame], None]


def _anything(rows: DataFrame) -> None:
    del rows


def _nothing_to_recheck() -> None:
    return None


@dataclass(frozen=True)
class PinnedSource:
    """One source at one moment.

    Attributes:
        name: which source.
        version: `delta:<table>:12`, `files:<hash>` or `landed:<hash>`.
        frame: its rows, always those of `version`.
        written: when that version was written; None where nobody knows.
        recheck: raises GateError when files changed while they were read.
        deliveries: tells what came since it was last read; None where it is always read whole.
    """

    name: str
    version: str
    frame: DataFrame
    written: datetime | None = None
    recheck: Callable[[], None] = _nothing_to_recheck
    deliveries: Since | None = None

    def since(self, seen: Seen | None) -> Delivery:
        """What is new in it; see `core.reading.delivery.Delivery`."""
        return (self.deliveries or whole_or_nothing(self.frame, self.version, self.written))(seen)


def pin(
    store: Store | None, spark: SparkSession, config: Config, name: str = "transactions", inspect: Inspect = _anything
) -> PinnedSource:
    """Open a source at its present version.

    Args:
        store: where databases, and tables with `land`, are landed; None only looks, and reads these unpinned.
        spark: the session.
        config: names the source's place and format.
        name: which source; `transactions.rates` are its exchange rates.
        inspect: looks at the rows' columns, and raises, before anything is landed.

    Raises:
        SourceError: nothing there, or not of the format that was given.
        GateError: what was landed changed while it was read.
    """
    place = _place_of(config, name)
    try:
        if place.table is not None:
            return _pin_table(store, spark, place, name, config.name, inspect)
        if place.format == "jdbc":
            return _pin_jdbc(store, spark, place, name, config.name, inspect)
        path = config.resolve(place.path or "")
        _must_exist(path, f"sources.{name}", place)
        if place.format == "delta":
            return _pin_delta(spark, path, name, place.path or path, inspect)
        return _pin_files(spark, path, place, name, inspect)
    except AnalysisException as error:
        raise SourceError(
            f"sources.{name}: {place.shown} can't be read as {place.format or 'a table'} "
            f"({without_secrets(_first_line(error), place)}); check the place and the format"
        ) from error


def _place_of(config: Config, name: str) -> Where:
    outer, _, inner = name.partition(".")
    place = config.sources[outer]
    found = getattr(place, inner) if inner else place
    if not isinstance(found, Where):
        raise LookupError(f"the configuration has no source {name}")
    return found


def columns_of(rows: DataFrame) -> str:
    """Names and types of a source's columns, as JSON, as the ledger keeps them."""
    return json.dumps(
        {field.name: field.dataType.simpleString() for field in rows.schema.fields if field.name != CORRUPT}
    )


def _pin_delta(spark: SparkSession, path: str, name: str, shown: str, inspect: Inspect) -> PinnedSource:
    found = local_version(spark, path)
    if found is not None:
        inspect(found.frame)
        version = f"delta:{found.table[:8]}:{found.number}"
        since = deliveries(spark, DeltaSource(path, version, found.frame, found.written, is_plain=True))
        return PinnedSource(name, version, found.frame, found.written, deliveries=since)
    try:
        version_now = _delta_version(spark, f"delta.{quoted(path)}")
    except AnalysisException as error:
        if not (is_missing(error) or has_no_versions(error)):
            raise
        raise SourceError(f"sources.{name}: {shown} is no Delta table; check the path, or set format") from error
    frame = spark.read.format("delta").option("versionAsOf", version_now.number).load(path)
    inspect(frame)
    return _pinned_delta(spark, name, version_now, frame)


def _pin_table(
    store: Store | None, spark: SparkSession, place: Where, name: str, config_name: str, inspect: Inspect
) -> PinnedSource:
    identifier = quoted_table(place.table or "", f"sources.{name}.table")
    rows = spark.table(identifier)
    inspect(rows)
    if place.land:
        return _landed(store, rows, name, config_name)
    try:
        version = _delta_version(spark, identifier)
    except AnalysisException as error:
        if not has_no_versions(error):
            raise
        raise SourceError(
            f"sources.{name}: {place.table} is a view or a table without versions; it is copied into the lake, where "
            "row filters and masks hold no longer, only with land: true; or give the Delta table beneath it, with "
            "where: for the rows that count"
        ) from error
    frame = spark.sql(f"SELECT * FROM {identifier} VERSION AS OF {version.number}")
    return _pinned_delta(spark, name, version, frame, identifier)


def _pinned_delta(
    spark: SparkSession, name: str, version: _DeltaVersion, frame: DataFrame, table: str | None = None
) -> PinnedSource:
    source = DeltaSource(version.root, str(version), frame, version.written, version.is_plain, table)
    return PinnedSource(name, str(version), frame, version.written, deliveries=deliveries(spark, source))


def _pin_jdbc(
    store: Store | None, spark: SparkSession, place: Where, name: str, config_name: str, inspect: Inspect
) -> PinnedSource:
    rows = read_jdbc(spark, place, name)
    inspect(rows)
    try:
        return _landed(store, rows, name, config_name)
    except Exception as error:
        # What the lake has to say is not the database's fault.
        if isinstance(error, RfmSparkError) or is_conflict(error):
            raise
        raise jdbc_error(error, place, name) from None


def _landed(store: Store | None, rows: DataFrame, name: str, config_name: str) -> PinnedSource:
    if store is None:
        return PinnedSource(name, "unpinned", rows)
    landed = land(store, rows, f"{config_name}_{name.replace('.', '_')}", f"sources.{name}")
    return PinnedSource(name, f"landed:{landed.fingerprint}", landed.rows, landed.written)


def _pin_files(spark: SparkSession, path: str, place: Where, name: str, inspect: Inspect) -> PinnedSource:
    found = listing(spark, path, place)
    if not found.files:
        raise SourceError(f"sources.{name}: no files in {place.path}; check the path")
    frame = read_files(spark, path, place, found)
    inspect(frame)

    def recheck() -> None:
        if listing(spark, path, place).version != found.version:
            raise GateError(f"sources.{name}: files in {place.path} changed while they were read; start the run again")

    def since(seen: Seen | None) -> Delivery:
        kind: DeliveryKind = "rebuild"
        new, why = new_files(seen.files, found.entries) if seen is not None else ([], "")
        if seen is not None and not why:
            kind = "append" if new else "nothing"
        rows = frame if kind != "append" else read_files(spark, path, place, found.only(new), frame.schema)
        # One file that is replaced, as an export is every night, is always read whole.
        told = "" if len(found.entries) == 1 else why
        return Delivery(kind, rows, version, found.entries, found.written, told)

    version = f"files:{found.version}"
    return PinnedSource(name, version, frame, found.written, recheck, since)


@dataclass(frozen=True)
class _DeltaVersion:
    """A table dropped and made anew counts its versions from 0 again, so its identity belongs to the version."""

    table: str
    number: int
    written: datetime
    root: str
    is_plain: bool

    def __str__(self) -> str:
        return f"delta:{self.table[:8]}:{self.number}"


def _delta_version(spark: SparkSession, identifier: str) -> _DeltaVersion:
    history = spark.sql(f"DESCRIBE HISTORY {identifier} LIMIT 1")
    newest = history.select("version", F.unix_micros("timestamp").alias("micros")).collect()[0]
    table = spark.sql(f"DESCRIBE DETAIL {identifier}").select("id", "location", "minReaderVersion").collect()[0]
    return _DeltaVersion(
        str(table["id"]), int(newest["version"]), from_micros(int(newest["micros"])), str(table["location"]),
        is_plain=int(table["minReaderVersion"]) == 1,
    )  # fmt: skip


def _must_exist(path: str, where: str, place: Where) -> None:
    if LOCAL.match(path) and not GLOB.search(path):
        local = Path(re.sub(r"^file:/{1,3}", "/", path))
        if not local.exists():
            looked_for = without_secrets(str(local), place)
            raise SourceError(f"{where}: nothing at {place.shown} (looked for {looked_for}); check the path")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
