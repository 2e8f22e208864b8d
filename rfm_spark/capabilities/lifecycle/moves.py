"""Customers by stage, and who moved between stages since the run before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.lifecycle.tables import NOBODY
from rfm_spark.capabilities.lifecycle.words import PROSPECT, STAGES_OF_CUSTOMERS
from rfm_spark.capabilities.movement.artefacts import Moved
from rfm_spark.core.counting import Count
from rfm_spark.core.table import ALL
from rfm_spark.core.typical import means_of


@dataclass(frozen=True)
class Entered:
    """Customers who bought and are in no row of the run before, by stage now.

    Attributes:
        stage: of them.
        customers: of these, how many were prospects.
        revenue: monetary of these.
    """

    stage: str
    customers: int
    revenue: Decimal | None


def stage_rows(
    found: Sequence[Count], prospects: int, actions: Mapping[str, str], scope: str = ALL
) -> list[dict[str, Any]]:
    """Rows of table `lifecycle_summary`, of stages that have customers.

    Args:
        found: customers who purchased by stage, with revenue and sums of the measures.
        prospects: how many there are.
        actions: what to do, by stage.
        scope: whose customers they are.
    """
    customers = sum(one.customers for one in found) + prospects
    revenue = sum((one.sums["revenue"] or Decimal(0) for one in found), Decimal(0))
    rows = [_row(str(one.of[0]), one.customers, one.sums, customers, revenue) for one in found]
    if prospects:
        nothing = {"revenue": Decimal(0), **dict.fromkeys(("of_recency", "of_frequency", "of_monetary"))}
        rows.append(_row(PROSPECT, prospects, nothing, customers, revenue))
    order = {stage: at for at, stage in enumerate(STAGES_OF_CUSTOMERS)}
    rows.sort(key=lambda row: order[row["lifecycle_stage"]])
    return [{**row, "scope": scope, "action": actions.get(row["lifecycle_stage"])} for row in rows]


def with_prospects(
    bought: Sequence[Moved], entered: Sequence[Entered], prospects: Sequence[tuple[str | None, str | None, int]]
) -> list[Moved]:
    """Moves of all who are in this run: customers who purchased, and prospects.

    Args:
        bought: moves of customers who purchased, for whom a prospect of the run before is new.
        entered: of these, who were prospects.
        prospects: of today by stage in the run before, cause and number.
    """
    were = {one.stage: one for one in entered}
    found = []
    for move in bought:
        known = were.get(move.end or "") if move.start is None else None
        if known is None:
            found.append(move)
            continue
        found.append(Moved(PROSPECT, move.end, "behaviour", known.customers, known.revenue))
        others = move.customers - known.customers
        if others:
            rest = None if move.revenue is None else move.revenue - (known.revenue or Decimal(0))
            found.append(replace(move, customers=others, revenue=rest))
    return found + [Moved(start, PROSPECT, cause, count, Decimal(0)) for start, cause, count in prospects]


def who_left(moved: Sequence[Moved], before: Mapping[str, int]) -> dict[str, int]:
    """How many of each stage of the run before are in this run no more.

    Args:
        moved: all who are in it.
        before: customers by stage in the run before.
    """
    found = {stage: before[stage] - sum(m.customers for m in moved if m.start == stage) for stage in before}
    return {stage: count for stage, count in found.items() if count}


def changed_rows(customers: DataFrame, prospects: DataFrame, before: DataFrame | None) -> DataFrame:
    """Customers who are in this run, and were elsewhere or nowhere in the one before.

    Args:
        customers: rows of `segments`.
        prospects: rows of `prospects`.
        before: customer_id of the prospects of the run before; None where it had none.

    Returns:
        customer_id, from_stage, to_stage, cause.
    """
    was, stage = F.col("previous_lifecycle_stage"), F.col("lifecycle_stage")
    moved = customers.where(was.isNull() | (was != stage)).select("customer_id", was, stage, "lifecycle_cause")
    if before is not None:
        marked = before.select("customer_id", F.lit(True).alias("is_known"))
        joined, known = moved.join(marked, "customer_id", "left"), F.col("is_known") & was.isNull()
        moved = joined.select(
            "customer_id",
            F.when(known, PROSPECT).otherwise(was).alias("previous_lifecycle_stage"),
            "lifecycle_stage",
            F.when(known, "behaviour").otherwise(F.col("lifecycle_cause")).alias("lifecycle_cause"),
        )
    new = prospects.where(was.isNull() | (was != stage)).select("customer_id", was, stage, "lifecycle_cause")
    return moved.unionByName(new).select(
        "customer_id",
        F.coalesce(was, F.lit(NOBODY)).alias("from_stage"),
        stage.alias("to_stage"),
        F.col("lifecycle_cause").alias("cause"),
    )


def _row(stage: str, count: int, sums: Mapping[str, Any], customers: int, revenue: Decimal) -> dict[str, Any]:
    mine = sums["revenue"]
    return {
        "lifecycle_stage": stage,
        "customers": count,
        "customers_pct": count * 100 / customers,
        "revenue": mine,
        "revenue_pct": None if mine is None or not revenue else float(mine) * 100 / float(revenue),
        **means_of(sums, count),
    }
