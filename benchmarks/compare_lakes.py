"""Compares every table of two lakes: columns, and rows in both directions with duplicates; see README.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DoubleType, FloatType, MapType, StringType, StructType

from rfm_spark.core.schemas import tables as known_tables
from rfm_spark.core.session import get_session
from rfm_spark.lake.location import quoted
from rfm_spark.lake.rewording import in_todays_words

# When, where and how fast runs were made, not what they found.
PROCESS = (
    "runs.started_at", "runs.finished_at", "runs.steps", "runs.outputs", "runs.spark_version", "claims.host",
    "claims.pid", "claims.token", "claims.expires_at", "cluster_promotions.decided_at", "segment_history.known_from",
    "segment_history.known_to",
)  # fmt: skip
# Columns whose items are in no order.
UNORDERED = ("runs.warnings",)
EXAMPLES = 3
SIDES = ("before", "after")
_TO_THE_MICROSECOND = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"}
# Columns of how often a row is in each lake.
_HERE, _THERE = "_rows_before", "_rows_after"
_DELTA_ID = "delta:[0-9a-f]{8}:"
# Each attempt at a batch has an id of its own; ids of runs begin with four digits.
_BATCH_ID = r"\b([0-9]{5,}(-[0-9]{5,})?)-[0-9a-f]{8}\b"

Normalise = Callable[[Column], Column]
Tables = Mapping[str, DataFrame]


@dataclass(frozen=True)
class Compared:
    """A table in both lakes.

    Attributes:
        rows: of the lake before, and of the one after; None where it has no such table.
        columns: name and type of those that only one of them has.
        only: how many rows only one of them has, in the columns they share.
        differ: columns in which these rows differ, where both have as many.
        examples: of these rows, as JSON.
    """

    rows: tuple[int | None, int | None]
    columns: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    only: tuple[int, int] = (0, 0)
    differ: tuple[str, ...] = ()
    examples: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    @property
    def equal(self) -> bool:
        """Whether nothing is in one lake alone."""
        before, after = self.rows
        return before is not None and before == after and not any(self.columns) and not any(self.only)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare two lakes and print a line per table.

    Args:
        arguments: The command line without the program; by default the process's own.

    Returns:
        0, or 1 when something differs.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    spark = get_session("compare lakes")
    lakes = [tables_of(spark, lake, catalog=options.catalog) for lake in (options.before, options.after)]
    for lake, tables in zip((options.before, options.after), lakes, strict=True):
        if not tables:
            parser.error(f"{lake}: no {'tables' if options.catalog else 'Delta tables'} here; check the name")
    print(f"not compared, since they tell of the process: {', '.join(PROCESS)}")
    if options.ignore:
        print(f"ignored: {', '.join(options.ignore)}")
    normalise = _paired(*lakes) if options.pair_runs else _as_it_is
    names = sorted(set(lakes[0]) | set(lakes[1]))
    found = {}
    for name in names:
        if name in options.ignore:
            continue
        found[name] = compare_table(name, lakes[0].get(name), lakes[1].get(name), options.ignore, normalise)
        print("\n".join(described(name, found[name])), flush=True)
    different = sum(not compared.equal for compared in found.values())
    print(f"{len(found)} tables compared: {len(found) - different} equal, {different} different")
    return 1 if different else 0


def tables_of(spark: SparkSession, lake: str, *, catalog: bool) -> dict[str, DataFrame]:
    """The tables of a lake by name, in today's words; of a schema also its views.

    Args:
        spark: the session.
        lake: a folder of this machine, or a schema.
        catalog: whether it is a schema.
    """
    if not catalog:
        folders = sorted(log.parent for log in Path(lake).resolve().glob("*/_delta_log"))
        return {folder.name: _today(folder.name, spark.read.format("delta").load(str(folder))) for folder in folders}
    schema = ".".join(quoted(part) for part in lake.split("."))
    listed = spark.sql(f"SHOW TABLES IN {schema}").collect()
    names = sorted(row["tableName"] for row in listed if not row["isTemporary"])
    return {name: _today(name, spark.table(f"{schema}.{quoted(name)}")) for name in names}


def _today(name: str, rows: DataFrame) -> DataFrame:
    """Rows in today's words: what an older version called otherwise is the same."""
    table = known_tables().get(name.removesuffix("_current"))
    return rows if table is None else in_todays_words(rows, table.renames)


