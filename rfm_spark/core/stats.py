"""Means and standard deviations that don't depend on row order: sums of whole numbers, divided once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

# Values are counted in billionths; with |x| below 1e13 the squares of a billion rows fit DECIMAL(38,0) only for
# smaller magnitudes, so money passes its own coarser unit.
BILLIONTH = 10**9
HUNDREDTH = 100


@dataclass(frozen=True)
class Moments:
    """Population mean and standard deviation of n values."""

    n: int
    mean: float
    sd: float


def exact_moments(frame: DataFrame, columns: Mapping[str, tuple[Column, int]]) -> dict[str, Moments]:
    """Population moments from exact sums: bitwise the same for any order and partitioning of the rows.

    Args:
        frame: the rows.
        columns: name to (value without nulls, units per 1), the value being rounded to whole units.
    """
    sums = [F.count(F.lit(1)).alias("n")]
    for name, (value, unit) in columns.items():
        whole = F.round(value * F.lit(unit)).cast("decimal(19,0)")
        sums.append(F.sum(whole).alias(f"{name}_1"))
        sums.append(F.sum((whole * whole).cast("decimal(38,0)")).alias(f"{name}_2"))
    row = frame.agg(*sums).collect()[0]
    n = int(row["n"])
    return {name: _moments(n, row[f"{name}_1"], row[f"{name}_2"], unit) for name, (_, unit) in columns.items()}


def _moments(n: int, total: object, squares: object, unit: int) -> Moments:
    if n == 0:
        return Moments(0, 0.0, 0.0)
    mean = Fraction(int(str(total)), n)
    variance = Fraction(int(str(squares)), n) - mean * mean
    return Moments(n, float(mean / unit), math.sqrt(float(variance)) / unit)
