"""A first look at files nobody has described yet: which format they are in, and how to read them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Literal

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import ArrayType, DataType, StructType

from rfm_spark.core.errors import SourceError
from rfm_spark.core.reading.places import CORRUPT, Where
from rfm_spark.lake.charsets import found_encoding
from rfm_spark.lake.files import listing, read_files
from rfm_spark.lake.missing import has_no_versions, is_missing
from rfm_spark.lake.texts import ALIGNED, lines_of, start_of

DELIMITERS = (",", ";", "\t", "|")
READABLE = "a Delta folder, Parquet, CSV or JSON lines"
_FORMAT_OF = {
    "parquet": "parquet", "csv": "csv", "tsv": "csv", "txt": "csv", "tab": "csv", "psv": "csv", "dat": "csv",
    "json": "json", "jsonl": "json", "ndjson": "json",
}  # fmt: skip
_PACKED = ("gz", "bz2", "snappy", "zst", "lz4")
# Python unpacks the others itself.
_BY_SPARK = (".snappy", ".zst", ".lz4")
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:/")
_HEAD_LINES = 1000
_HEAD_FILES = 20
_HEAD_BYTES = 8 << 20
_STEADY = 0.9
# A page of an interface has its rows in one field, and little beside.
_FEW_BESIDE = 3
_NUMBERS = re.compile(r"[\d.,:/ -]+$")
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
            by_spark = remote or path.lower().endswith(_BY_SPARK)
            encoding, lines = _head_by_spark(spark, place, path) if by_spark else _local_head(Path(place), path)
            format_name, options = _text_format(lines, encoding, path)
            rows = _texts(spark, place, format_name, options, path)
        else:
            rows = spark.read.format(format_name).load(place)
    except PySparkException as error:
        first = re.sub(r"^\[[^\]]*\]\s*", "", str(error).splitlines()[0])
        raise SourceError(f"{path} can't be read ({first}); give {READABLE}") from error
    if not rows.columns:
        raise SourceError(f"{path} has no columns; give {READABLE}")
    return rows, format_name, options


def _texts(spark: SparkSession, place: str, format_name: str, options: Options, shown: str) -> DataFrame:
    """The rows as a run reads them."""
    kind: Literal["csv", "json"] = "json" if format_name == "json" else "csv"
    where = Where(path=place, format=kind, options=options)
    rows = read_files(spark, place, where, listing(spark, place, where)).drop(CORRUPT)
    inside = [field.name for field in rows.schema.fields if _is_of_rows(field.dataType)]
    if kind == "json" and inside and len(rows.columns) <= len(inside) + _FEW_BESIDE and len(rows.take(2)) == 1:
        raise SourceError(
            f"{shown} is one object, whose rows are in its field {inside[0]}; save them one a line, for instance with "
            f"jq -c '.{inside[0]}[]' {shown} > rows.jsonl"
        )
    return rows


def _is_of_rows(kind: DataType) -> bool:
    return isinstance(kind, ArrayType) and isinstance(kind.elementType, StructType)


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


def _head_by_spark(spark: SparkSession, path: str, shown: str) -> tuple[str, list[str]]:
    rows = spark.read.text(path).limit(_HEAD_LINES).collect()
    lines = _filled([str(row[0]) for row in rows if row[0]], shown)
    if lines[0].lower().startswith(("sep=", '"sep=')):
        raise SourceError(f"{shown} begins with a line {lines[0]}, which only local files may have; take it out")
    # Of the two encodings that most such files are in, this one has all letters of the other.
    return ("windows-1252" if any("\ufffd" in line for line in lines) else "UTF-8"), lines


def _local_head(place: Path, shown: str) -> tuple[str, list[str]]:
    """The encoding of local text files, from their first megabytes, and the first lines of the first file."""
    files = [place] if place.is_file() else [file for file in sorted(place.rglob("*")) if _is_data(file, place)]
    starts = [start_of(file, _HEAD_BYTES) for file in files[:_HEAD_FILES]]
    found = {found_encoding(start, shown) for start in starts if start.strip()}
    others = found - {"UTF-8", "ISO-8859-1", "windows-1252"}
    beyond = any(not start.isascii() and found_encoding(start, shown) == "UTF-8" for start in starts)
    if len(found) > 1 and (others or beyond):
        raise SourceError(f"{shown} holds files in several encodings ({', '.join(sorted(found))}); give one of them")
    encoding = next((name for name in ("windows-1252", "ISO-8859-1", *sorted(others)) if name in found), "UTF-8")
    return encoding, _filled(list(islice(lines_of(files[0], encoding), _HEAD_LINES)), shown)


def _is_data(file: Path, root: Path) -> bool:
    return file.is_file() and not any(step.startswith(("_", ".")) for step in file.relative_to(root).parts)


def _filled(lines: list[str], shown: str) -> list[str]:
    filled = [line.rstrip("\r\n").lstrip("\ufeff") for line in lines if line.strip()]
    if not filled:
        raise SourceError(f"{shown} has no rows; give {READABLE}")
    if any("\x00" in line for line in filled[:20]):
        raise SourceError(f"{shown} is no text; save it as CSV in UTF-8, or give {READABLE}")
    return filled


def _text_format(lines: list[str], encoding: str, path: str) -> tuple[str, Options]:
    options: Options = {} if encoding == "UTF-8" else {"encoding": encoding}
    if lines[0].lstrip().startswith("["):
        return "json", {"multiLine": True, **options}
    if lines[0].lstrip().startswith("{"):
        # Spark wants to know how lines end before it reads them in another encoding.
        ends: Options = {"lineSep": "\n", **options} if options else {}
        return "json", ends if _is_whole(lines[0]) else {"multiLine": True, **options}
    if re.match(r'"?sep=.', lines[0]):
        lines = lines[1:]
    delimiter = _delimiter(lines) if lines else None
    if delimiter is None:
        raise SourceError(
            f"{path} has one column only, however it is split (by comma, semicolon, tab, | or blanks); give {READABLE}"
        )
    return "csv", {"header": _has_header(lines[0], delimiter), **_csv_options(lines, delimiter), **options}


def _csv_options(lines: list[str], delimiter: str) -> Options:
    options: Options = {} if delimiter == "," else {"sep": delimiter}
    if delimiter in ALIGNED:
        return options
    if any(re.search(r'[^,;|\t"]""|""[^,;|\t"]', line) for line in lines):
        # The usual "" inside quotes; Spark by itself expects a backslash.
        options["escape"] = '"'
    if any(line.count('"') % 2 for line in lines):
        options["multiLine"] = True
    return options


def _is_whole(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


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
    aligned = _aligned(lines)
    if aligned is not None and (best is None or best[0] < _STEADY):
        return aligned
    return best[2] if best else None


def _aligned(lines: list[str]) -> str | None:
    """The kind of blanks that part columns, where every line has as many columns."""
    wide, narrow = ([re.split(pattern, line.strip()) for line in lines] for pattern in (ALIGNED[1], ALIGNED[0]))
    if {len(row) for row in wide} == {len(wide[0])} and len(wide[0]) > 1:
        # Numbers with one blank between them are columns, words are not.
        inner = [cell for row in wide for cell in row if " " in cell]
        if not inner or any(not _NUMBERS.match(cell) for cell in inner):
            return ALIGNED[1]
    steady = len({len(row) for row in narrow}) == 1 and len(narrow[0]) > 2 and len(narrow) > 1
    return ALIGNED[0] if steady else None


def _has_header(line: str, delimiter: str) -> bool:
    parts = re.split(delimiter, line.strip()) if delimiter in ALIGNED else next(csv.reader([line], delimiter=delimiter))
    cells = [cell.strip() for cell in parts]
    return not any(_DATUM.match(cell) for cell in cells)