def compare_table(
    name: str, before: DataFrame | None, after: DataFrame | None, ignored: Collection[str], normalise: Normalise
) -> Compared:
    """One table in both lakes.

    Args:
        name: of the table.
        before: its rows in one lake; None where it has no such table.
        after: in the other.
        ignored: `table.column` of columns to leave out, beside those of the process.
        normalise: what is done to texts before they are compared.
    """
    if before is None or after is None:
        return Compared((_count(before), _count(after)))
    left_out = {*PROCESS, *ignored}
    kinds = [
        {field.name: field.dataType for field in frame.schema.fields if f"{name}.{field.name}" not in left_out}
        for frame in (before, after)
    ]
    told = [{f"{column} {kind.simpleString()}" for column, kind in own.items()} for own in kinds]
    columns = (tuple(sorted(told[0] - told[1])), tuple(sorted(told[1] - told[0])))
    shared = {
        column: kind
        for column, kind in sorted(kinds[0].items())
        if column in kinds[1] and kinds[1][column].simpleString() == kind.simpleString()
    }
    both = _exactly(name, before, shared, normalise, _HERE).unionAll(_exactly(name, after, shared, normalise, _THERE))
    often = both.groupBy(*map(quoted, shared)).agg(F.sum(_HERE).alias(_HERE), F.sum(_THERE).alias(_THERE))
    surplus = F.col(_HERE) - F.col(_THERE)
    sums = [F.col(_HERE), F.col(_THERE), F.greatest(surplus, F.lit(0)), F.greatest(-surplus, F.lit(0))]
    # Another sum over the surplus rows where their values are others.
    sums += [F.xxhash64(quoted(column)).cast("decimal(20,0)") * surplus for column in shared]
    first, second, fewer, more, *digests = (total or 0 for total in often.agg(*map(F.sum, sums)).collect()[0])
    if not fewer and not more:
        return Compared((first, second), columns)
    differ = tuple(column for column, digest in zip(shared, digests, strict=True) if digest) if fewer == more else ()
    examples = (
        _examples(often.where(surplus > 0), shared, differ),
        _examples(often.where(surplus < 0), shared, differ),
    )
    return Compared((first, second), columns, (fewer, more), differ, examples)


def exact(column: Column, kind: DataType, normalise: Normalise) -> Column:
    """The column in a type that can be compared, where values are the same only if they are so to the bit.

    Args:
        column: of any type.
        kind: its type.
        normalise: what is done to texts.
    """
    if isinstance(kind, DoubleType | FloatType):
        # Comparing takes -0.0 for 0.0; Java's text does not, and no two numbers have the same.
        return column.cast("string")
    if isinstance(kind, StringType):
        return normalise(column)
    if isinstance(kind, MapType):
        entry = StructType().add("key", kind.keyType).add("value", kind.valueType)
        return F.array_sort(exact(F.map_entries(column), ArrayType(entry), normalise))
    if isinstance(kind, ArrayType):
        return F.transform(column, lambda item: exact(item, kind.elementType, normalise))
    if isinstance(kind, StructType):
        parts = (exact(column.getField(part.name), part.dataType, normalise).alias(part.name) for part in kind.fields)
        return F.when(column.isNotNull(), F.struct(*parts))
    return column


