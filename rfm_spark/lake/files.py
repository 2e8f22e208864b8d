"""Files of a source: one fixed listing, and lines that can't be parsed kept as they are."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructType

from rfm_spark.core.digests import digest
from rfm_spark.core.moments import from_micros
from rfm_spark.core.reading.places import CORRUPT, Where
from rfm_spark.core.session import runs_here
from rfm_spark.lake.jdbc import filled_options
from rfm_spark.lake.texts import readable, repaired

GLOB = re.compile(r"[*?\[{]")
_TEXT_FORMATS = ("csv", "json")
# Names that Spark gives to columns without one.
_INVENTED = re.compile(r"_c\d+")


@dataclass(frozen=True)
class Listing:
    """The files of a source at one moment.

    Attributes:
        files: their full paths, sorted.
        version: a hash of names below their common folder, lengths and times.
        written: when the newest was written; None without files.
        entries: path, length and time of each.
    """

    files: tuple[str, ...]
    version: str
    written: datetime | None
    entries: tuple[str, ...] = ()

    def only(self, entries: Sequence[str]) -> Listing:
        """Some of the files."""
        wanted = set(entries)
        kept = [(file, entry) for file, entry in zip(self.files, self.entries, strict=True) if entry in wanted]
        return Listing(tuple(file for file, _ in kept), self.version, self.written, tuple(entry for _, entry in kept))


def listing(spark: SparkSession, path: str, place: Where) -> Listing:
    """List the files; their contents aren't read."""
    options = filled_options(place)
    keep = {key: value for key, value in options.items() if key in ("pathGlobFilter", "recursiveFileLookup")}
    # Only the file status is read: binaryFile prunes the content column.
    found = spark.read.format("binaryFile").options(**keep).load(path)
    rows = sorted(tuple(row) for row in found.select("path", "length", F.unix_micros("modificationTime")).collect())
    # Not the name alone: a file moved to another partition is another input. Not the folder: a copy is the same one.
    root = os.path.commonpath([file for file, _, _ in rows]) if len(rows) > 1 else ""
    relative = [f"{_below(root, file)}|{length}|{modified}" for file, length, modified in rows]
    newest = max((modified for _, _, modified in rows), default=None)
    written = None if newest is None else from_micros(int(newest))
    entries = tuple(f"{file}|{length}|{modified}" for file, length, modified in rows)
    return Listing(tuple(file for file, _, _ in rows), digest("\n".join(relative))[:16], written, entries)


def read_files(
    spark: SparkSession, path: str, place: Where, found: Listing, schema: StructType | None = None
) -> DataFrame:
    """The rows of listed files; a line of text that can't be parsed is a row with its raw text in `_corrupt_record`.

    Args:
        spark: the session.
        path: of the source.
        place: its format and options.
        found: the files.
        schema: of more files than these, whose columns and types hold; None to look at these.
    """
    options = filled_options(place)
    root = re.sub(r"^file:/+", "/", path).rstrip("/")
    if not GLOB.search(path) and not any(re.sub(r"^file:/+", "/", file) == root for file in found.files):
        # Below a folder, names such as country=DE are columns.
        options["basePath"] = path
    if place.format == "parquet":
        # Files that came later may have more columns than the first one.
        options = {"mergeSchema": "true", **options}
    listed, given = list(found.files), options
    if place.format in _TEXT_FORMATS:
        listed, options = readable(listed, options, place.format, place.shown, converts=runs_here(spark))
    files = [_literal(file) for file in listed]
    look = spark.read.format(place.format or "").options(**options)
    known = None if schema is None else StructType([field for field in schema.fields if field.name != CORRUPT])
    rows = (look if known is None else look.schema(known)).load(files)
    # Also of one file alone that is read by the columns of others.
    several = len(files) > 1 or known is not None
    if place.format == "csv" and several and not any(_INVENTED.fullmatch(name) for name in rows.columns):
        # Files of one source may differ in their header; Spark would go by position and mix the columns up.
        options = {"enforceSchema": "false", **options}
    # FAILFAST stops at the first such line; PERMISSIVE is what is done anyway.
    strict = any(key.lower() == "mode" and value.upper() == "FAILFAST" for key, value in options.items())
    if place.format not in _TEXT_FORMATS or strict or (place.format == "csv" and CORRUPT in rows.columns):
        return repaired(rows, given) if listed == list(found.files) else rows
    fields = [field for field in rows.schema.fields if field.name != CORRUPT]
    with_corrupt = StructType(fields).add(CORRUPT, StringType())
    reader = spark.read.format(place.format).options(**options).option("columnNameOfCorruptRecord", CORRUPT)
    lines = reader.schema(with_corrupt).load(files)
    return repaired(lines, given) if listed == list(found.files) else lines


def _below(root: str, file: str) -> str:
    return file.removeprefix(root) if root else file.rpartition("/")[2]


def _literal(path: str) -> str:
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", path)
