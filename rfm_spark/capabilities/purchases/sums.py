"""What rows of order_days come to, in all and by day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.checks import LINE_CHECKS
from rfm_spark.capabilities.purchases.days import fingerprint_halves
from rfm_spark.capabilities.purchases.orders import Grain
from rfm_spark.capabilities.purchases.seen import money_of, money_parts
from rfm_spark.core.batches import NO_DAY, Day
from rfm_spark.core.reading.verdicts import codes_of

# Of rows of `order_days`.
COUNTS = ("lines", "exact_duplicates", "duplicate_lines")
MONEY = ("sale_cents", "refund_cents", "duplicate_cents", "copy_cents")
# Rows that count for good, those that count until a date, and these once more on the day after it.
STAYS, PASSES, ENDS = "stays", "passes", "ends"


@dataclass
class Sums:
    """What the rows of `order_days` of a batch come to."""

    lines: int = 0
    line_cents: int = 0
    exact_duplicates: int = 0
    duplicate_lines: int = 0
    duplicate_cents: int = 0
    copy_cents: int = 0
    may_repeat: int = 0
    marked: dict[str, int] = field(default_factory=dict)
    days: dict[int, Day] = field(default_factory=dict)
    currencies: dict[str, int] = field(default_factory=dict)


def summed(kept: DataFrame, grain: Grain, *, replaces: bool) -> list[Row]:
    """Rows of `order_days` added up on the driver per day, marks, currency and `how` they count, for `sums_of`.

    Args:
        kept: the rows.
        grain: what is one order where lines have no order_id.
        replaces: whether a later line may have taken the place of an earlier one.
    """
    low, high = fingerprint_halves(grain)
    stays = F.when(F.col("seen_until").isNull(), F.lit(STAYS)).otherwise(F.lit(PASSES))
    dated = kept.where("day IS NOT NULL").withColumns({"low": low, "high": high, "how": stays})
    if replaces:
        passed = dated.where("seen_until IS NOT NULL")
        ends = {"day": F.date_add("seen_until", 1), "how": F.lit(ENDS)}
        dated = dated.unionByName(passed.withColumns(ends))
    return dated.groupBy(F.unix_date("day").alias("day"), "marks", "currency", "how").agg(
        *(F.sum(name).alias(name) for name in (*COUNTS, "low", "high")),
        *(part for name in MONEY for part in money_parts(name, F.col(name))),
        F.count_if("may_repeat").alias("may_repeat"),
    ).collect()  # fmt: skip


def sums_of(rows: Iterable[Row]) -> Sums:
    """Add up rows per day, marks, currency and `how` they count."""
    found = Sums()
    for row in rows:
        number = int(row["day"])
        sales, refunds, dropped, copies = (money_of(row, name) for name in MONEY)
        lines = int(row["lines"])
        ends = row["how"] == ENDS
        day = Day(0 if ends else lines, sales, refunds, int(row["low"]), int(row["high"]))
        found.days[number] = found.days.get(number, NO_DAY).plus(day, -1 if ends else 1)
        if row["how"] != STAYS:
            continue
        found.lines += lines
        found.line_cents += sales - refunds
        found.exact_duplicates += int(row["exact_duplicates"])
        found.duplicate_lines += int(row["duplicate_lines"])
        found.duplicate_cents += dropped
        found.copy_cents += copies
        found.may_repeat += int(row["may_repeat"])
        for code in codes_of(int(row["marks"]), LINE_CHECKS):
            found.marked[code] = found.marked.get(code, 0) + lines
        currency = row["currency"] or ""
        if lines:
            found.currencies[currency] = min(found.currencies.get(currency, number), number)
    return found


def subtract(sums: Sums, before: Sums) -> None:
    """Take off what the rows came to that no longer count."""
    for name in ("lines", "line_cents", "exact_duplicates", "duplicate_lines", "duplicate_cents", "copy_cents"):
        setattr(sums, name, getattr(sums, name) - getattr(before, name))
    for code, rows in before.marked.items():
        sums.marked[code] = sums.marked.get(code, 0) - rows
    for number, day in before.days.items():
        sums.days[number] = sums.days.get(number, NO_DAY).plus(day, -1)
