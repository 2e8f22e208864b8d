"""What became of every row: rows and money of a source balance, or nothing is published."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.checks import line_severity
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.counts import LineCounts
from rfm_spark.capabilities.purchases.duplicates import (
    ACCOUNTS,
    can_be_dropped,
    drops_copies,
    duplicate_sketch,
    may_repeat,
)
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.core.reading.balance import Balance

REFUND_CHECKS = ("refund_exceeds_sale", "refund_without_sale")
ACCOUNT_COLUMNS = (*ACCOUNTS, "sale_cents", *REFUND_CHECKS, "may_repeat")


def customer_accounts(orders: DataFrame) -> list[Column]:
    """Aggregates over a customer's orders that tell what became of their rows; none where the orders don't know."""
    if "lines" not in orders.columns:
        return []
    refunded = F.col("refund_cents") > 0
    sums = [F.sum(name).alias(name) for name in ACCOUNTS] + [F.sum("gross_cents").alias("sale_cents")]
    refunds = [
        _count((F.col("gross_cents") > 0) & (F.col("refund_cents") > F.col("gross_cents"))).alias(REFUND_CHECKS[0]),
        _count((F.col("gross_cents") == 0) & refunded).alias(REFUND_CHECKS[1]),
    ]
    if "line_hash" in orders.columns:
        return [*sums, *refunds, *(value.alias(name) for name, value in duplicate_sketch().items())]
    return [*sums, *refunds, F.max("may_repeat").alias("may_repeat")]


def with_suspicion(customers: DataFrame) -> DataFrame:
    """Customers with `may_repeat`, also where each row is an order and only their rows together can tell."""
    if "hash_low" not in customers.columns:
        return customers
    return customers.withColumn("may_repeat", may_repeat("lines")).drop(*duplicate_sketch())


def account_totals() -> list[Column]:
    """Sums of the accounts over customers, beside the number of those whose lines may repeat."""
    return [
        *(F.sum(name).alias(name) for name in (*ACCOUNTS, "sale_cents", *REFUND_CHECKS)),
        _count(F.col("may_repeat")).alias("may_repeat"),
    ]


def balance(
    counts: LineCounts, totals: Mapping[str, Any], source: TransactionsSource, quality: QualityConfig
) -> Balance:
    """What became of the rows.

    Args:
        counts: of the pass over the source.
        totals: of `account_totals`, from where the lines ended.
        source: the mapping.
        quality: the checks.
    """
    dropped = int(totals["duplicate_lines"] or 0)
    if drops_copies(source, quality):
        dropped += int(totals["exact_duplicates"] or 0)
    filters = counts.filtered is not None
    return Balance(
        rows={
            "read": counts.read,
            "accepted": int(totals["lines"] or 0) + counts.later,
            "rejected": sum(counts.rejected.values()),
            "duplicates": dropped,
            **({"filtered": counts.filtered or 0} if filters else {}),
        },
        cents={
            "read": counts.read_cents,
            "accepted": int(totals["line_cents"] or 0) + counts.later_cents,
            "rejected": counts.rejected_cents,
            "duplicates": int(totals["duplicate_cents"] or 0),
            **({"filtered": counts.filtered_cents} if filters else {}),
        },
    )


def checks_found(
    counts: LineCounts, totals: Mapping[str, Any], source: TransactionsSource, quality: QualityConfig
) -> dict[str, int]:
    """How many rows, orders or ids each check found, as `rejected.bad_date` or `flagged.zero_price`."""
    found = {f"rejected.{code}": rows for code, rows in counts.rejected.items()}
    marked = dict(counts.marked)
    if "order_id" in source.columns:
        marked |= {
            code: int(totals[code] or 0) for code in REFUND_CHECKS if line_severity(code, quality.checks) != "off"
        }
    marked["exact_duplicate"] = int(totals["exact_duplicates"] or 0)
    marked["duplicate_line"] = int(totals["duplicate_lines"] or 0)
    for code, rows in marked.items():
        if rows:
            repaired = line_severity(code, quality.checks) == "repair"
            if code == "exact_duplicate":
                repaired = drops_copies(source, quality)
            found[f"{'repaired' if repaired else 'flagged'}.{code}"] = rows
    return found


def copies_kept(rows: int, money: Decimal, source: TransactionsSource) -> str:
    """A sentence on equal rows that were flagged and kept, with what they are worth."""
    if can_be_dropped(source):
        why = "they may be two scans of an article or a row delivered twice, and no line id tells which"
        remedy = "map columns.line_id, or drop them with quality.checks.exact_duplicate: repair"
    else:
        why = "they may be two purchases or a row delivered twice, and no id tells which"
        remedy = "map columns.order_id or columns.line_id"
    return (
        f"{rows:,} rows of sources.transactions worth {money:,.2f} are equal to another one in every column and count: "
        f"{why}; {remedy}"
    )


def _count(condition: Column) -> Column:
    return F.count(F.when(condition, 1))
