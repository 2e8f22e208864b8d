"""The first stage of a run: rows become measures of customers, every row is accounted for, and the gates decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F

from rfm_spark.behaviour.rfm import customer_measures, window_start
from rfm_spark.core.checks import CHECKS, severity
from rfm_spark.core.errors import GateError
from rfm_spark.core.schemas import REJECTS
from rfm_spark.core.stats import exact_moments
from rfm_spark.intake.accounts import account_totals, balance, checks_found, copies_kept
from rfm_spark.intake.counts import LineCounts, counted_apart, line_counts, observed
from rfm_spark.intake.duplicates import looks_for_duplicates, without_duplicates
from rfm_spark.intake.gates import MINIMUM_GATES, Buyers, findings, mixed_currencies
from rfm_spark.intake.ids import unicode_changes
from rfm_spark.intake.lines import Judged, accepted_until, currency_origin, judged_lines, rejects, superseded_lines
from rfm_spark.intake.orders import build_orders
from rfm_spark.intake.values import IDS
from rfm_spark.pipeline.accounting import told
from rfm_spark.pipeline.context import SMALL, RunContext
from rfm_spark.pipeline.late import SOURCE, SUSPECTS
from rfm_spark.pipeline.rejecting import first_seen
from rfm_spark.segments.scored import z_values

_BROADCAST = 200_000


def measure(run: RunContext) -> int:
    """Fill `measures`, `moments`, `counts`, and what the ledger says of the rows; stop where a gate fails."""
    judged, counts, customers = _first_pass(run)
    contents = counts.contents
    changes = _id_changes(run, judged, counts)
    if changes is not None:
        run.intake = replace(run.intake, id_changes=changes)
        judged, counts, customers = _first_pass(run)
    totals = first = _totals(run, customers)
    columns = run.config.sources.transactions.columns
    if "line_id" in columns and "order_id" not in columns:
        # A line id may come again on another day, which an order of a day can't tell.
        totals = {**totals, "may_repeat": totals["customers"]}
    if totals["may_repeat"] and looks_for_duplicates(run.config.sources.transactions, run.quality):
        customers = _looked_at_closely(run, judged, customers, totals)
        totals = _totals(run, customers)
    run.few_customers = int(totals["customers"]) <= SMALL
    if run.few_customers:
        customers = run.hold(customers)
    run.judged, run.customers, run.counts = judged, customers, replace(counts, contents=contents)
    run.measures = customers.where(F.col("recency_days").isNotNull())
    run.rows |= {
        "transactions.later": counts.later,
        SUSPECTS: int(first["may_repeat"]),
        "customers": int(totals["buyers"]),
        "customers.never_purchased": int(totals["customers"]) - int(totals["buyers"]),
        "customers.active": int(totals["active"]),
    }
    run.money |= {
        "sales": Decimal(int(totals["sale_cents"] or 0)) / 100,
        "refunds": Decimal(int(totals["sale_cents"] or 0) - int(totals["line_cents"] or 0)) / 100,
        "monetary": totals["monetary"] or Decimal(0),
    }
    _account(run, totals)
    _write_rejects(run)
    _gate(run, Buyers(int(totals["buyers"]), int(totals["repeaters"])))
    run.moments = exact_moments(run.measures, z_values(run.config.rfm.z_log))
    return counts.read


def _first_pass(run: RunContext) -> tuple[Judged, LineCounts, DataFrame]:
    seen = Observation()
    judged = judged_lines(run.source.frame, run.config.sources.transactions, run.intake)
    currency = currency_origin(judged.lines, run.config.sources.transactions)
    lines = observed(judged.lines, seen, run.as_of, currency=currency)
    customers = run.hold(_customers(run, accepted_until(lines, run.as_of)))
    # The action that fills the cache; the counts come with it.
    customers.count()
    counts = line_counts(seen) or counted_apart(judged.lines, run.as_of, currency=currency)
    return judged, counts, customers


def _customers(run: RunContext, lines: DataFrame) -> DataFrame:
    rfm, grain = run.config.rfm, run.config.sources.transactions.order_grain
    orders = build_orders(lines, grain, window_start(run.as_of, rfm.window_days))
    return customer_measures(orders, run.as_of, rfm.window_days, rfm.refunds)


def _looked_at_closely(run: RunContext, judged: Judged, customers: DataFrame, totals: Mapping[str, Any]) -> DataFrame:
    """Customers whose lines may repeat are measured again from lines compared as whole rows; the others stay."""
    lines = accepted_until(judged.lines, run.as_of)
    run.suspects = customers.where("may_repeat").select("customer_id")
    run.suspect_count = int(totals["may_repeat"])
    source = run.config.sources.transactions
    if 2 * run.suspect_count > int(totals["customers"]):
        run.suspects = None
        return run.hold(_customers(run, without_duplicates(lines, source, run.quality)))
    theirs = lines.join(_broadcast(run.suspects, run.suspect_count), "customer_id", "left_semi")
    again = _customers(run, without_duplicates(theirs, source, run.quality))
    return run.hold(customers.where(~F.col("may_repeat")).unionByName(again))


def _broadcast(customers: DataFrame, count: int) -> DataFrame:
    return F.broadcast(customers) if count <= _BROADCAST else customers


def _totals(run: RunContext, customers: DataFrame) -> Mapping[str, Any]:
    bought, repeat = F.col("recency_days").isNotNull(), run.quality.min_repeat_buyers
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


def _id_changes(run: RunContext, judged: Judged, counts: LineCounts) -> DataFrame | None:
    if not counts.foreign_ids or severity("id_unicode", run.quality.checks) == "off":
        return None
    changes = run.persist(unicode_changes(judged.lines.where(F.col("reason").isNull()), IDS))
    return changes if changes.count() else None


def _account(run: RunContext, totals: Mapping[str, Any]) -> None:
    source, counts = run.config.sources.transactions, run.known_counts
    held = balance(counts, totals, source, run.quality)
    held.must_hold(SOURCE)
    run.rows |= held.row_counts(SOURCE)
    run.money |= held.sums(SOURCE)
    found = checks_found(counts, totals, source, run.quality)
    if severity("case_collision", run.quality.checks) != "off" and totals["with_small"] and totals["with_capital"]:
        collisions = _case_collisions(run)
        if collisions:
            found["flagged.case_collision"] = collisions
    run.rows |= {f"{SOURCE}.{name}": count for name, count in found.items()}
    kept = found.get("flagged.exact_duplicate")
    if kept:
        worth = run.money[f"{SOURCE}.flagged.exact_duplicate"] = Decimal(int(totals["copy_cents"] or 0)) / 100
        run.warnings.append(copies_kept(kept, worth, source))


def _case_collisions(run: RunContext) -> int:
    together = run.known_customers.groupBy(F.lower("customer_id")).agg((F.count(F.lit(1)) - 1).alias("more"))
    return int(together.agg(F.sum("more")).collect()[0][0] or 0)


def _write_rejects(run: RunContext) -> None:
    source, judged = run.config.sources.transactions, run.known_judged
    frames = []
    if run.known_counts.rejected:
        frames.append(rejects(judged.lines, source))
    if run.rows.get(f"{SOURCE}.repaired.duplicate_line"):
        lines = accepted_until(judged.lines, run.as_of)
        if run.suspects is not None:
            lines = lines.join(_broadcast(run.suspects, run.suspect_count), "customer_id", "left_semi")
        frames.append(superseded_lines(lines, source, run.quality))
    if not frames:
        return
    found = frames[0] if len(frames) == 1 else frames[0].unionByName(frames[1])
    run.writer.write_part(REJECTS.name, first_seen(run, found), SOURCE)


def _gate(run: RunContext, buyers: Buyers) -> None:
    counts, quality = run.known_counts, run.quality
    mixed = mixed_currencies(counts)
    if mixed:
        raise GateError(f"{mixed}; nothing was published")
    found = findings(counts, quality, run.as_of, buyers)
    failed = [finding.says for finding in found if finding.level == "fail"]
    if failed:
        look = f"; see them with `rfm-spark rejects --run {run.run_id}`" if counts.rejected else ""
        raise GateError("; ".join(failed) + look + "; nothing was published")
    run.warnings += [finding.says for finding in found]
    run.warnings += told(SOURCE, run.rows, CHECKS, "set apart in rejects", named=False)
    run.status = "ok"
    if any(finding.gate in MINIMUM_GATES for finding in found):
        run.status = "thin"
    if not run.rows["customers"]:
        run.status = "empty"
        run.warnings.append("nobody bought anything up to this date: all tables of the run are empty")
    elif not run.rows["customers.active"]:
        run.warnings.append("no purchase in the window: every frequency is 0")


def account_lines(run: RunContext) -> list[str]:
    """What became of the rows and the money of the source, for people."""
    parts = ("read", "accepted", "rejected", "duplicates")
    rows = [f"{run.rows[f'{SOURCE}.{part}']:,} {part}" for part in parts]
    money = [f"{run.money[f'{SOURCE}.{part}']:,.2f} {part}" for part in parts]
    return [f"{SOURCE}: {_equation(rows)} rows", f"{SOURCE}: {_equation(money)} in money"]


def _equation(parts: list[str]) -> str:
    return f"{parts[0]} = {' + '.join(parts[1:])}"
