"""The same row twice: a cheap sketch shows most orders to have none, hashes tell which lines repeat, whole rows how."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.checks import line_severity
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.orders import Grain
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.core.hashing import hashable

# Sums of these over the rows of order_days say what became of lines.
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


def replaces_lines(source: TransactionsSource, quality: QualityConfig) -> bool:
    """Whether a later line takes the place of an earlier one with the same id."""
    return "line_id" in source.columns and line_severity("duplicate_line", quality.checks) == "repair"


def looks_for_duplicates(source: TransactionsSource, quality: QualityConfig) -> bool:
    """Whether either of the two checks is on."""
    by_line = "line_id" in source.columns and line_severity("duplicate_line", quality.checks) != "off"
    return by_line or line_severity("exact_duplicate", quality.checks) != "off"


def content_hash(lines: DataFrame) -> Column:
    """A hash that equal lines share: of what more than time and money tells lines apart, where that is mapped."""
    if "line_hash" in lines.columns:
        return F.col("line_hash")
    return F.xxhash64("order_ts", F.col("sale_cents") - F.col("refund_cents"))


def repeated(lines: DataFrame) -> DataFrame:
    """Hashes of lines that are there more than once, for all that what is mapped tells: of an order of any size.

    Only eight bytes of a line are compared. Equal lines have equal hashes; who shares one is looked at as a whole.

    Args:
        lines: of `lines.typed_lines`, accepted ones.

    Returns:
        repeat_hash BIGINT, once each.
    """
    return lines.groupBy(_repeat_hash(lines).alias("repeat_hash")).agg(
        F.count(F.lit(1)).alias("copies")
    ).where("copies > 1").select("repeat_hash")  # fmt: skip


def with_repeat_hash(lines: DataFrame) -> DataFrame:
    """Lines with the `repeat_hash` of `repeated`."""
    return lines.withColumn("repeat_hash", _repeat_hash(lines))


def _repeat_hash(lines: DataFrame) -> Column:
    content = content_hash(lines)
    # The hash passes over nulls, and an order x without a line would be a line x without an order.
    return F.xxhash64("customer_id", "order_id", F.col("order_id").isNull(), content)


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


def lines_of_suspects(lines: DataFrame, rows: DataFrame, grain: Grain) -> DataFrame:
    """Lines of the few orders, or days, that may hold a line twice.

    Args:
        lines: of `lines.typed_lines`, accepted ones.
        rows: of `order_days`, made of these lines, with `may_repeat`.
        grain: what is one order where lines have no order_id.

    Returns:
        The lines: of a row that may repeat all of them, and maybe some more of the same order. `record` only has a hash
        of the row as it was read, which is all that comparing it takes: it can be kept whatever its columns are.
    """
    of_line, of_row = {
        None: ("order_id", "order_id"), "day": ("order_date", "day"), "row": ("order_ts", "last_line_ts"),
    }[grain]  # fmt: skip
    found = rows.where("may_repeat").select(
        F.col("customer_id").alias("_customer"), F.col(of_row).alias("_order")
    ).distinct()  # fmt: skip
    same = F.col("customer_id").eqNullSafe(F.col("_customer")) & F.col(of_line).eqNullSafe(F.col("_order"))
    theirs = lines.join(F.broadcast(found), same, "left_semi")
    return theirs.withColumn("record", F.struct(_whole(theirs).alias("whole")))


def distinct_lines(lines: DataFrame, source: TransactionsSource, quality: QualityConfig) -> DataFrame:
    """Each line once, by comparing whole rows.

    Rows equal in every column are one line where `drops_copies` says so, otherwise they are counted and kept. Of rows
    with the same line id and other values the latest counts (then the larger amount) from its own date on; what it
    replaces counts until then.

    Args:
        lines: accepted lines that share a hash with another one, of `repeated`.
        source: the mapping.
        quality: the checks.

    Returns:
        The columns of `lines` without record, those of ACCOUNTS, seen_until DATE (last as-of date at which the row
        counts; null for good). A line that another one replaced has a second row, of no line and no money, on the date
        of the one that replaced it, which tells of it.
    """
    known = _ranked(_once(lines, copies=F.count(F.lit(1))), replaces=replaces_lines(source, quality))
    counted = line_severity("exact_duplicate", quality.checks) != "off"
    accounted = _merged(known) if drops_copies(source, quality) else _kept(known, counted=counted)
    replaced = F.col("replaced_on").isNotNull()
    until = F.date_sub("replaced_on", 1)
    there = accounted.where(~replaced | (until >= F.col("order_date"))).withColumn("seen_until", until)
    gone = _gone(accounted.where(replaced), dropped=drops_copies(source, quality))
    return there.unionByName(gone).drop("whole", "copies", "replaced_on", "record", "repeat_hash")


def superseded_lines(
    lines: DataFrame, source: TransactionsSource, quality: QualityConfig, fresh: DataFrame | None = None,
    gone: DataFrame | None = None,
) -> DataFrame:  # fmt: skip
    """Lines that a later one with the same line id replaced, whole, as often as `distinct_lines` counts them.

    Args:
        lines: accepted lines that share a hash with another one, of `repeated`.
        source: the mapping.
        quality: the checks.
        fresh: those of them that were not there before; None for all. What was replaced before is left out.
        gone: lines of the same hashes that were there before and no longer are.
    """
    signed = _there(lines, now=1, then=0 if fresh is None else 1)
    for other, then in ((fresh, -1), (gone, 1)):
        signed = signed if other is None else signed.unionByName(_there(other, now=0, then=then))
    once = _once(signed, now=F.sum("now"), then=F.sum("then"))
    times = _times_replaced("now", source, quality) - _times_replaced("then", source, quality)
    replaced = once.where("line_id IS NOT NULL").withColumn("times", times.cast("int")).where("times > 0")
    each = F.explode(F.array_repeat(F.lit(1), F.col("times")))
    return replaced.withColumn("each", each).drop("whole", "now", "then", "times", "each")


def _times_replaced(there: str, source: TransactionsSource, quality: QualityConfig) -> Column:
    """How many lines another one replaces, of those that were there: copies are one where they are dropped."""
    later = _latest_first().rowsBetween(Window.unboundedPreceding, -1)
    lines = F.least(F.col(there), F.lit(1)) if drops_copies(source, quality) else F.col(there)
    return F.when(F.max(F.col(there) > 0).over(later), lines).otherwise(_none())


def _there(lines: DataFrame, *, now: int, then: int) -> DataFrame:
    return lines.withColumns({"now": F.lit(now).cast("bigint"), "then": F.lit(then).cast("bigint")})


def _once(lines: DataFrame, **sums: Column) -> DataFrame:
    """Rows equal in every column as one, with sums of theirs."""
    ids = ["customer_id", "order_id", "line_id", "whole"]
    rest = [name for name in lines.columns if name not in (*ids, *sums)]
    together = lines.withColumn("whole", _whole(lines)).repartition(F.col("customer_id"))
    found = (value.alias(name) for name, value in sums.items())
    return together.groupBy(*ids).agg(*found, *(F.first(name).alias(name) for name in rest))


def _latest_first() -> WindowSpec:
    same_line = Window.partitionBy("customer_id", "order_id", "line_id")
    return same_line.orderBy(F.desc("order_ts"), F.desc("sale_cents"), F.desc("refund_cents"), "whole")


def _ranked(once: DataFrame, *, replaces: bool) -> DataFrame:
    """Lines with the date of the next version of the same line; null for the one that counts."""
    if not replaces:
        return once.withColumn("replaced_on", F.lit(None).cast("date"))
    later = F.lag("order_date").over(_latest_first())
    return once.withColumn("replaced_on", F.when(F.col("line_id").isNotNull(), later))


def _merged(lines: DataFrame) -> DataFrame:
    """Copies beyond the first are dropped."""
    again = F.col("copies") - 1
    return lines.withColumns(
        {
            "lines": F.lit(1).cast("bigint"),
            "line_cents": _net(),
            "exact_duplicates": again,
            "duplicate_lines": _none(),
            "duplicate_cents": _net() * again,
            "copy_cents": _none(),
        }
    )


def _kept(lines: DataFrame, *, counted: bool) -> DataFrame:
    """Copies stay what they were, each a line."""
    each = lines.select("*", F.posexplode(F.array_repeat(F.lit(1), F.col("copies").cast("int"))).alias("copy", "one"))
    again = F.when(F.col("copy") > 0, F.lit(1).cast("bigint")).otherwise(_none()) if counted else _none()
    return each.withColumns(
        {
            "lines": F.lit(1).cast("bigint"),
            "line_cents": _net(),
            "exact_duplicates": again,
            "duplicate_lines": _none(),
            "duplicate_cents": _none(),
            "copy_cents": again * _net(),
        }
    ).drop("copy", "one")


def _gone(replaced: DataFrame, *, dropped: bool) -> DataFrame:
    """What is told of replaced lines from the date on which they were; their copies go with them."""
    again = F.col("exact_duplicates") if dropped else _none()
    return replaced.withColumns(
        {
            "lines": _none(),
            "line_cents": _none(),
            "exact_duplicates": again,
            "duplicate_lines": F.lit(1).cast("bigint"),
            "duplicate_cents": _net() * (again + 1),
            "copy_cents": _none(),
            "seen_until": F.lit(None).cast("date"),
            "order_date": F.col("replaced_on"),
        }
    ).withColumns({"sale_cents": _none(), "refund_cents": _none(), "order_ts": F.col("replaced_on").cast("timestamp")})


def _whole(lines: DataFrame) -> Column:
    """A hash of the row as it was read."""
    fields = lines.select("record.*").schema.fields
    return F.xxhash64(*hashable([(F.col("record").getField(field.name), field.dataType) for field in fields]))


def _net() -> Column:
    return F.col("sale_cents") - F.col("refund_cents")


def _none() -> Column:
    return F.lit(0).cast("bigint")