def described(name: str, compared: Compared) -> list[str]:
    """A line for the table, and one for each example."""
    if None in compared.rows:
        at = 1 - compared.rows.index(None)
        return [f"{name:<24} only {SIDES[at]}, {_rows(compared.rows[at] or 0)}"]
    before, after = (rows or 0 for rows in compared.rows)
    said = [_rows(before) if before == after else f"{_rows(before)} before, {_rows(after)} after"]
    for side, columns in zip(SIDES, compared.columns, strict=True):
        said += [f"columns only {side}: {', '.join(columns)}"] if columns else []
    for side, count in zip(SIDES, compared.only, strict=True):
        said += [f"{_rows(count)} only {side}"] if count else []
    said += [f"they differ in {', '.join(compared.differ)}"] if compared.differ else []
    said += ["equal"] if compared.equal else []
    lines = [f"{name:<24} {'; '.join(said)}"]
    for sign, examples in zip("-+", compared.examples, strict=True):
        lines += [f"  {sign} {example}" for example in examples]
    return lines


def _exactly(name: str, frame: DataFrame, kinds: Mapping[str, DataType], normalise: Normalise, side: str) -> DataFrame:
    """The columns made comparable, and for each side a column that counts its rows."""
    made = [F.lit(int(side == _HERE)).alias(_HERE), F.lit(int(side == _THERE)).alias(_THERE)]
    for column, kind in kinds.items():
        value = exact(F.col(quoted(column)), kind, normalise)
        made.append((F.array_sort(value) if f"{name}.{column}" in UNORDERED else value).alias(column))
    return frame.select(*made)


def _count(table: DataFrame | None) -> int | None:
    return None if table is None else table.count()


def _examples(rows: DataFrame, columns: Collection[str], first: Sequence[str]) -> tuple[str, ...]:
    """The first rows as JSON, what differs at its beginning."""
    order = [*first, *(name for name in columns if name not in first)]
    record = F.to_json(F.struct(*map(quoted, order)), _TO_THE_MICROSECOND).alias("record")
    found = rows.orderBy(*map(quoted, columns)).limit(EXAMPLES).select(record).collect()
    return tuple(row["record"] for row in found)


def _paired(before: Tables, after: Tables) -> Normalise:
    """Each run id after becomes that of the same run before: of the same segmentation, date, and place in order."""
    ids = [_run_ids(tables) for tables in (before, after)]
    pairs = {new: ids[0][slot] for slot, new in ids[1].items() if slot in ids[0] and ids[0][slot] != new}
    print(f"run ids: {len(pairs)} of {len(ids[1])} differ and are taken for those before")

    def normalise(text: Column) -> Column:
        # A forced run has the id of the first with a number behind it.
        for new in sorted(pairs, key=len, reverse=True):
            text = F.replace(text, F.lit(new), F.lit(pairs[new]))
        return F.regexp_replace(F.regexp_replace(text, _DELTA_ID, "delta:"), _BATCH_ID, "$1")

    return normalise


def _run_ids(tables: Tables) -> dict[tuple[str, str, int], str]:
    if "runs" not in tables:
        return {}
    runs = tables["runs"].orderBy("config_name", "as_of_date", "finished_at", F.length("run_id"), "run_id")
    found: dict[tuple[str, str, int], str] = {}
    for row in runs.select("config_name", F.col("as_of_date").cast("string").alias("as_of"), "run_id").collect():
        place = sum(slot[:2] == (row["config_name"], row["as_of"]) for slot in found)
        found[row["config_name"], row["as_of"], place] = row["run_id"]
    return found


def _as_it_is(text: Column) -> Column:
    return text


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare_lakes", description=__doc__)
    parser.add_argument("before", metavar="BEFORE", help="a lake: a folder, or a schema with --catalog")
    parser.add_argument("after", metavar="AFTER", help="the lake to compare with it")
    parser.add_argument("--catalog", action="store_true", help="both are schemas of the session's catalogs")
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="TABLE[.COLUMN]", help="a difference that is meant"
    )
    parser.add_argument(
        "--pair-runs",
        action="store_true",
        help="the sources were written anew: run ids are those of the same runs before, ids of Delta tables are any",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
