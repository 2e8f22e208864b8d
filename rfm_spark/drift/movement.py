"""Customers who moved between two runs, and the cause of each move."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.schemas import CAUSES, NO_SEGMENT

# 97.5 % point of the standard normal distribution.
_Z = 1.959963984540054


def moves(now: DataFrame, before: DataFrame, previous_run_id: str, *, definition_changed: bool) -> DataFrame:
    """Every customer of either run with the segment before and now, and why they differ.

    The cause is found by scoring today's customers with yesterday's cuts and rules: the old segment means that only
    thresholds moved; the new one that the customer did (by new lines, or by time passing); a third that both did.

    Args:
        now: customer_id, segment, segment_before_cuts (under yesterday's cuts), has_new_line, monetary.
        before: customer_id, segment, monetary of the previous run.
        previous_run_id: of that run.
        definition_changed: rules, bins or windows differ between the runs.

    Returns:
        customer_id, previous_run_id, from_segment, to_segment, cause (null for who stayed without help), monetary.
    """
    earlier = before.select("customer_id", F.col("segment").alias("was"), F.col("monetary").alias("spent_before"))
    both = now.join(earlier, "customer_id", "full_outer")
    return both.select(
        "customer_id",
        F.lit(previous_run_id).alias("previous_run_id"),
        F.coalesce("was", F.lit(NO_SEGMENT)).alias("from_segment"),
        F.coalesce("segment", F.lit(NO_SEGMENT)).alias("to_segment"),
        _cause(definition_changed).alias("cause"),
        F.coalesce("monetary", "spent_before").alias("monetary"),
    )


def segment_changes(moved: DataFrame) -> DataFrame:
    """The rows of table `segment_changes`: customers whose segment differs."""
    changed = moved.where(F.col("from_segment") != F.col("to_segment"))
    return changed.select(
        F.lit("all").alias("scope"), "customer_id", "previous_run_id", "from_segment", "to_segment", "cause"
    )


def segment_transitions(moved: DataFrame) -> DataFrame:
    """The rows of table `segment_transitions`: moves counted, with the diagonal and Wilson intervals of each share."""
    pairs = moved.groupBy("previous_run_id", "from_segment", "to_segment").agg(
        F.count(F.lit(1)).alias("customers"),
        F.sum("monetary").cast("decimal(28,2)").alias("revenue"),
        *(F.count(F.when(F.col("cause") == cause, 1)).alias(cause) for cause in CAUSES),
    )
    totals = moved.groupBy("from_segment").agg(F.count(F.lit(1)).alias("total"))
    share = F.col("customers") / F.col("total")
    low, high = wilson(F.col("customers").cast("double"), F.col("total").cast("double"))
    return pairs.join(F.broadcast(totals), "from_segment", "inner").select(
        F.lit("all").alias("scope"),
        "previous_run_id",
        "from_segment",
        "to_segment",
        "customers",
        share.alias("share"),
        low.alias("low"),
        high.alias("high"),
        "revenue",
        *CAUSES,
    )


def wilson(count: Column, total: Column) -> tuple[Column, Column]:
    """95 % Wilson score interval of count / total (E. B. Wilson, JASA 22, 1927)."""
    share = count / total
    centre = share + F.lit(_Z**2 / 2) / total
    spread = F.lit(_Z) * F.sqrt(share * (F.lit(1.0) - share) / total + F.lit(_Z**2 / 4) / (total * total))
    scale = F.lit(1.0) + F.lit(_Z**2) / total
    return F.greatest((centre - spread) / scale, F.lit(0.0)), F.least((centre + spread) / scale, F.lit(1.0))


def _cause(definition_changed: bool) -> Column:
    was, is_now, counterfactual = F.col("was"), F.col("segment"), F.col("segment_before_cuts")
    cause = F.when(was.isNull(), "entered").when(is_now.isNull(), "left")
    if definition_changed:
        return cause.when(was != is_now, "definition")
    return (
        cause.when((was == is_now) & (counterfactual == was), F.lit(None).cast("string"))
        .when(was == is_now, "masked")
        .when(counterfactual == was, "thresholds")
        .when((counterfactual == is_now) & F.col("has_new_line"), "behaviour")
        .when(counterfactual == is_now, "inactivity")
        .otherwise("both")
    )
