"""`rfm-spark init FILE`: a commented configuration guessed from a source."""

from __future__ import annotations

import argparse
import os
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

from pyspark.sql import SparkSession

from rfm_spark.cli import clock
from rfm_spark.cli.guess.mapping import Guess, guess, render
from rfm_spark.cli.places import session
from rfm_spark.core.errors import ConfigError
from rfm_spark.lake.look import read_source

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:/")


def init_command(options: argparse.Namespace) -> int:
    """Write the configuration, and say what to do with it."""
    output = Path(options.output) if options.output else None
    written, found = initialised(session(options), options.file, output, clock.today("UTC"))
    for line in unsure(found):
        print(line)
    print(f"{written} written; read its comments, then: rfm-spark check -c {written}")
    return 0


def unsure(found: Guess) -> list[str]:
    """The questions of a guess as lines to be printed, each with what its answers give."""
    lines = []
    for question in found.questions:
        first, *others = question.answers
        lines.append(f"not sure: {question.what}")
        lines.append(f"  as written, {first.gives}")
        lines += [f"  or {other.gives}; write {other.text}" for other in others]
    return lines


def init_config(spark: SparkSession, file: str, output: Path | None, today: date) -> Path:
    """The file that `initialised` writes."""
    return initialised(spark, file, output, today)[0]


def initialised(spark: SparkSession, file: str, output: Path | None, today: date) -> tuple[Path, Guess]:
    """Look at a source and write a configuration for it.

    Args:
        spark: the session.
        file: a CSV, Parquet or JSON file or a folder of them, a Delta folder, or a URI of one.
        output: the YAML file to write; None takes the source's name in the current directory.
        today: decides whether the source is still fed.

    Returns:
        The file that was written, and the guess in it.

    Raises:
        ConfigError: the YAML file is there already, or can't be written.
        SourceError: the source can't be read, or a column that is needed was not found.
    """
    remote = bool(_SCHEME.match(file))
    source = file if remote else os.path.expanduser(file)
    stem = _stem(source)
    target = output if output is not None else Path(f"{stem}.yml")
    if target.exists():
        raise ConfigError(str(target), ["is there already; give another file with -o, or move it away"])
    raw, source_format, options = read_source(spark, source)
    found = guess(raw, file)
    if "encoding" in options:
        letters = f"Letters beyond ASCII are read as {options['encoding']}; look whether names are spelled right."
        found = replace(found, remarks=(letters, *found.remarks))
    text = render(
        found,
        name=stem,
        file=str(target),
        path=source if remote else _relative(Path(source), target),
        source_format=source_format,
        options=options,
        today=today,
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # "x": a file that appeared while the source was read is not overwritten either.
        with target.open("x", encoding="utf-8") as written:
            written.write(text)
    except OSError as error:
        raise ConfigError(str(target), [f"can't be written ({error.strerror}); give another file with -o"]) from error
    return target, found


def _stem(source: str) -> str:
    last = source.rstrip("/").rpartition("/")[2] if _SCHEME.match(source) else Path(source).resolve().name
    return last.partition(".")[0] or last.strip(".") or "transactions"


def _relative(source: Path, target: Path) -> str:
    # The last step stays as it was given, so that a link such as `latest` is followed at each run.
    place = source.resolve() if source.name in ("", "..") else source.absolute().parent.resolve() / source.name
    try:
        return Path(os.path.relpath(place, target.absolute().parent.resolve())).as_posix()
    except ValueError:
        # Another drive, on Windows.
        return place.as_posix()
