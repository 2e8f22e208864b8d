"""One row per segment: size, revenue, typical values and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.segments.rules import RuleMap
from rfm_spark.core.typical import MEASURED_AS, means, quantiles_by_group


def segment_sizes(segments: DataFrame) -> list[dict[str, Any]]:
    """Aggregate customers by segment; segments nobody is in are left out.

    Args:
        segments: segment, recency_days, frequency, monetary per customer.

    Returns:
        The columns of table `segment_summary`, without run keys, label and action.
    """
    sums = segments.groupBy("segment").agg(
        F.count(F.lit(1)).alias("customers"), F.sum("monetary").cast("decimal(28,2)").alias("revenue"), *means()
    )
    rows = sums.collect()
    medians = quantiles_by_group(segments, "segment", tuple(MEASURED_AS.values()), (1,), 2)
    customers = sum(row["customers"] for row in rows)
    revenue = sum(row["revenue"] or 0 for row in rows)
    return [
        {
            "scope": "all",
            "segment": row["segment"],
            "customers": row["customers"],
            "customers_pct": row["customers"] * 100 / customers,
            "revenue": row["revenue"],
            "revenue_pct": _share(row["revenue"], revenue),
            **{f"mean_{name}": row[f"mean_{name}"] for name in MEASURED_AS},
            **{f"median_{name}": medians[row["segment"], column][0] for name, column in MEASURED_AS.items()},
        }
        for row in rows
    ]


def _share(part: Decimal | None, whole: Decimal | int) -> float | None:
    return None if part is None or not whole else float(part) * 100 / float(whole)


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
