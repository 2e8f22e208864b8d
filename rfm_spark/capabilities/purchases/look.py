"""Looking at the transactions of a day: rows become measures of customers, and every row is accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.accounts import account_totals, balance, checks_found, copies_kept
from rfm_spark.capabilities.purchases.checks import LINE_CHECKS, line_severity
from rfm_spark.capabilities.purchases.counts import LineCounts, counted_apart, line_counts, observed
from rfm_spark.capabilities.purchases.duplicates import looks_for_duplicates, with_accounts, without_duplicates
from rfm_spark.capabilities.purchases.gates import Buyers, Finding, findings
from rfm_spark.capabilities.purchases.lines import (
    ReadOptions,
    ValidatedLines,
    accepted_until,
    currency_origin,
    validated_lines,
)
from rfm_spark.capabilities.purchases.measures import customer_measures, window_start
from rfm_spark.capabilities.purchases.options import read_options
from rfm_spark.capabilities.purchases.orders import build_orders
from rfm_spark.capabilities.purchases.settings import LineSettings, WindowSettings
from rfm_spark.capabilities.purchases.values import IDS
from rfm_spark.core.reading.accounting import check_messages
from rfm_spark.core.reading.ids import unicode_changes
from rfm_spark.pipeline.environment import Frames, Source

SOURCE = "transactions"
RATES = "transactions.rates"
# Customers whose lines may repeat, for all that what is mapped tells.
POSSIBLE_DUPLICATES = "transactions.possible_duplicates"
_BROADCAST = 200_000
_COPIES = f"{SOURCE}.flagged.exact_duplicate"


@dataclass(frozen=True)
class LinesSeen:
    """What a look at the lines found.

    Attributes:
        validated: the lines with their verdicts.
        counts: of the pass over them.
        customers: kept, all who have a usable row.
        count: how many they are.
        buyers: how many purchased, and how many did so again.
        possible_duplicates: customers whose lines may repeat; None for nobody, or everybody.
        possible_duplicate_count: how many; more than 0 without the customers means everybody.
        has_id_changes: whether ids came in several Unicode forms.
        rows: counts for the ledger.
        money: sums for the ledger.
    """

    validated: ValidatedLines
    counts: LineCounts
    customers: DataFrame
    count: int
    buyers: Buyers
    possible_duplicates: DataFrame | None
    possible_duplicate_count: int
    has_id_changes: bool
    rows: Mapping[str, int]
    money: Mapping[str, Decimal]


@dataclass(frozen=True)
class LineLook:
    """What looking takes.

    Attributes:
        as_of: last day that counts.
        source: the transactions, pinned.
        rates: their exchange rates, pinned, where they have any.
        lines: how rows become lines.
        window: which purchases count.
        frames: keeps what is read more than once.
    """

    as_of: date
    source: Source
    rates: Source | None
    lines: LineSettings
    window: WindowSettings
    frames: Frames

    @property
    def options(self) -> ReadOptions:
        """How lines are read."""
        return read_options(self.source, self.rates, self.lines)


def look_at_lines(look: LineLook) -> LinesSeen:
    """Measures of every customer, and what the ledger says of the rows.

    Raises:
        BalanceError: a row or a cent is missing, or there twice.
    """
    settings, options = look.lines, look.options
    validated, counts, customers = _first_pass(look, options)
    fingerprint = counts.fingerprint
    changes = _id_changes(look, validated, counts)
    if changes is not None:
        validated, counts, customers = _first_pass(look, replace(options, id_changes=changes))
    totals = first = _totals(look, customers)
    columns = settings.source.columns
    if "line_id" in columns and "order_id" not in columns:
        # A line id may come again on another day, which an order of a day can't tell.
        totals = {**totals, "may_repeat": totals["customers"]}
    possible_duplicates, possible_duplicate_count = None, 0
    if totals["may_repeat"] and looks_for_duplicates(settings.source, settings.quality):
        possible_duplicates, possible_duplicate_count = (
            _possible_duplicates(customers, totals),
            int(totals["may_repeat"]),
        )
        customers = _looked_at_closely(look, validated, customers, possible_duplicates, possible_duplicate_count)
        totals = _totals(look, customers)
    count = int(totals["customers"])
    customers = look.frames.hold_if_few(customers, count)
    rows = {
        "transactions.later": counts.later,
        POSSIBLE_DUPLICATES: int(first["may_repeat"]),
        "customers": int(totals["buyers"]),
        "customers.never_purchased": count - int(totals["buyers"]),
        "customers.active": int(totals["active"]),
    }
    money = {
        "sales": Decimal(int(totals["sale_cents"] or 0)) / 100,
        "refunds": Decimal(int(totals["sale_cents"] or 0) - int(totals["line_cents"] or 0)) / 100,
        "monetary": totals["monetary"] or Decimal(0),
    }
    counts = replace(counts, fingerprint=fingerprint)
    their_rows, their_money = _accounts(look, counts, customers, totals)
    buyers = Buyers(int(totals["buyers"]), int(totals["repeaters"]))
    return LinesSeen(
        validated, counts, customers, count, buyers, possible_duplicates, possible_duplicate_count,
        changes is not None, rows | their_rows, money | their_money,
    )  # fmt: skip


def line_findings(look: LineLook, seen: LinesSeen) -> list[Finding]:
    """Every limit that the lines are beyond; one at level `fail` stops a run."""
    return findings(seen.counts, look.lines.quality, look.as_of, seen.buyers)


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
    if not seen.rows["customers"]:
        messages.append("nobody bought anything up to this date: all tables of the run are empty")
    elif not seen.rows["customers.active"]:
        messages.append("no purchase in the window: every frequency is 0")
    return messages


def each_once(
    lines: DataFrame, settings: LineSettings, possible_duplicates: DataFrame | None, *, everybody: bool
) -> DataFrame:
    """Lines without duplicates; only customers who may have some are looked at, where these are known.

    Args:
        lines: of `lines.accepted_until`.
        settings: the mapping and the checks.
        possible_duplicates: customer_id of customers whose lines may repeat.
        everybody: whether anybody's may.
    """
    source, quality = settings.source, settings.quality
    if not looks_for_duplicates(source, quality):
        return with_accounts(lines)
    if everybody:
        return without_duplicates(lines, source, quality)
    if possible_duplicates is None:
        return with_accounts(lines)
    theirs = without_duplicates(lines.join(possible_duplicates, "customer_id", "left_semi"), source, quality)
    others = with_accounts(lines.join(possible_duplicates, "customer_id", "left_anti"))
    return others.unionByName(theirs.drop("superseded", "record"))


def broadcast(customers: DataFrame, count: int) -> DataFrame:
    """Customers to be joined with, sent everywhere where they are few."""
    return F.broadcast(customers) if count <= _BROADCAST else customers


def _first_pass(look: LineLook, options: ReadOptions) -> tuple[ValidatedLines, LineCounts, DataFrame]:
    seen, source = Observation(), look.lines.source
    validated = validated_lines(look.source.frame, source, options)
    currency = currency_origin(validated.lines, source)
    filters = source.where is not None
    lines = observed(validated.lines, seen, look.as_of, currency=currency, filters=filters)
    customers = look.frames.persist(_customers(look, accepted_until(lines, look.as_of)))
    # The action that fills the cache; the counts come with it.
    customers.count()
    counts = line_counts(seen) or counted_apart(validated.lines, look.as_of, currency=currency, filters=filters)
    return validated, counts, customers


def _customers(look: LineLook, lines: DataFrame) -> DataFrame:
    window = look.window
    orders = build_orders(lines, look.lines.source.order_grain, window_start(look.as_of, window.window_days))
    return customer_measures(orders, look.as_of, window.window_days, window.refunds)


def _possible_duplicates(customers: DataFrame, totals: Mapping[str, Any]) -> DataFrame | None:
    """None where they are most of all."""
    if 2 * int(totals["may_repeat"]) > int(totals["customers"]):
        return None
    return customers.where("may_repeat").select("customer_id")


def _looked_at_closely(
    look: LineLook,
    validated: ValidatedLines,
    customers: DataFrame,
    possible_duplicates: DataFrame | None,
    possible_duplicate_count: int,
) -> DataFrame:
    """Customers whose lines may repeat are measured again from lines compared as whole rows; the others stay."""
    lines = accepted_until(validated.lines, look.as_of)
    source, quality = look.lines.source, look.lines.quality
    if possible_duplicates is None:
        return look.frames.persist(_customers(look, without_duplicates(lines, source, quality)))
    theirs = lines.join(broadcast(possible_duplicates, possible_duplicate_count), "customer_id", "left_semi")
    again = _customers(look, without_duplicates(theirs, source, quality))
    return look.frames.persist(customers.where(~F.col("may_repeat")).unionByName(again))


def _totals(look: LineLook, customers: DataFrame) -> Mapping[str, Any]:
    bought, repeat = F.col("recency_days").isNotNull(), look.lines.quality.min_repeat_buyers
    often = F.col("frequency") >= (repeat.orders if repeat is not None else 2)
    row = customers.agg(
        F.count(F.lit(1)).alias("customers"),
        F.count("recency_days").alias("buyers"),
        F.count(F.when(F.col("frequency") > 0, 1)).alias("active"),
        F.count(F.when(often, 1)).alias("repeaters"),
        F.sum(F.when(bought, F.col("monetary"))).alias("monetary"),
        F.count(F.when(F.col("customer_id") != F.upper("customer_id"), 1)).alias("with_small"),
        F.count(F.when(F.col("customer_id") != F.lower("customer_id"), 1)).alias("with_capital"),
        *account_totals(),
    ).collect()[0]
    totals: dict[str, Any] = row.asDict()
    return totals


def _id_changes(look: LineLook, validated: ValidatedLines, counts: LineCounts) -> DataFrame | None:
    if not counts.non_ascii_ids or line_severity("id_unicode", look.lines.quality.checks) == "off":
        return None
    changes = look.frames.persist(unicode_changes(validated.lines.where(F.col("reason").isNull()), IDS))
    return changes if changes.count() else None


def _accounts(
    look: LineLook, counts: LineCounts, customers: DataFrame, totals: Mapping[str, Any]
) -> tuple[dict[str, int], dict[str, Decimal]]:
    source, quality = look.lines.source, look.lines.quality
    held = balance(counts, totals, source, quality)
    held.must_hold(SOURCE)
    found = checks_found(counts, totals, source, quality)
    asked = line_severity("case_collision", quality.checks) != "off"
    if asked and totals["with_small"] and totals["with_capital"]:
        collisions = _case_collisions(customers)
        if collisions:
            found["flagged.case_collision"] = collisions
    money = held.sums(SOURCE)
    if "flagged.exact_duplicate" in found:
        money[_COPIES] = Decimal(int(totals["copy_cents"] or 0)) / 100
    return {**held.row_counts(SOURCE), **{f"{SOURCE}.{name}": count for name, count in found.items()}}, money


def _case_collisions(customers: DataFrame) -> int:
    together = customers.groupBy(F.lower("customer_id")).agg((F.count(F.lit(1)) - 1).alias("more"))
    return int(together.agg(F.sum("more")).collect()[0][0] or 0)
