"""Typical values of a group of customers: means and medians of the three measures, quartiles of any column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.distribution import GROUPED, QuantileRequest, Rank, exact_ranks, order_statistic

MEASURED_AS = {"recency": "recency_days", "frequency": "frequency", "monetary": "monetary"}
Quantiles = Mapping[tuple[str, str], tuple[float, ...]]


def means() -> list[Column]:
    """Means of the three measures, from exact sums, named as in the tables."""
    return [
        (F.sum(F.col(column).cast("decimal(20,2)")).cast("double") / F.count(F.lit(1))).alias(f"mean_{name}")
        for name, column in MEASURED_AS.items()
    ]


def quantiles_by_group(
    frame: DataFrame, group: str, columns: Sequence[str], steps: Sequence[int], of: int
) -> Quantiles:
    """Lower quantiles of the present values by group and column, in two passes.

    Not by an aggregate function, which would hold all values of a group in one place.

    Args:
        frame: one row per customer.
        group: column that parts them, without nulls.
        columns: numbers.
        steps: which quantiles, 1 the lowest.
        of: how many parts they make.

    Returns:
        Per group, as text, and column a value for each step; none where a group has no value.
    """
    requests = quantile_requests(group, columns, steps, of)
    return from_ranks(exact_ranks(frame, requests), steps, of)


def quantile_requests(group: str, columns: Sequence[str], steps: Sequence[int], of: int) -> list[QuantileRequest]:
    """The ranks that `quantiles_by_group` asks for, named as the columns."""
    within = F.col(group).cast("string")
    return [
        QuantileRequest(
            column, F.col(column).cast("double"), of, F.col(column).isNotNull(), within, grid=False,
            wanted=tuple(steps), coarse=GROUPED,
        )
        for column in columns
    ]  # fmt: skip


def from_ranks(ranks: Mapping[str, Sequence[Rank]], steps: Sequence[int], of: int) -> Quantiles:
    """The values of `quantiles_by_group` from the ranks of its requests."""
    return {
        (group, column): tuple(order_statistic(mine, step, of) for step in steps)
        for column, found in ranks.items()
        for group, mine in ((name, list(rows)) for name, rows in groupby(found, key=lambda rank: rank.within))
    }
