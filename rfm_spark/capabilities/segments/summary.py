"""One row per segment: size, revenue, typical values and what to do."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.profiles import TYPICAL, typical_values
from rfm_spark.capabilities.segments.rules import RuleMap


def segment_summary(segments: DataFrame, rule_map: RuleMap) -> DataFrame:
    """Aggregate customers by segment; segments nobody is in are left out.

    Args:
        segments: segment, recency_days, frequency, monetary per customer.
        rule_map: labels and actions.

    Returns:
        The columns of table `segment_summary`, without run keys.
    """
    outcomes = rule_map.all_outcomes()
    labels = F.create_map(*(part for o in outcomes for part in (F.lit(o.name), F.lit(o.label))))
    actions = F.create_map(*(part for o in outcomes for part in (F.lit(o.name), F.lit(o.action))))
    per_segment = segments.groupBy("segment").agg(
        F.count(F.lit(1)).alias("customers"),
        F.sum("monetary").cast("decimal(28,2)").alias("revenue"),
        *typical_values(),
    )
    totals = segments.agg(F.count(F.lit(1)).alias("all_customers"), F.sum("monetary").alias("all_revenue"))
    return per_segment.join(F.broadcast(totals), how="cross").select(
        F.lit("all").alias("scope"),
        "segment",
        F.try_element_at(labels, F.col("segment")).alias("label"),
        "customers",
        (F.col("customers") * 100 / F.col("all_customers")).alias("customers_pct"),
        "revenue",
        F.try_divide(F.col("revenue").cast("double") * 100, F.col("all_revenue").cast("double")).alias("revenue_pct"),
        *TYPICAL,
        F.try_element_at(actions, F.col("segment")).alias("action"),
    )
