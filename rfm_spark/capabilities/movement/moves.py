"""Customers who moved between two runs, and the cause of each move."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from rfm_spark.capabilities.movement.tables import CAUSES, CLUSTER_CAUSES, NO_SEGMENT

# 97.5 % point of the standard normal distribution.
_Z = 1.959963984540054
# Of fewer customers a share says little.
_FEW = 30


def moves(now: DataFrame, before: DataFrame, previous_run_id: str, *, definition_changed: bool) -> DataFrame:
    """Every customer of either run with the segment and the cluster before and now, and why they differ.

    The cause is found by scoring today's customers with yesterday's cuts and rules: the old segment means that only
    thresholds moved; the new one that the customer did (by new lines, or by time passing); a third that both did. For
    clusters yesterday's model assigns today's customers in the same way.

    Args:
        now: customer_id, segment, confirmed_segment, segment_before_cuts (under yesterday's cuts), lines, monetary,
            last_order_date, cluster_id, cluster_before_model (under yesterday's model).
        before: customer_id, segment, confirmed_segment, segment_runs, segment_before, lines, monetary,
            last_order_date, cluster_id of the previous run.
        previous_run_id: of that run.
        definition_changed: rules, bins or windows differ between the runs.

    Returns:
        customer_id, previous_run_id, from_segment, to_segment, cause (null for who stayed without help), monetary,
        from_cluster, to_cluster, cluster_cause, in_both, returned (back in the segment they left a run ago), moved,
        confirmed_moved.
    """
    renamed = {
        "segment": "was",
        "monetary": "spent_before",
        "cluster_id": "cluster_was",
        "lines": "lines_before",
        "last_order_date": "ordered_before",
        "confirmed_segment": "confirmed_was",
        "segment_runs": "was_runs",
        "segment_before": "was_before",
    }
    earlier = before.select("customer_id", *(F.col(name).alias(alias) for name, alias in renamed.items()))
    both = now.join(earlier, "customer_id", "full_outer")
    stays = F.col("was") == F.col("segment")
    returned = ~stays & (F.col("was_runs") == 1) & (F.col("was_before") == F.col("segment"))
    return both.select(
        "customer_id",
        F.lit(previous_run_id).alias("previous_run_id"),
        F.coalesce("was", F.lit(NO_SEGMENT)).alias("from_segment"),
        F.coalesce("segment", F.lit(NO_SEGMENT)).alias("to_segment"),
        _cause(definition_changed).alias("cause"),
        F.coalesce("monetary", "spent_before").alias("monetary"),
        F.col("cluster_was").alias("from_cluster"),
        F.col("cluster_id").alias("to_cluster"),
        _cluster_cause().alias("cluster_cause"),
        (F.col("was").isNotNull() & F.col("segment").isNotNull()).alias("in_both"),
        F.coalesce(returned, F.lit(False)).alias("returned"),
        F.coalesce(~stays, F.lit(False)).alias("moved"),
        F.coalesce(F.col("confirmed_was") != F.col("confirmed_segment"), F.lit(False)).alias("confirmed_moved"),
    )


def segment_changes(moved: DataFrame) -> DataFrame:
    """The rows of table `segment_changes`: customers whose segment differs."""
    changed = moved.where(F.col("from_segment") != F.col("to_segment"))
    return changed.select(
        F.lit("all").alias("scope"), "customer_id", "previous_run_id", "from_segment", "to_segment", "cause"
    )


def segment_transitions(moved: DataFrame) -> DataFrame:
    """The rows of table `segment_transitions`: moves counted, with the diagonal and Wilson intervals of each share."""
    return _transitions(moved, ("from_segment", "to_segment"), "cause", CAUSES)


def cluster_transitions(moved: DataFrame) -> DataFrame:
    """The rows of table `cluster_transitions`, of customers who have a cluster in either run."""
    clustered = moved.where(F.col("from_cluster").isNotNull() | F.col("to_cluster").isNotNull())
    return _transitions(clustered, ("from_cluster", "to_cluster"), "cluster_cause", CLUSTER_CAUSES)


@dataclass(frozen=True)
class Flapping:
    """Customers of both runs, and how many of them moved, came back to where they were a run earlier, and so on."""

    both: int
    moved: int
    returned: int
    confirmed_moved: int
    clustered: int
    kept_cluster: int


def flapping(moved: DataFrame) -> Flapping:
    """Count moves back and forth between two runs."""
    clustered = F.col("from_cluster").isNotNull() & F.col("to_cluster").isNotNull()
    row = moved.where("in_both").agg(
        F.count(F.lit(1)),
        F.count_if("moved"),
        F.count_if("returned"),
        F.count_if("confirmed_moved"),
        F.count_if(clustered),
        F.count_if(clustered & (F.col("from_cluster") == F.col("to_cluster"))),
    ).collect()[0]  # fmt: skip
    return Flapping(*(int(count) for count in row))


def _transitions(moved: DataFrame, ends: tuple[str, str], cause: str, causes: tuple[str, ...]) -> DataFrame:
    start, end = ends
    pairs = moved.groupBy("previous_run_id", start, end).agg(
        F.count(F.lit(1)).alias("customers"),
        F.sum("monetary").cast("decimal(28,2)").alias("revenue"),
        *(F.count_if(F.col(cause) == one).alias(one) for one in causes),
    )
    # Over at most some hundred pairs; those who entered share the start null.
    total = F.sum("customers").over(Window.partitionBy(start))
    low, high = wilson(F.col("customers").cast("double"), F.col("total").cast("double"))
    return pairs.withColumn("total", total).select(
        F.lit("all").alias("scope"),
        "previous_run_id",
        start,
        end,
        "customers",
        (F.col("customers") / F.col("total")).alias("share"),
        low.alias("low"),
        high.alias("high"),
        "revenue",
        *causes,
        (F.col("total") < _FEW).alias("small"),
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
        .when((counterfactual == is_now) & _has_other_lines(), "behaviour")
        .when(counterfactual == is_now, "inactivity")
        .otherwise("both")
    )


def _cluster_cause() -> Column:
    was, is_now, counterfactual = F.col("cluster_was"), F.col("cluster_id"), F.col("cluster_before_model")
    return (
        F.when(was.isNull() & is_now.isNotNull(), "entered")
        .when(is_now.isNull() & was.isNotNull(), "left")
        .when(was == is_now, F.lit(None).cast("string"))
        .when(counterfactual == was, "relabelling")
        .when(counterfactual == is_now, "migration")
        .when(was != is_now, "both")
    )


def _has_other_lines() -> Column:
    """New lines, also those that came late; runs of version 0.1's first lakes did not count them."""
    return F.coalesce(F.col("lines") != F.col("lines_before"), F.col("last_order_date") != F.col("ordered_before"))
