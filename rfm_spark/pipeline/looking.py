"""Looking at the transactions of a day: rows become measures of customers, and every row is accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.accounts import PARTS, account_totals, balance, checks_found, copies_kept
from rfm_spark.capabilities.purchases.checks import LINE_CHECKS, line_severity
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.counts import LineCounts, counted_apart, line_counts, observed
from rfm_spark.capabilities.purchases.duplicates import looks_for_duplicates, with_accounts, without_duplicates
from rfm_spark.capabilities.purchases.gates import Buyers, Finding, findings
from rfm_spark.capabilities.purchases.lines import Judged, accepted_until, currency_origin, judged_lines
from rfm_spark.capabilities.purchases.measures import customer_measures, window_start
from rfm_spark.capabilities.purchases.orders import build_orders
from rfm_spark.capabilities.purchases.values import IDS
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.core.reading.accounting import told
from rfm_spark.core.reading.ids import unicode_changes
from rfm_spark.pipeline.context import SMALL, Look
from rfm_spark.pipeline.late import SOURCE, SUSPECTS

_BROADCAST = 200_000
_COPIES = f"{SOURCE}.flagged.exact_duplicate"


def look_at_lines(look: Look) -> None:
    """Fill `customers`, `measures`, `counts`, `buyers`, and what the ledger says of the rows.

    Raises:
        BalanceError: a row or a cent is missing, or there twice.
    """
    judged, counts, customers = _first_pass(look)
    contents = counts.contents
    changes = _id_changes(look, judged, counts)
    if changes is not None:
        look.intake = replace(look.intake, id_changes=changes)
        judged, counts, customers = _first_pass(look)
    totals = first = _totals(look, customers)
    columns = look.config.part(TransactionsSource).columns
    if "line_id" in columns and "order_id" not in columns:
        # A line id may come again on another day, which an order of a day can't tell.
        totals = {**totals, "may_repeat": totals["customers"]}
    if totals["may_repeat"] and looks_for_duplicates(look.config.part(TransactionsSource), look.quality):
        customers = _looked_at_closely(look, judged, customers, totals)
        totals = _totals(look, customers)
    look.few_customers = int(totals["customers"]) <= SMALL
    if look.few_customers:
        customers = look.hold(customers)
    look.judged, look.customers, look.counts = judged, customers, replace(counts, contents=contents)
    look.measures = customers.where(F.col("recency_days").isNotNull())
    look.buyers = Buyers(int(totals["buyers"]), int(totals["repeaters"]))
    look.rows |= {
        "transactions.later": counts.later,
        SUSPECTS: int(first["may_repeat"]),
        "customers": int(totals["buyers"]),
        "customers.never_purchased": int(totals["customers"]) - int(totals["buyers"]),
        "customers.active": int(totals["active"]),
    }
    look.money |= {
        "sales": Decimal(int(totals["sale_cents"] or 0)) / 100,
        "refunds": Decimal(int(totals["sale_cents"] or 0) - int(totals["line_cents"] or 0)) / 100,
        "monetary": totals["monetary"] or Decimal(0),
    }
    _account(look, totals)


def line_findings(look: Look) -> list[Finding]:
    """Every limit that the lines are beyond; one at level `fail` stops a run."""
    return findings(look.known_counts, look.quality, look.as_of, look.known_buyers)


def line_warnings(look: Look, found: list[Finding]) -> list[str]:
    """What a reader of the figures should know of the lines.

    Args:
        look: after `look_at_lines`.
        found: of `line_findings`.
    """
    said = [finding.says for finding in found if finding.level == "warn"]
    said += told(SOURCE, look.rows, LINE_CHECKS, "set apart in rejects", named=False)
    if _COPIES in look.money:
        said.append(copies_kept(look.rows[_COPIES], look.money[_COPIES], look.config.part(TransactionsSource)))
    if not look.rows["customers"]:
        said.append("nobody bought anything up to this date: all tables of the run are empty")
    elif not look.rows["customers.active"]:
        said.append("no purchase in the window: every frequency is 0")
    return said


def each_once(look: Look, lines: DataFrame) -> DataFrame:
    """Lines without duplicates; only customers who may have some are looked at, where these are known.

    Args:
        look: after `look_at_lines`.
        lines: of `lines.accepted_until`.
    """
    source = look.config.part(TransactionsSource)
    if not looks_for_duplicates(source, look.quality):
        return with_accounts(lines)
    # The first stage did not look at later lines.
    if look.rows["transactions.later"] or (look.suspect_count and look.suspects is None):
        return without_duplicates(lines, source, look.quality)
    if look.suspects is None:
        return with_accounts(lines)
    theirs = without_duplicates(lines.join(look.suspects, "customer_id", "left_semi"), source, look.quality)
    others = with_accounts(lines.join(look.suspects, "customer_id", "left_anti"))
    return others.unionByName(theirs.drop("superseded", "record"))


def broadcast(customers: DataFrame, count: int) -> DataFrame:
    """Customers to be joined with, sent everywhere where they are few."""
    return F.broadcast(customers) if count <= _BROADCAST else customers


def account_lines(look: Look) -> list[str]:
    """What became of the rows and the money of the transactions, for people."""
    parts = [part for part in PARTS if f"{SOURCE}.{part}" in look.rows]
    money = [f"{look.money[f'{SOURCE}.{part}']:,.2f} {part}" for part in parts]
    return [account_line(look, SOURCE), f"{SOURCE}: {_equation(money)} in money"]


def account_line(look: Look, source: str) -> str:
    """What became of the rows of a source, for people."""
    counts = {part: look.rows.get(f"{source}.{part}") for part in PARTS}
    return f"{source}: {_equation([f'{n:,} {part}' for part, n in counts.items() if n is not None])} rows"


def _equation(parts: list[str]) -> str:
    return f"{parts[0]} = {' + '.join(parts[1:])}"


def _first_pass(look: Look) -> tuple[Judged, LineCounts, DataFrame]:
    seen = Observation()
    judged = judged_lines(look.source.frame, look.config.part(TransactionsSource), look.intake)
    currency = currency_origin(judged.lines, look.config.part(TransactionsSource))
    filters = look.config.part(TransactionsSource).where is not None
    lines = observed(judged.lines, seen, look.as_of, currency=currency, filters=filters)
    customers = look.hold(_customers(look, accepted_until(lines, look.as_of)))
    # The action that fills the cache; the counts come with it.
    customers.count()
    counts = line_counts(seen) or counted_apart(judged.lines, look.as_of, currency=currency, filters=filters)
    return judged, counts, customers


def _customers(look: Look, lines: DataFrame) -> DataFrame:
    rfm, grain = look.config.part(RfmConfig), look.config.part(TransactionsSource).order_grain
    orders = build_orders(lines, grain, window_start(look.as_of, rfm.window_days))
    return customer_measures(orders, look.as_of, rfm.window_days, rfm.refunds)


def _looked_at_closely(look: Look, judged: Judged, customers: DataFrame, totals: Mapping[str, Any]) -> DataFrame:
    """Customers whose lines may repeat are measured again from lines compared as whole rows; the others stay."""
    lines = accepted_until(judged.lines, look.as_of)
    look.suspects = customers.where("may_repeat").select("customer_id")
    look.suspect_count = int(totals["may_repeat"])
    source = look.config.part(TransactionsSource)
    if 2 * look.suspect_count > int(totals["customers"]):
        look.suspects = None
        return look.hold(_customers(look, without_duplicates(lines, source, look.quality)))
    theirs = lines.join(broadcast(look.suspects, look.suspect_count), "customer_id", "left_semi")
    again = _customers(look, without_duplicates(theirs, source, look.quality))
    return look.hold(customers.where(~F.col("may_repeat")).unionByName(again))


def _totals(look: Look, customers: DataFrame) -> Mapping[str, Any]:
    bought, repeat = F.col("recency_days").isNotNull(), look.quality.min_repeat_buyers
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


def _id_changes(look: Look, judged: Judged, counts: LineCounts) -> DataFrame | None:
    if not counts.foreign_ids or line_severity("id_unicode", look.quality.checks) == "off":
        return None
    changes = look.persist(unicode_changes(judged.lines.where(F.col("reason").isNull()), IDS))
    return changes if changes.count() else None


def _account(look: Look, totals: Mapping[str, Any]) -> None:
    source, counts = look.config.part(TransactionsSource), look.known_counts
    held = balance(counts, totals, source, look.quality)
    held.must_hold(SOURCE)
    look.rows |= held.row_counts(SOURCE)
    look.money |= held.sums(SOURCE)
    found = checks_found(counts, totals, source, look.quality)
    if (
        line_severity("case_collision", look.quality.checks) != "off"
        and totals["with_small"]
        and totals["with_capital"]
    ):
        collisions = _case_collisions(look)
        if collisions:
            found["flagged.case_collision"] = collisions
    look.rows |= {f"{SOURCE}.{name}": count for name, count in found.items()}
    if "flagged.exact_duplicate" in found:
        look.money[_COPIES] = Decimal(int(totals["copy_cents"] or 0)) / 100


def _case_collisions(look: Look) -> int:
    together = look.known_customers.groupBy(F.lower("customer_id")).agg((F.count(F.lit(1)) - 1).alias("more"))
    return int(together.agg(F.sum("more")).collect()[0][0] or 0)
