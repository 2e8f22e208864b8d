"""Means and standard deviations that don't depend on row order: sums of whole numbers, divided once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pyspark.sql import Column, DataFrame, Row
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
        columns: name to (value, units per 1), the value being rounded to whole units; nulls don't count.
    """
    sums = _sums({name: (value, F.lit(unit)) for name, (value, unit) in columns.items()})
    row = frame.agg(*sums).collect()[0]
    return _moments_in(row, {name: unit for name, (_, unit) in columns.items()})


def moments_by_group(
    frame: DataFrame,
    group: str,
    columns: Mapping[str, tuple[Column, Column]],
    units: Mapping[str, Mapping[str, int]],
) -> dict[str, dict[str, Moments]]:
    """Moments as of `exact_moments` of each group, in one pass.

    Args:
        frame: the rows.
        group: column, without nulls, that parts them.
        columns: name to (value, units per 1 of the row's group).
        units: the same units by group and name.
    """
    rows = frame.groupBy(group).agg(*_sums(columns)).collect()
    return {row[group]: _moments_in(row, units[row[group]]) for row in rows}


def _sums(columns: Mapping[str, tuple[Column, Column]]) -> list[Column]:
    sums = []
    for name, (value, unit) in columns.items():
        whole = F.round(value * unit).cast("decimal(19,0)")
        sums.append(F.count(whole).alias(f"{name}_n"))
        sums.append(F.sum(whole).alias(f"{name}_1"))
        sums.append(F.sum((whole * whole).cast("decimal(38,0)")).alias(f"{name}_2"))
    return sums


def _moments_in(row: Row, units: Mapping[str, int]) -> dict[str, Moments]:
    return {
        name: moments_of(int(row[f"{name}_n"]), int(row[f"{name}_1"] or 0), int(row[f"{name}_2"] or 0), unit)
        for name, unit in units.items()
    }


@dataclass(frozen=True)
class ExactSum:
    """The sum of doubles in trillionths, as two sums of longs: five times as fast as one of DECIMAL.

    Values are cut off after the trillionth. What they add up to may not exceed 9e15.

    Attributes:
        name: prefix of the columns of the sums.
    """

    name: str

    def columns(self, value: Column) -> list[Column]:
        """Aggregates for `DataFrame.agg`; no order of rows changes them."""
        whole = value * F.lit(1e12)
        high = F.floor(whole / F.lit(1e9))
        low = (whole - high.cast("double") * F.lit(1e9)).cast("bigint")
        return [F.sum(high).alias(f"{self.name}_high"), F.sum(low).alias(f"{self.name}_low")]

    @property
    def column(self) -> Column:
        """The sum as a double, over the aggregates."""
        high, low = F.col(f"{self.name}_high"), F.col(f"{self.name}_low")
        # As one whole number first: rounded once, like a sum of DECIMAL.
        whole = high.cast("decimal(19,0)") * F.lit(10**9).cast("decimal(10,0)") + low.cast("decimal(19,0)")
        return whole.cast("double") / F.lit(1e12)

    def of(self, row: Row) -> float:
        """The sum, from a collected row of the aggregates; 0 for no rows."""
        return (int(row[f"{self.name}_high"] or 0) * 10**9 + int(row[f"{self.name}_low"] or 0)) / 1e12


def mean_parts(value: Column) -> tuple[Column, Column, Column]:
    """What the mean of present doubles is made of, whatever the order of rows; small rates keep their digits.

    Returns:
        To be added up: whole numbers, what is behind the point with twenty places, and 1 for each value.
    """
    whole, part = F.floor(value).cast("decimal(19,0)"), (value - F.floor(value)).cast("decimal(21,20)")
    return whole, part, F.when(value.isNotNull(), F.lit(1)).otherwise(F.lit(0)).cast("bigint")


def mean_of(whole: Any, part: Any, count: int) -> float | None:
    """The mean, from the sums of `mean_parts`; None without values."""
    return None if whole is None or part is None else (float(whole) + float(part)) / count


def moments_of(n: int, total: int, squares: int, unit: int) -> Moments:
    """Moments from the sum of whole units and of their squares; all 0 for no values."""
    if n == 0:
        return Moments(0, 0.0, 0.0)
    mean = Fraction(total, n)
    variance = Fraction(squares, n) - mean * mean
    return Moments(n, float(mean / unit), math.sqrt(float(variance)) / unit)
