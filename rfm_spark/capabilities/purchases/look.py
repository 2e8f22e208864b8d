"""Looking at transactions as of a day: days of orders become measures of customers, and the ledger's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.checks import LINE_CHECKS, line_severity
from rfm_spark.capabilities.purchases.counts import LineCounts, line_counts
from rfm_spark.capabilities.purchases.days import visible
from rfm_spark.capabilities.purchases.gates import Buyers, Finding, copies_kept, findings
from rfm_spark.capabilities.purchases.intake import SOURCE
from rfm_spark.capabilities.purchases.measures import REFUND_CHECKS, customer_measures, window_start
from rfm_spark.capabilities.purchases.orders import orders_of
from rfm_spark.capabilities.purchases.settings import LineSettings, WindowSettings
from rfm_spark.core.batches import Batches
from rfm_spark.core.reading.accounting import check_messages

_COPIES = f"{SOURCE}.flagged.exact_duplicate"


@dataclass(frozen=True)
class LineLook:
    """What looking takes.

    Attributes:
        as_of: last day that counts.
        batches: what was read, and what became of it.
        lines: how rows become lines.
        window: which purchases count.
    """

    as_of: date
    batches: Batches
    lines: LineSettings
    window: WindowSettings


@dataclass(frozen=True)
class LinesSeen:
    """What a look found.

    Attributes:
        counts: of the rows.
        count: customers who have a usable row.
        buyers: how many purchased, and how many did so again.
        rows: counts for the ledger.
        money: sums for the ledger.
    """

    counts: LineCounts
    count: int
    buyers: Buyers
    rows: Mapping[str, int]
    money: Mapping[str, Decimal]


def measured(rows: DataFrame, look: LineLook, large: Sequence[str] = ()) -> DataFrame:
    """Measures of the customers of rows of `order_days`; see `measures.customer_measures`, and `orders.orders_of`."""
    window = look.window
    start = window_start(look.as_of, window.window_days)
    grain, by_currency = look.lines.source.order_grain, window.by_currency
    orders = orders_of(visible(rows, look.as_of), grain, start, large, by_currency=by_currency)
    return customer_measures(
        orders,
        look.as_of,
        window.window_days,
        window.refunds,
        gaps=window.gaps,
        by_day=bool(large),
        by_currency=by_currency,
    )


def seen_lines(look: LineLook, customers: DataFrame) -> LinesSeen:
    """What the ledger says of the rows and the customers.

    Args:
        look: what was looked at.
        customers: measures of all customers, kept.
    """
    counts = line_counts(look.batches, SOURCE, look.as_of)
    totals = _totals(look, customers)
    count = int(totals["customers"])
    rows = {
        f"{SOURCE}.later": counts.later,
        "customers": int(totals["buyers"]),
        "customers.never_purchased": count - int(totals["buyers"]),
        "customers.active": int(totals["active"]),
        **({"orders.other_currency": int(totals["elsewhere"])} if totals["elsewhere"] else {}),
        **{name: rows for name, rows in look.batches.rows().items() if rows or name.count(".") == 1},
        **_checks_of_orders(look, customers, totals),
    }
    if look.window.by_currency:
        money = _money_by_currency(customers)
    else:
        money = {
            "sales": Decimal(counts.sale_cents) / 100,
            "refunds": Decimal(counts.refund_cents) / 100,
            "monetary": totals["monetary"] or Decimal(0),
            **{name: amount for name, amount in look.batches.money().items() if name != _COPIES or name in rows},
        }
    return LinesSeen(counts, count, Buyers(int(totals["buyers"]), int(totals["repeaters"])), rows, money)


def line_findings(look: LineLook, seen: LinesSeen) -> list[Finding]:
    """Every limit that the lines are beyond; one at level `fail` stops a run."""
    quality, apart = look.lines.quality, look.window.by_currency
    return findings(seen.counts, quality, look.as_of, seen.buyers, currencies_apart=apart)


def line_warnings(look: LineLook, seen: LinesSeen, found: list[Finding]) -> list[str]:
    """What a reader of the figures should know of the lines.

    Args:
        look: what it took.
        seen: what it found.
        found: of `line_findings`.
    """
    messages = [finding.message for finding in found if finding.level == "warn"]
    messages += check_messages(SOURCE, seen.rows, LINE_CHECKS, "set apart in rejects", named=False)
    if _COPIES in seen.money:
        messages.append(copies_kept(seen.rows[_COPIES], seen.money[_COPIES], look.lines.source))
    elsewhere = seen.rows.get("orders.other_currency")
    if elsewhere:
        messages.append(
            f"{elsewhere:,} purchases are in another currency than the customer's latest one, and don't count "
            "(rfm.scope: currency)"
        )
    if not seen.rows["customers"]:
        messages.append("nobody bought anything up to this date: all tables of the run are empty")
    elif not seen.rows["customers.active"]:
        messages.append("no purchase in the window: every frequency is 0")
    return messages


def _totals(look: LineLook, customers: DataFrame) -> Mapping[str, Any]:
    bought, repeat = F.col("recency_days").isNotNull(), look.lines.quality.min_repeat_buyers
    often = F.col("frequency") >= (repeat.orders if repeat is not None else 2)
    row = customers.agg(
        F.count(F.lit(1)).alias("customers"),
        F.count("recency_days").alias("buyers"),
        F.count(F.when(F.col("frequency") > 0, 1)).alias("active"),
        F.count(F.when(often, 1)).alias("repeaters"),
        F.sum(F.when(bought, F.col("monetary"))).alias("monetary"),
        F.sum("orders_elsewhere").alias("elsewhere"),
        F.count(F.when(F.col("customer_id") != F.upper("customer_id"), 1)).alias("with_small"),
        F.count(F.when(F.col("customer_id") != F.lower("customer_id"), 1)).alias("with_capital"),
        *(F.sum(name).alias(name) for name in REFUND_CHECKS),
    ).collect()[0]
    totals: dict[str, Any] = row.asDict()
    return totals


def _money_by_currency(customers: DataFrame) -> dict[str, Decimal]:
    """Monetary value of each currency; amounts of several have no sum."""
    sums = customers.where("recency_days IS NOT NULL").groupBy("currency").agg(F.sum("monetary"))
    return {f"monetary.{currency or 'unknown'}": amount for currency, amount in sums.collect()}


def _checks_of_orders(look: LineLook, customers: DataFrame, totals: Mapping[str, Any]) -> dict[str, int]:
    """Checks on orders and on ids, which only the whole can tell."""
    overrides, found = look.lines.quality.checks, dict[str, int]()
    if "order_id" in look.lines.source.columns:
        found = {name: int(totals[name] or 0) for name in REFUND_CHECKS if line_severity(name, overrides) != "off"}
    asked = line_severity("case_collision", overrides) != "off"
    if asked and totals["with_small"] and totals["with_capital"]:
        found["case_collision"] = _case_collisions(customers)
    return {f"{SOURCE}.flagged.{name}": count for name, count in found.items() if count}


def _case_collisions(customers: DataFrame) -> int:
    together = customers.groupBy(F.lower("customer_id")).agg((F.count(F.lit(1)) - 1).alias("more"))
    return int(together.agg(F.sum("more")).collect()[0][0] or 0)
