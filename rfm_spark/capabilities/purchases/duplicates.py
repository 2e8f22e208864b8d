"""The same row twice: a cheap sketch that shows most orders to have no duplicates, and whole rows where it can't."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.checks import line_severity
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.core.hashing import hashable

# Sums of these over a customer's orders say what became of their rows.
ACCOUNTS = ("lines", "line_cents", "exact_duplicates", "duplicate_lines", "duplicate_cents", "copy_cents")


def can_be_dropped(source: TransactionsSource) -> bool:
    """Whether a second identical row is surely the same line: without any id it may be a second purchase."""
    return "order_id" in source.columns or "line_id" in source.columns


def drops_copies(source: TransactionsSource, quality: QualityConfig) -> bool:
    """Whether a second identical row is dropped: as configured, otherwise where a line id says which line it is.

    An order id alone does not: two scans of an article are two equal lines of one basket.
    """
    chosen = quality.checks.get("exact_duplicate", "repair" if "line_id" in source.columns else "flag")
    return chosen == "repair" and can_be_dropped(source)


def looks_for_duplicates(source: TransactionsSource, quality: QualityConfig) -> bool:
    """Whether either of the two checks is on."""
    by_line = "line_id" in source.columns and line_severity("duplicate_line", quality.checks) != "off"
    return by_line or line_severity("exact_duplicate", quality.checks) != "off"


def duplicate_sketch() -> dict[str, Column]:
    """Aggregates over the `line_hash` of a group's lines, from which `may_repeat` is decided."""
    bit = F.expr("shiftleft(1L, cast(line_hash & 63 as int))")
    return {
        "hash_low": F.min("line_hash"),
        "hash_high": F.max("line_hash"),
        "hash_xor": F.bit_xor("line_hash"),
        "hash_bits": F.bit_or(bit),
    }


def may_repeat(count: str) -> Column:
    """Whether a group may hold two equal hashes: exact up to three lines, on the safe side beyond.

    Two equal lines have equal hashes. Of three hashes the third is what the lowest and the highest leave of their
    exclusive or. Of more, as many different bits as lines prove that all differ.
    """
    lines, low, high = F.col(count), F.col("hash_low"), F.col("hash_high")
    middle = F.col("hash_xor").bitwiseXOR(low).bitwiseXOR(high)
    apart = low != high
    sure = (
        (lines == 1)
        | ((lines == 2) & apart)
        | ((lines == 3) & apart & (middle != low) & (middle != high))
        | (F.bit_count("hash_bits") == lines)
    )
    return ~sure


def without_duplicates(lines: DataFrame, source: TransactionsSource, quality: QualityConfig) -> DataFrame:
    """Each line once, by comparing whole rows.

    Rows equal in every column are one line where `drops_copies` says so, otherwise they are counted and kept. Of rows
    with the same line id and other values the latest counts (then the larger amount), the others are emptied.

    Args:
        lines: of `lines.accepted_until`.
        source: the mapping.
        quality: the checks.

    Returns:
        The columns of `lines` (`record` of one of the equal rows), those of ACCOUNTS, and `superseded` BOOLEAN, true
        for emptied lines.
    """
    ids = ["customer_id", "order_id", "line_id", "whole"]
    rest = [name for name in lines.columns if name not in ids]
    together = lines.withColumn("whole", _whole(lines)).repartition(F.col("customer_id"))
    once = together.groupBy(*ids).agg(F.count(F.lit(1)).alias("copies"), *(F.first(name).alias(name) for name in rest))
    superseded = F.lit(False)
    if "line_id" in source.columns and line_severity("duplicate_line", quality.checks) == "repair":
        same_line = Window.partitionBy("customer_id", "order_id", "line_id")
        latest = same_line.orderBy(F.desc("order_ts"), F.desc("sale_cents"), F.desc("refund_cents"), "whole")
        superseded = F.col("line_id").isNotNull() & (F.row_number().over(latest) > 1)
    known = once.withColumn("superseded", superseded)
    counted = line_severity("exact_duplicate", quality.checks) != "off"
    accounted = _merged(known) if drops_copies(source, quality) else _kept(known, counted=counted)
    return accounted.drop("whole", "copies")


def with_accounts(lines: DataFrame) -> DataFrame:
    """Lines of which none repeats, with the columns of ACCOUNTS."""
    return lines.drop("record").withColumns(
        {
            "lines": F.lit(1).cast("bigint"),
            "line_cents": _net(),
            "exact_duplicates": _none(),
            "duplicate_lines": _none(),
            "duplicate_cents": _none(),
            "copy_cents": _none(),
        }
    )


def _merged(lines: DataFrame) -> DataFrame:
    """Copies beyond the first are dropped; a superseded line is dropped with all its copies."""
    gone, again = F.col("superseded"), F.col("copies") - 1
    return _emptied(
        lines.withColumns(
            {
                "lines": F.when(gone, _none()).otherwise(F.lit(1).cast("bigint")),
                "line_cents": F.when(gone, _none()).otherwise(_net()),
                "exact_duplicates": again,
                "duplicate_lines": F.when(gone, F.lit(1).cast("bigint")).otherwise(_none()),
                "duplicate_cents": _net() * (again + F.when(gone, 1).otherwise(0)),
                "copy_cents": _none(),
            }
        )
    )


def _kept(lines: DataFrame, *, counted: bool) -> DataFrame:
    """Copies stay what they were, each a line; only the further copies of a superseded line go with it."""
    each = lines.select("*", F.posexplode(F.array_repeat(F.lit(1), F.col("copies").cast("int"))).alias("copy", "one"))
    gone, one = F.col("superseded"), F.lit(1).cast("bigint")
    again = F.when((F.col("copy") > 0) & ~gone, one).otherwise(_none()) if counted else _none()
    return _emptied(
        each.withColumns(
            {
                "lines": F.when(gone, _none()).otherwise(one),
                "line_cents": F.when(gone, _none()).otherwise(_net()),
                "exact_duplicates": again,
                "duplicate_lines": F.when(gone, one).otherwise(_none()),
                "duplicate_cents": F.when(gone, _net()).otherwise(_none()),
                "copy_cents": again * _net(),
            }
        ).drop("copy", "one")
    )


def _emptied(lines: DataFrame) -> DataFrame:
    gone = F.col("superseded")
    nothing = {name: F.when(~gone, F.col(name)) for name in ("order_ts", "order_date")}
    money = {name: F.when(gone, _none()).otherwise(F.col(name)) for name in ("sale_cents", "refund_cents")}
    return lines.withColumns({**nothing, **money})


def _whole(lines: DataFrame) -> Column:
    """A hash of the row as it was read."""
    fields = lines.select("record.*").schema.fields
    return F.xxhash64(*hashable([(F.col("record").getField(field.name), field.dataType) for field in fields]))


def _net() -> Column:
    return F.col("sale_cents") - F.col("refund_cents")


def _none() -> Column:
    return F.lit(0).cast("bigint")
