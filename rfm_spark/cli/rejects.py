"""`rfm-spark rejects`: rejected rows counted, shown and exported."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, TextIO

from pyspark.sql import DataFrame, Row, SparkSession, Window
from pyspark.sql import functions as F

from rfm_spark.cli import console
from rfm_spark.cli.places import place_of, session
from rfm_spark.core.errors import ConfigError, LakeError
from rfm_spark.core.reading.checks import catalogues, meaning_of
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import new_in, rejects_of
from rfm_spark.lake.store import Store

_FORMATS = (".csv", ".json", ".jsonl")
# A spreadsheet runs a cell that begins so.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def rejects_command(options: argparse.Namespace) -> int:
    """Count rejected rows by reason with examples, or write them all to a file."""
    output = Path(options.output) if options.output is not None else None
    if output is not None and output.suffix not in _FORMATS:
        raise ConfigError("--output", [f"{output} must end in {', '.join(_FORMATS)}"])
    location, name = place_of(options)
    spark = session(options)
    run_id = options.run or _newest(spark, location, name)
    rows = rejects_of(Store(spark, location), run_id)
    if options.reason is not None:
        known = list(dict.fromkeys(check.code for checks in catalogues().values() for check in checks))
        if options.reason not in known:
            raise ConfigError("--reason", [f"no check {options.reason}; there are {', '.join(known)}"])
        rows = rows.where(F.col("reason") == F.lit(options.reason))
    if output is not None:
        print(f"{_export(rows, output):,} rejected rows of run {run_id} written to {output}")
    elif options.format != "table":
        console.rows(rows.orderBy("source", "reason", "record"), options.format)
    else:
        _show(rows, run_id, new_in(Store(spark, location), run_id), options.limit)
    return 0


def _newest(spark: SparkSession, location: LakeLocation, name: str | None) -> str:
    runs = Ledger(Store(spark, location)).complete(name)
    if not runs:
        raise LakeError(
            f"lake {location}: no complete run; name the one that stopped with --run, as its message does, or start one"
        )
    return runs[-1].run_id


def _show(rows: DataFrame, run_id: str, new: Collection[str], examples: int) -> None:
    per_reason = Window.partitionBy("source", "reason").orderBy("record")
    counted = rows.groupBy("source", "reason").agg(
        F.count(F.lit(1)).alias("rows"), F.count_if(F.col("first_seen_run").isin(*new)).alias("new")
    )
    found = counted.orderBy(F.desc("rows"), "reason").collect()
    if not found:
        print(f"run {run_id} rejected no rows")
        return
    header = ["source", "reason", "rows", "new in this run", "what it means"]
    console.table(header, [[*row, meaning_of(row["source"], row["reason"])] for row in found])
    console.heading(f"Examples, {examples} of each reason at most (-o FILE.csv writes all)")
    numbered = rows.withColumn("place", F.row_number().over(per_reason)).where(F.col("place") <= examples)
    columns = ("reason", "detail", "first_seen_run", "record")
    shown = numbered.orderBy("reason", "record").select(*columns).collect()
    console.table(list(columns), [list(row) for row in shown])


def _export(rows: DataFrame, output: Path) -> int:
    partial = output.with_name(f".{output.name}.part")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            # Streamed: a failed delivery may be all of a source.
            ordered = rows.orderBy("source", "reason", "record")
            written = _write(ordered.toLocalIterator(), file, as_csv=output.suffix == ".csv")
        partial.replace(output)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise LakeError(f"export {output}: can't be written ({error.strerror}); choose another place with -o") from None
    return written


def _write(rows: Iterable[Row], file: TextIO, *, as_csv: bool) -> int:
    written = 0
    names: list[str] = []
    writer: Any = csv.writer(file, lineterminator="\n")
    for row in rows:
        written += 1
        known = {name: row[name] for name in ("run_id", "source", "reason", "detail", "first_seen_run")}
        if not as_csv:
            # The record's own text: a number read and written again may lose digits.
            text = json.dumps(known, ensure_ascii=False, default=str).removesuffix("}")
            file.write(f'{text}, "record": {row["record"]}}}\n')
            continue
        record = json.loads(row["record"], parse_float=str)
        if written == 1:
            # The columns of the source, so that a corrected file can be delivered again.
            names = list(record)
            writer.writerow([*known, *names])
        writer.writerow([_cell(value) for value in (*known.values(), *(record.get(name) for name in names))])
    return written


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
