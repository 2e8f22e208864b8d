"""Typical values of a group of customers: means and medians of the three measures, quartiles of any column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from rfm_spark.core.distribution import GROUPED, QuantileRequest, Rank, order_statistic

MEASURED_AS = {"recency": "recency_days", "frequency": "frequency", "monetary": "monetary"}
Quantiles = Mapping[tuple[str, str], tuple[float, ...]]


def measure_sums() -> dict[str, Column]:
    """What means of the three measures are made of, to be added up by group."""
    return {f"of_{name}": F.col(column).cast("decimal(20,2)") for name, column in MEASURED_AS.items()}


def means_of(sums: Mapping[str, Any], customers: int) -> dict[str, float | None]:
    """Means of the three measures from the sums of `measure_sums`, named as in the tables."""
    totals = {name: sums[f"of_{name}"] for name in MEASURED_AS}
    return {f"mean_{name}": None if total is None else float(total) / customers for name, total in totals.items()}


def quantile_requests(group: str, columns: Sequence[str], steps: Sequence[int], of: int) -> list[QuantileRequest]:
    """The ranks that lower quantiles of present values by group are made of, named as the columns.

    Not by an aggregate function, which would hold all values of a group in one place.

    Args:
        group: column that parts customers, without nulls.
        columns: numbers.
        steps: which quantiles, 1 the lowest.
        of: how many parts they make.
    """
    within = F.col(group).cast("string")
    return [
        QuantileRequest(
            column, F.col(column).cast("double"), of, F.col(column).isNotNull(), within, grid=False,
            wanted=tuple(steps), coarse=GROUPED,
        )
        for column in columns
    ]  # fmt: skip


def from_ranks(ranks: Mapping[str, Sequence[Rank]], steps: Sequence[int], of: int) -> Quantiles:
    """The quantiles, from the ranks of `quantile_requests`.

    Returns:
        Per group, as text, and column a value for each step; none where a group has no value.
    """
    return {
        (group, column): tuple(order_statistic(mine, step, of) for step in steps)
        for column, found in ranks.items()
        for group, mine in ((name, list(rows)) for name, rows in groupby(found, key=lambda rank: rank.within))
    }
