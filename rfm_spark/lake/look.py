"""A first look at files nobody has described yet: which format they are in, and how to read them."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from rfm_spark.core.errors import SourceError
from rfm_spark.lake.missing import has_no_versions, is_missing

DELIMITERS = (",", ";", "\t", "|")
READABLE = "a Delta folder, Parquet, CSV or JSON lines"
_FORMAT_OF = {
    "parquet": "parquet", "csv": "csv", "tsv": "csv", "txt": "csv", "tab": "csv", "psv": "csv", "dat": "csv",
    "json": "json", "jsonl": "json", "ndjson": "json",
}  # fmt: skip
_PACKED = ("gz", "bz2", "snappy", "zst", "lz4")
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:/")
_HEAD_LINES = 1000
# What a data row has and a header hasn't: a cell that is a number or starts like a date.
_DATUM = re.compile(r"^\W{0,2}(\d[\d.,:/ \-]*|\d{1,4}[-/. ](\d{1,2}|[A-Za-z]{3,9})[-/. ]\d{1,4}.*)$")

Options = dict[str, str | int | float | bool]


def read_source(spark: SparkSession, path: str) -> tuple[DataFrame, str, Options]:
    """Open a file or folder without being told its format.

    Args:
        spark: the session.
        path: a file or folder on this machine, or a URI the session can read.

    Returns:
        Its rows, the format (delta, parquet, csv or json), and the options of Spark's reader that opened it.

    Raises:
        SourceError: nothing there, or nothing Spark can read as a table.
    """
    remote = bool(_SCHEME.match(path))
    # The JVM keeps the directory it was started in, which need not be ours.
    place = path if remote else str(Path(path).absolute())
    try:
        format_name = _remote_format(spark, path) if remote else _local_format(Path(path), path)
        options: Options = {}
        if format_name in ("text", "csv", "json"):
            format_name, options = _text_format(_head(spark, place, path), path)
        frame = spark.read.format(format_name).options(**{key: _option(value) for key, value in options.items()})
        rows = frame.load(place)
    except PySparkException as error:
        first = re.sub(r"^\[[^\]]*\]\s*", "", str(error).splitlines()[0])
        raise SourceError(f"{path} can't be read ({first}); give {READABLE}") from error
    if not rows.columns:
        raise SourceError(f"{path} has no columns; give {READABLE}")
    return rows, format_name, options


def _local_format(place: Path, shown: str) -> str:
    if not place.exists():
        raise SourceError(f"nothing at {shown} (looked for {place.absolute()}); check the path")
    if place.is_file():
        with place.open("rb") as file:
            start = file.read(4)
        if start == b"PAR1":
            return "parquet"
        if not start:
            raise SourceError(f"{shown} is empty; give {READABLE}")
        return _by_name(place.name, shown)
    if (place / "_delta_log").is_dir():
        return "delta"
    parts = (file.relative_to(place) for file in sorted(place.rglob("*")) if file.is_file())
    names = [part.name for part in parts if not any(step.startswith(("_", ".")) for step in part.parts)]
    return _by_names(names, shown)


def _remote_format(spark: SparkSession, path: str) -> str:
    name = path.rstrip("/").rpartition("/")[2]
    if "." in name:
        return _by_name(name, path)
    if _lists(lambda: spark.read.format("delta").load(path).columns):
        return "delta"
    found = spark.read.format("binaryFile").load(path).select("path").limit(_HEAD_LINES).collect()
    return _by_names([str(row["path"]).rpartition("/")[2] for row in found], path)


def _lists(columns: Callable[[], list[str]]) -> bool:
    try:
        return bool(columns())
    except PySparkException as error:
        if not (is_missing(error) or has_no_versions(error)):
            raise
        return False


def _by_names(names: list[str], shown: str) -> str:
    if not names:
        raise SourceError(f"no files in {shown}; give {READABLE}")
    formats = {_by_name(name, shown) for name in names}
    if len(formats) > 1:
        raise SourceError(f"{shown} holds files of several formats ({', '.join(sorted(formats))}); give one of them")
    return formats.pop()


def _by_name(name: str, shown: str) -> str:
    *_, last = parts = name.lower().split(".")
    if last in _PACKED and len(parts) > 1:
        last = parts[-2]
    if last in ("xls", "xlsx", "ods", "zip", "avro", "orc", "db", "sqlite", "feather", "rds", "sav"):
        raise SourceError(f"{shown}: .{last} files can't be read as they are; save the rows as CSV or Parquet first")
    return _FORMAT_OF.get(last, "text")


def _head(spark: SparkSession, path: str, shown: str) -> list[str]:
    rows = spark.read.text(path).limit(_HEAD_LINES).collect()
    lines = [str(row[0]).lstrip("\ufeff") for row in rows if row[0] and str(row[0]).strip()]
    if not lines:
        raise SourceError(f"{shown} has no rows; give {READABLE}")
    if any("\x00" in line for line in lines[:20]):
        raise SourceError(f"{shown} is no text in UTF-8 or Latin-1; save it as UTF-8, or give {READABLE}")
    return lines


def _text_format(lines: list[str], path: str) -> tuple[str, Options]:
    if lines[0].lstrip().startswith("{"):
        return "json", {}
    if lines[0].lstrip().startswith("["):
        return "json", {"multiLine": True}
    delimiter = _delimiter(lines)
    if delimiter is None:
        raise SourceError(
            f"{path} has one column only, however it is split (by comma, semicolon, tab or |); give {READABLE}"
        )
    options: Options = {"header": _has_header(lines[0], delimiter)}
    if delimiter != ",":
        options["sep"] = delimiter
    if any("\ufffd" in line for line in lines):
        options["encoding"] = "ISO-8859-1"
    if any(re.search(r'[^,;|\t"]""|""[^,;|\t"]', line) for line in lines):
        # The usual "" inside quotes; Spark by itself expects a backslash.
        options["escape"] = '"'
    if any(line.count('"') % 2 for line in lines):
        options["multiLine"] = True
    return "csv", options


def _delimiter(lines: list[str]) -> str | None:
    best: tuple[float, int, str] | None = None
    for delimiter in DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        width = widths[0]
        if width < 2:
            continue
        steady = sum(found == width for found in widths) / len(widths)
        if best is None or (steady, width) > best[:2]:
            best = (steady, width, delimiter)
    return best[2] if best else None


def _has_header(line: str, delimiter: str) -> bool:
    cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    return not any(_DATUM.match(cell) for cell in cells)


def _option(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
