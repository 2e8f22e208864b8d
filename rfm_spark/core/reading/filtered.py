"""What a source's condition leaves out, by the values of the columns that it names."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from rfm_spark.core.reading.mapping import LENIENT, left_out, named_columns
from rfm_spark.core.session import session_settings

# Values shown of each column.
MOST = 10


def filtered_values(raw: DataFrame, where: str, name: str) -> dict[str, list[tuple[str | None, int]]]:
    """The most frequent values of filtered rows.

    Args:
        raw: rows of the source, read once.
        where: its condition.
        name: of the source, for messages.

    Returns:
        For each column that the condition names (as it writes it) up to ten values as text, None for null, each with
        the number of filtered rows that have it, the most frequent first.

    Raises:
        SourceError: the condition is none.
    """
    with session_settings(raw.sparkSession, LENIENT):
        outside = raw.where(left_out(raw, where, name))
        names = named_columns(raw, where)
        each = [F.struct(F.lit(at).alias("at"), F.expr(text).cast("string").alias("value"))
                for at, text in enumerate(names)]  # fmt: skip
        if not each:
            return {}
        counted = outside.select(F.inline(F.array(*each))).groupBy("at", "value").agg(F.count(F.lit(1)).alias("rows"))
        place = F.row_number().over(Window.partitionBy("at").orderBy(F.desc("rows"), "value"))
        rows = counted.withColumn("place", place).where(F.col("place") <= MOST).orderBy("at", "place").collect()
    found: dict[str, list[tuple[str | None, int]]] = {text: [] for text in names}
    for row in rows:
        found[names[row["at"]]].append((row["value"], row["rows"]))
    return found


def filtered_lines(name: str, where: str, raw: DataFrame) -> list[str]:
    """`filtered_values` for people, a line for each column."""
    lines = []
    for column, values in filtered_values(raw, where, name).items():
        shown = ", ".join(f"{'null' if value is None else repr(value)} {rows:,}" for value, rows in values) or "nothing"
        lines.append(f"{name}: where leaves out, by {column}: {shown}")
    return lines
