"""Customers who moved between two runs, and the cause of each move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.movement.tables import NO_SEGMENT
from rfm_spark.capabilities.movement.transitions import Moved
from rfm_spark.core.columns import customer_columns
from rfm_spark.core.table import ALL, SCOPE_COLUMN

WAS = "was_"
# What else is looked at of customers who are measured by usage.
OF_USAGE = ("recency_date", "frequency")
COUNTERFACTUAL = ("segment_before_cuts", "cluster_before_model")
LEFT = "left"


def tracked_move_columns(changed: Mapping[str, bool], *, by_usage: bool = False) -> dict[str, Column]:
    """For each tracked column where customers were in the previous run, and why they are elsewhere now.

    Args:
        changed: by tracked column, whether it means something else than in the previous run.
        by_usage: whether customers are measured by something else than purchases.

    Returns:
        The columns that `core.columns.Tracked` names, over those that `move_columns` looks at, the tracked column, what
        it would be under what the previous run knew, and its value in the previous run.
    """
    found: dict[str, Column] = {}
    for name, differs in changed.items():
        tracked = customer_columns()[name].tracked
        if tracked is not None:
            ends = (F.col(f"{WAS}{name}"), F.col(name), F.col(tracked.under_earlier))
            found |= {
                tracked.previous: ends[0],
                tracked.cause: _cause(ends, definition_changed=differs, by_usage=by_usage),
            }
    return found


def move_columns(*, definition_changed: bool, by_usage: bool = False) -> dict[str, Column]:
    """The columns of `movement.columns` of a customer's row beside their row of the previous run.

    The cause is found by scoring today's customers with yesterday's cuts and rules: the old segment means that only
    thresholds moved; the new one that the customer did (by new lines, by a correction of earlier ones, or by time
    passing); a third that both did. For clusters yesterday's model assigns today's customers in the same way.

    Args:
        definition_changed: rules, bins or windows differ between the runs.
        by_usage: whether customers are measured by something else than purchases; OF_USAGE is then among the columns.

    Returns:
        Columns over segment, confirmed_segment, lines, last_order_date, is_corrected (BOOLEAN, whether lines that the
        previous run had read are others by now), cluster_id, what yesterday's cuts and model make of them
        (`COUNTERFACTUAL`), and the same columns of the previous run but is_corrected, segment_runs and
        segment_before, under names that begin with `WAS`.
    """
    was, segment = F.col(f"{WAS}segment"), F.col("segment")
    returned = (was != segment) & (F.col(f"{WAS}segment_runs") == 1) & (F.col(f"{WAS}segment_before") == segment)
    confirmed_moved = F.col(f"{WAS}confirmed_segment") != F.col("confirmed_segment")
    return {
        "previous_segment": was,
        "previous_cluster_id": F.col(f"{WAS}cluster_id"),
        "move_cause": _cause(
            (was, segment, F.col("segment_before_cuts")), definition_changed=definition_changed, by_usage=by_usage
        ),
        "cluster_move_cause": _cluster_cause(),
        "moved_back": F.coalesce(returned, F.lit(False)),
        "confirmed_moved": F.coalesce(confirmed_moved, F.lit(False)),
    }


def moves(
    now: DataFrame, before: DataFrame, previous_run_id: str, *, definition_changed: bool, by_usage: bool = False
) -> DataFrame:
    """Every customer of either run with the segment and the cluster before and now, and why they differ.

    Args:
        now: customer_id, monetary, segment_before_cuts (under yesterday's cuts), cluster_before_model (under
            yesterday's model), and the columns that `move_columns` looks at.
        before: customer_id and the columns of the previous run, under names that begin with `WAS`.
        previous_run_id: of that run.
        definition_changed: rules, bins or windows differ between the runs.
        by_usage: as of `move_columns`.

    Returns:
        customer_id, previous_run_id, from_segment, to_segment, cause (null for who stayed without help), monetary,
        from_cluster, to_cluster, cluster_cause, in_both, returned (back in the segment they left a run ago), moved,
        confirmed_moved.
    """
    moved = move_columns(definition_changed=definition_changed, by_usage=by_usage)
    was, segment = F.col(f"{WAS}segment"), F.col("segment")
    return now.join(before, "customer_id", "full_outer").select(
        "customer_id",
        F.lit(previous_run_id).alias("previous_run_id"),
        F.coalesce(was, F.lit(NO_SEGMENT)).alias("from_segment"),
        F.coalesce(segment, F.lit(NO_SEGMENT)).alias("to_segment"),
        moved["move_cause"].alias("cause"),
        F.coalesce("monetary", f"{WAS}monetary").alias("monetary"),
        moved["previous_cluster_id"].alias("from_cluster"),
        F.col("cluster_id").alias("to_cluster"),
        moved["cluster_move_cause"].alias("cluster_cause"),
        (was.isNotNull() & segment.isNotNull()).alias("in_both"),
        moved["moved_back"].alias("returned"),
        F.coalesce(was != segment, F.lit(False)).alias("moved"),
        moved["confirmed_moved"].alias("confirmed_moved"),
    )


def changes_of(customers: DataFrame, left: DataFrame | None, previous_run_id: str) -> DataFrame:
    """The rows of table `segment_changes`: customers whose segment differs from that of the previous run.

    Args:
        customers: rows of `segments`.
        left: customer_id and, under names that begin with `WAS`, the segment of customers who are not in it any more;
            None where there are none.
        previous_run_id: of that run.
    """
    moved = customers.where(F.col("previous_segment").isNull() | (F.col("previous_segment") != F.col("segment")))
    rows = moved.select(SCOPE_COLUMN, "customer_id", "previous_segment", "segment", "move_cause")
    if left is not None:
        scope = F.col(f"{WAS}{SCOPE_COLUMN}") if f"{WAS}{SCOPE_COLUMN}" in left.columns else F.lit(ALL)
        nowhere = F.lit(None).cast("string")
        rows = rows.unionAll(
            left.select(scope, "customer_id", f"{WAS}segment", nowhere, F.lit(LEFT).alias("move_cause"))
        )
    start, end = (F.coalesce(name, F.lit(NO_SEGMENT)) for name in ("previous_segment", "segment"))
    return rows.select(
        SCOPE_COLUMN, "customer_id", F.lit(previous_run_id).alias("previous_run_id"),
        start.alias("from_segment"), end.alias("to_segment"), F.col("move_cause").alias("cause"),
    )  # fmt: skip


def segments_moved(moves_of_all: DataFrame) -> list[Moved]:
    """Customers of `moves` by segment before and now, and cause."""
    start, end = (F.nullif(F.col(name), F.lit(NO_SEGMENT)) for name in ("from_segment", "to_segment"))
    return _added_up(moves_of_all, start, end, F.col("cause"))


def clusters_moved(moves_of_all: DataFrame) -> list[Moved]:
    """Customers of `moves` by cluster before and now, and cause."""
    start, end = (F.col(name).cast("string") for name in ("from_cluster", "to_cluster"))
    return _added_up(moves_of_all, start, end, F.col("cluster_cause"))


@dataclass(frozen=True)
class Flapping:
    """Customers of both runs, and how many of them moved, came back to where they were a run earlier, and so on."""

    both: int
    moved: int
    returned: int
    confirmed_moved: int
    clustered: int
    kept_cluster: int


def back_and_forth(moves_of_all: DataFrame) -> tuple[int, int]:
    """Customers of `moves` who are back in the segment they left a run ago; and whose confirmed segment differs."""
    returned, confirmed = moves_of_all.agg(F.count_if("returned"), F.count_if("confirmed_moved")).collect()[0]
    return int(returned), int(confirmed)


def flapping(segments: Sequence[Moved], clusters: Sequence[Moved], returned: int, confirmed_moved: int) -> Flapping:
    """Count moves back and forth between two runs.

    Args:
        segments: moves between segments.
        clusters: moves between clusters.
        returned: customers who are back in the segment they left a run ago.
        confirmed_moved: customers whose confirmed segment differs.
    """
    in_both = [one for one in segments if one.start is not None and one.end is not None]
    clustered = [one for one in clusters if one.start is not None and one.end is not None]
    return Flapping(
        sum(one.customers for one in in_both),
        sum(one.customers for one in in_both if one.start != one.end),
        returned,
        confirmed_moved,
        sum(one.customers for one in clustered),
        sum(one.customers for one in clustered if one.start == one.end),
    )


def left_moved(left: DataFrame, column: str, *, amounts_apart: bool = False) -> dict[str, list[Moved]]:
    """Customers who left, by the segment or cluster that they were in: all of them, and those of each scope.

    Args:
        left: the column, the monetary and, where scopes parted customers, the scope of the previous run, under names
            that begin with `WAS`.
        column: of the two which.
        amounts_apart: whether amounts of all scopes together have no sum.
    """
    revenue = F.sum(f"{WAS}monetary").cast("decimal(28,2)")
    scope = F.col(f"{WAS}{SCOPE_COLUMN}") if f"{WAS}{SCOPE_COLUMN}" in left.columns else F.lit(ALL)
    rows = left.groupBy(scope.alias("scope"), F.col(column).cast("string")).agg(F.count(F.lit(1)), revenue).collect()
    found: dict[str, list[Moved]] = {ALL: []}
    for scope_name, start, customers, amount in rows:
        one = Moved(start, None, LEFT, customers, amount)
        found[ALL].append(replace(one, revenue=None) if amounts_apart else one)
        if scope_name != ALL:
            found.setdefault(scope_name, []).append(one)
    return {name: _together(mine) for name, mine in found.items()}


def without_amounts(moved: Sequence[Moved]) -> list[Moved]:
    """The same moves without revenue, where amounts are of several currencies and have no sum."""
    return [replace(one, revenue=None) for one in moved]


def _together(moved: Sequence[Moved]) -> list[Moved]:
    """Moves from the same start as one."""
    found: dict[str | None, Moved] = {}
    for one in moved:
        before = found.get(one.start)
        if before is None:
            found[one.start] = one
        else:
            amounts = [amount for amount in (before.revenue, one.revenue) if amount is not None]
            total = sum(amounts, Decimal(0)) if amounts else None
            found[one.start] = replace(before, customers=before.customers + one.customers, revenue=total)
    return list(found.values())


def _added_up(moves_of_all: DataFrame, start: Column, end: Column, cause: Column) -> list[Moved]:
    rows = moves_of_all.groupBy(start, end, cause).agg(F.count(F.lit(1)), F.sum("monetary").cast("decimal(28,2)"))
    return [Moved(*row) for row in rows.collect()]


def _cause(ends: tuple[Column, Column, Column], *, definition_changed: bool, by_usage: bool) -> Column:
    was, is_now, counterfactual = ends
    cause = F.when(was.isNull(), "entered").when(is_now.isNull(), LEFT)
    if definition_changed:
        return cause.when(was != is_now, "definition")
    return (
        cause.when((was == is_now) & (counterfactual == was), F.lit(None).cast("string"))
        .when(was == is_now, "masked")
        .when(counterfactual == was, "thresholds")
        .when(counterfactual == is_now, _of_usage() if by_usage else _of_the_customer())
        .otherwise("both")
    )


def _cluster_cause() -> Column:
    was, is_now, counterfactual = F.col(f"{WAS}cluster_id"), F.col("cluster_id"), F.col("cluster_before_model")
    return (
        F.when(was.isNull() & is_now.isNotNull(), "entered")
        .when(is_now.isNull() & was.isNotNull(), LEFT)
        .when(was == is_now, F.lit(None).cast("string"))
        .when(counterfactual == was, "relabelling")
        .when(counterfactual == is_now, "migration")
        .when(was != is_now, "both")
    )


def _of_usage() -> Column:
    """The same of who is measured by what they use: what they did last, more of it, other lines or another price.

    Less of it in the last weeks is time that passed.
    """
    did = [F.col(name) != F.col(f"{WAS}{name}") for name in ("recency_date", "lines", "monetary")]
    more = F.col("frequency") > F.col(f"{WAS}frequency")
    changed = reduce(Column.__or__, (F.coalesce(one, F.lit(False)) for one in (*did, more)))
    return F.when(F.col("is_corrected"), "correction").when(changed, "behaviour").otherwise("inactivity")


def _of_the_customer() -> Column:
    """Why measures differ: more lines, also late ones; lines that were changed or taken back; or nothing but time.

    Runs of version 0.1's first lakes did not count lines.
    """
    is_another = [F.col(name) != F.col(f"{WAS}{name}") for name in ("lines", "last_order_date")]
    return (
        F.when(F.col("lines") > F.col(f"{WAS}lines"), "behaviour")
        .when(F.col("is_corrected"), "correction")
        .when(F.coalesce(*is_another), "behaviour")
        .otherwise("inactivity")
    )
