"""One row per segment: size, revenue, typical values and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.segments.rules import RuleMap
from rfm_spark.core.typical import TYPICAL, typical_values


def segment_sizes(segments: DataFrame) -> DataFrame:
    """Aggregate customers by segment; segments nobody is in are left out.

    Args:
        segments: segment, recency_days, frequency, monetary per customer.

    Returns:
        The columns of table `segment_summary`, without run keys, label and action.
    """
    per_segment = segments.groupBy("segment").agg(
        F.count(F.lit(1)).alias("customers"),
        F.sum("monetary").cast("decimal(28,2)").alias("revenue"),
        *typical_values(),
    )
    totals = segments.agg(F.count(F.lit(1)).alias("all_customers"), F.sum("monetary").alias("all_revenue"))
    return per_segment.join(F.broadcast(totals), how="cross").select(
        F.lit("all").alias("scope"),
        "segment",
        "customers",
        (F.col("customers") * 100 / F.col("all_customers")).alias("customers_pct"),
        "revenue",
        F.try_divide(F.col("revenue").cast("double") * 100, F.col("all_revenue").cast("double")).alias("revenue_pct"),
        *TYPICAL,
    )


def named(rows: Iterable[Mapping[str, Any]], rule_map: RuleMap) -> list[dict[str, Any]]:
    """Rows of table `segment_summary`: each segment with its label and what to do.

    Args:
        rows: of `segment_sizes`.
        rule_map: labels and actions.
    """
    outcomes = {outcome.name: outcome for outcome in rule_map.all_outcomes()}
    found = ((row, outcomes.get(str(row["segment"]))) for row in rows)
    return [
        {**row, "label": outcome.label if outcome else None, "action": outcome.action if outcome else None}
        for row, outcome in found
    ]
