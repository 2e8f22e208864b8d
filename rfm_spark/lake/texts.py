"""Text files that Spark can't read as they are: repaired after reading, or converted to UTF-8 once."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import re
import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from rfm_spark.core.digests import digest
from rfm_spark.core.errors import SourceError
from rfm_spark.lake.charsets import high_letters, is_native, known_name
from rfm_spark.lake.location import LOCAL

# As pandas writes it: columns that are aligned by blanks.
ALIGNED = (r"\s+", r"\s{2,}")
_SEP_LINE = re.compile(r'^\ufeff?"?sep=(.)"?\s*$')
_FIRST = 256


def option(options: dict[str, str], *names: str) -> str | None:
    """The value of an option of Spark's reader, whatever its case."""
    return next((value for key, value in options.items() if key.lower() in names), None)


def readable(
    files: Sequence[str], options: dict[str, str], kind: str, shown: str, *, converts: bool = True
) -> tuple[list[str], dict[str, str]]:
    """Files and options as Spark can read them.

    Files in encodings of several bytes, with a first line `sep=;`, or with columns aligned by blanks are converted to
    UTF-8 in a temporary folder, which goes with this process. Others stay where they are.

    Args:
        files: full paths.
        options: of Spark's reader, and ours.
        kind: csv or json.
        shown: the source, for messages.
        converts: whether what is read is read on this machine, so that it may be a copy here.

    Raises:
        SourceError: the encoding is unknown, or files elsewhere than on this machine need a conversion.
    """
    encoding = option(options, "encoding", "charset") or "UTF-8"
    if known_name(encoding) is None:
        raise SourceError(f"{shown}: options.encoding {encoding} is unknown; give a name such as windows-1252 or UTF-8")
    sep = option(options, "sep", "delimiter")
    local = [_path(file) for file in files]
    separator = _sep_line(local, encoding) if kind == "csv" else None
    aligned = kind == "csv" and sep in ALIGNED
    of_bytes = is_native(encoding) or (kind == "csv" and high_letters(encoding) is not None)
    if of_bytes and separator is None and not aligned:
        return list(files), options if is_native(encoding) else _as_latin(options, encoding)
    why = (
        f"its columns are aligned by blanks ({sep})" if aligned
        else "its first line is sep=" if separator is not None
        else f"its encoding is {encoding}"
    )  # fmt: skip
    if not converts or any(path is None or not path.is_file() for path in local):
        raise SourceError(f"{shown} can't be read where it is, since {why}; save it as plain CSV in UTF-8")
    kept = {key: value for key, value in options.items() if key.lower() not in ("encoding", "charset")}
    if aligned:
        kept = {key: value for key, value in kept.items() if key.lower() not in ("sep", "delimiter")} | {"escape": '"'}
    elif separator is not None and sep is None:
        kept["sep"] = separator
    paths = [path for path in local if path is not None]
    base = option(options, "basepath")
    root = _path(base) if base is not None else None
    targets = [_converted(path, encoding, sep if aligned else None, root) for path in paths]
    if base is not None:
        kept = {key: value for key, value in kept.items() if key.lower() != "basepath"} | {"basePath": str(_folder())}
    return targets, kept


def repaired(rows: DataFrame, options: dict[str, str]) -> DataFrame:
    """Rows that were read as ISO-8859-1, with the letters of their own encoding in texts and names."""
    encoding = option(options, "encoding", "charset")
    letters = None if encoding is None or is_native(encoding) else high_letters(encoding)
    if letters is None or not letters[0]:
        return rows
    table = str.maketrans(*letters)
    columns = []
    for field in rows.schema.fields:
        value = F.col("`" + field.name.replace("`", "``") + "`")
        text = F.translate(value, *letters) if isinstance(field.dataType, StringType) else value
        columns.append(text.alias(field.name.translate(table)))
    return rows.select(*columns)


def lines_of(path: Path, encoding: str) -> Iterator[str]:
    """Lines of a text file with their ends; bytes without a meaning become question marks."""
    with io.TextIOWrapper(_opened(path), encoding=_decoder(encoding), errors="replace", newline="") as file:
        yield from file


def start_of(path: Path, size: int) -> bytes:
    """The first bytes of a file, unpacked."""
    with _opened(path) as file:
        return file.read(size)


def _opened(path: Path) -> BinaryIO:
    packed = {".gz": gzip.GzipFile, ".bz2": bz2.BZ2File}.get(path.suffix.lower())
    return path.open("rb") if packed is None else cast(BinaryIO, packed(path))


def _decoder(encoding: str) -> str:
    return "utf-8-sig" if known_name(encoding) == "utf-8" else encoding


def _as_latin(options: dict[str, str], encoding: str) -> dict[str, str]:
    """Options for the same bytes read as ISO-8859-1; signs such as a separator are spelled in it, too."""
    kept = {key: value for key, value in options.items() if key.lower() not in ("encoding", "charset")}
    for key, value in kept.items():
        if not value.isascii():
            kept[key] = value.encode(encoding, "replace").decode("latin-1")
    return {**kept, "encoding": "ISO-8859-1"}


def _path(file: str) -> Path | None:
    return Path(re.sub(r"^file:/+", "/", file)) if LOCAL.match(file) else None


def _sep_line(files: Sequence[Path | None], encoding: str) -> str | None:
    """The separator that a first line such as sep=; names, in any of the files."""
    for path in files:
        if path is None or not path.is_file():
            continue
        first = start_of(path, _FIRST).decode(_decoder(encoding), "replace").splitlines()
        found = _SEP_LINE.match(first[0]) if first else None
        if found:
            return found[1]
    return None


@lru_cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="rfm-spark-texts-")


def _folder() -> Path:
    return Path(_temporary().name)


def _converted(path: Path, encoding: str, aligned: str | None, root: Path | None) -> str:
    """A copy in UTF-8, made once for each state of the file."""
    state = path.stat()
    key = digest(f"{path}|{state.st_size}|{state.st_mtime_ns}|{encoding}|{aligned}")[:16]
    # Names of folders such as country=DE are columns, so they stay.
    steps = path.relative_to(root).parent if root is not None and path.is_relative_to(root) else Path()
    target = _folder() / steps / f"{key}.csv"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        with part.open("w", encoding="utf-8", newline="") as file:
            if aligned is None:
                file.writelines(_without_sep_line(path, encoding))
            else:
                rows = (re.split(aligned, line.strip()) for line in _without_sep_line(path, encoding) if line.strip())
                csv.writer(file, lineterminator="\n").writerows(rows)
        part.rename(target)
    return str(target)


def _without_sep_line(path: Path, encoding: str) -> Iterator[str]:
    lines = lines_of(path, encoding)
    first = next(lines, "")
    if not _SEP_LINE.match(first.rstrip("\r\n")):
        yield first
    yield from lines
