"""Features for clustering: log1p, standardised with stored mean and standard deviation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.stats import BILLIONTH, Moments

# Standardised values are snapped to this grid before fitting: customers of one cell share a place.
CELL = 0.05


@dataclass(frozen=True)
class FeatureSpace:
    """How customers become points.

    Attributes:
        columns: in the order of a point's coordinates.
        means: of log1p of each.
        scales: population standard deviation of log1p of each.
        dropped: columns without variance, which can't separate anyone.
    """

    columns: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    dropped: tuple[str, ...] = ()

    def coordinates(self) -> list[Column]:
        """One standardised value per column; money below zero counts as zero."""
        return [
            (_logged(column) - F.lit(mean)) / F.lit(scale)
            for column, mean, scale in zip(self.columns, self.means, self.scales, strict=True)
        ]


def feature_values(columns: Sequence[str]) -> dict[str, tuple[Column, int]]:
    """What features standardise, per column, with the unit `exact_moments` counts it in."""
    return {f"log {column}": (_logged(column), BILLIONTH) for column in columns}


def feature_space(moments: Mapping[str, Moments], columns: Sequence[str]) -> FeatureSpace:
    """The feature space of the customers whose moments these are.

    Args:
        moments: of `feature_values`.
        columns: to use.
    """
    measured = {column: moments[f"log {column}"] for column in columns}
    used = [column for column in columns if measured[column].sd > 0]
    return FeatureSpace(
        columns=tuple(used),
        means=tuple(measured[column].mean for column in used),
        scales=tuple(measured[column].sd for column in used),
        dropped=tuple(column for column in columns if column not in used),
    )


def cells(customers: DataFrame, space: FeatureSpace) -> DataFrame:
    """Customers counted on a grid in feature space.

    Returns:
        x1 … xd DOUBLE (mean of the cell's customers, from exact sums) and weight DOUBLE, one row per cell.
    """
    points = space.coordinates()
    names = [f"x{i}" for i in range(1, len(points) + 1)]
    keys = [F.round(point / F.lit(CELL)).cast("bigint").alias(f"key{i}") for i, point in enumerate(points, 1)]
    whole = [
        F.round(point * F.lit(BILLIONTH)).cast("bigint").alias(name) for point, name in zip(points, names, strict=True)
    ]
    counted = (
        customers.select(*keys, *whole)
        .groupBy(*(f"key{i}" for i in range(1, len(points) + 1)))
        .agg(
            *(F.sum(F.col(name).cast("decimal(20,0)")).alias(name) for name in names), F.count(F.lit(1)).alias("weight")
        )
    )
    means = [(F.col(name).cast("double") / F.col("weight") / F.lit(float(BILLIONTH))).alias(name) for name in names]
    return counted.select(*means, F.col("weight").cast("double").alias("weight"))


def _logged(column: str) -> Column:
    return F.log1p(F.greatest(F.col(column).cast("double"), F.lit(0.0)))
