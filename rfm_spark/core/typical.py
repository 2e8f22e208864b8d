"""Typical values of a group of customers: means and medians of the three measures."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

TYPICAL = tuple(f"{kind}_{measure}" for kind in ("mean", "median") for measure in ("recency", "frequency", "monetary"))
MEASURED_AS = {"recency": "recency_days", "frequency": "frequency", "monetary": "monetary"}


def typical_values() -> list[Column]:
    """Mean (from exact sums) and lower median of the three measures, named as in the tables."""
    # The columns are those of the customer row.
    medians = [
        F.expr(f"percentile_disc(0.5) WITHIN GROUP (ORDER BY CAST({column} AS DOUBLE))").alias(f"median_{name}")
        for name, column in MEASURED_AS.items()
    ]
    return [*means(), *medians]


def means() -> list[Column]:
    """Means of the three measures, from exact sums, named as in the tables."""
    return [
        (F.sum(F.col(column).cast("decimal(20,2)")).cast("double") / F.count(F.lit(1))).alias(f"mean_{name}")
        for name, column in MEASURED_AS.items()
    ]
