"""The rows of a source that are looked at closely, and what is counted over all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, DataType, MapType, StructType, VariantType

from rfm_spark.cli.guess.found import Question
from rfm_spark.cli.guess.questions import Open, Reading, settled
from rfm_spark.cli.guess.values import Profile

_CLOSED = (ArrayType, MapType, BinaryType, VariantType)
_DEEPEST = 4
_VALUES = 200


def profiles(raw: DataFrame, rows: int, moment: str | None = None) -> tuple[list[Profile], list[int | None]]:
    """Columns of the first rows, fields inside structs among them; the rows stay together, so that orders are whole.

    Args:
        raw: rows of the source.
        rows: how many.
        moment: an expression of the time of a row.

    Returns:
        The columns, and the times in seconds since 1970 (None without `moment`, or where it can't be read).
    """
    leaves = list(_leaves(raw.schema))
    texts = [F.trim(_leaf(steps).cast("string")).alias(f"c{at}") for at, (steps, _) in enumerate(leaves)]
    time = F.expr(f"cast({moment} as bigint)" if moment else "cast(null as bigint)").alias("moment")
    found = raw.limit(rows).select(*texts, time).collect() if leaves else []
    columns = [
        Profile(".".join(steps), kind.simpleString(), tuple(row[at] or None for row in found),
                steps if len(steps) > 1 else ())
        for at, (steps, kind) in enumerate(leaves)
    ]  # fmt: skip
    return columns, [row["moment"] for row in found]


def value_counts(raw: DataFrame, profile: Profile) -> dict[str, int]:
    """How many of all rows have each value of a column, in lower case and stripped; "" stands for a blank."""
    value = F.coalesce(F.lower(F.trim(F.expr(profile.sql).cast("string"))), F.lit(""))
    counted = raw.groupBy(value.alias("value")).count().orderBy(F.desc("count"), "value").limit(_VALUES)
    return {str(row["value"]): int(row["count"]) for row in counted.collect()}


def measured(rows: DataFrame, questions: Sequence[Open]) -> tuple[Question, ...]:
    """Questions with the figures of all rows that count; those whose answers give the same are left out."""
    readings = [reading for question in questions for reading in question.readings]
    plain = [reading for reading in readings if reading.once_per is None]
    known: dict[Reading, object] = {}
    if plain:
        row = rows.agg(*(F.expr(reading.sql).alias(f"f{at}") for at, reading in enumerate(plain))).collect()[0]
        known = {reading: row[at] for at, reading in enumerate(plain)}
    for reading in readings:
        if reading.once_per is not None:
            each = rows.groupBy(F.expr(reading.once_per)).agg(F.max(F.expr(str(reading.value))).alias("value"))
            known[reading] = each.agg(F.expr(reading.sql)).collect()[0][0]
    found = (settled(question, tuple(known[reading] for reading in question.readings)) for question in questions)
    return tuple(question for question in found if question is not None)


def _leaves(schema: StructType, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], DataType]]:
    for field in schema.fields:
        steps, kind = (*before, field.name), field.dataType
        if isinstance(kind, StructType):
            if len(steps) < _DEEPEST:
                yield from _leaves(kind, steps)
        elif not isinstance(kind, _CLOSED):
            yield steps, kind


def _leaf(steps: Sequence[str]) -> Column:
    return F.col(".".join("`" + step.replace("`", "``") + "`" for step in steps))
