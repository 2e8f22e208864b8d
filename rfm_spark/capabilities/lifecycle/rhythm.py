"""The days expected between two orders of a customer: their own mean gap, shrunk to that of the population.

The estimator is the credibility of Bühlmann and Straub, with gaps as observations of equal weight (H. Bühlmann, E.
Straub, "Glaubwürdigkeit für Schadensätze", Mitteilungen der VSVM 70, 1970; S. Klugman, H. Panjer, G. Willmot, Loss
Models, 4th ed., sections 18.5 and 19.2). With x gaps that took s days together

    expected gap = (k · mean + s) / (k + x),    k = variance within customers / variance between their means.

The sums are of whole numbers, and what follows from them is exact until the last division.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


@dataclass(frozen=True)
class Gaps:
    """Customers with as many gaps, added up.

    Attributes:
        gaps: of each of them, at least one.
        customers: how many they are.
        days: from their first to their last purchase day, summed.
        day_squares: the squares of these, summed.
        gap_squares: the squares of single gaps, summed.
    """

    gaps: int
    customers: int
    days: int
    day_squares: int
    gap_squares: int


@dataclass(frozen=True)
class Rhythm:
    """What is expected of a customer of whom nothing is known, and how fast own gaps outweigh it.

    Attributes:
        mean_gap: days between two orders.
        weight: as how many gaps of one's own it counts (k); None where customers do not differ beyond chance, so that
            it is all that counts.
        within: variance of the gaps of one customer; None where nobody has two.
        between: variance of customers' mean gaps; None where it can't be told.
        customers: with at least one gap.
        gaps: of all of them.
    """

    mean_gap: float
    weight: float | None
    within: float | None
    between: float | None
    customers: int
    gaps: int


def gaps_of(customers: DataFrame) -> list[Gaps]:
    """Gaps added up by how many a customer has: as many rows as there are such numbers, days of history at most.

    Args:
        customers: purchase_days, first_order_date, last_order_date, gap_squares, as in table `measures`.
    """
    days = F.datediff("last_order_date", "first_order_date").cast("bigint")
    rows = (
        customers.where("purchase_days > 1")
        .groupBy((F.col("purchase_days") - 1).alias("gaps"))
        .agg(F.count(F.lit(1)), F.sum(days), F.sum(days * days), F.sum("gap_squares"))
        .collect()
    )
    return sorted((Gaps(*row) for row in rows), key=lambda one: one.gaps)


def rhythm_of(found: Iterable[Gaps]) -> Rhythm | None:
    """The rhythm of a population; None where nobody bought on two days.

    Where the variance between customers comes out as nothing, or can't be told because nobody has two gaps, the
    population's mean gap stands for everybody's.

    Args:
        found: of `gaps_of`.
    """
    rows = list(found)
    customers, gaps = sum(row.customers for row in rows), sum(row.customers * row.gaps for row in rows)
    if not gaps:
        return None
    days = sum(row.days for row in rows)
    # Per customer s²/x, which is x times the square of their mean gap.
    explained = sum((Fraction(row.day_squares, row.gaps) for row in rows), Fraction(0))
    freedom = gaps - customers
    within = (sum(row.gap_squares for row in rows) - explained) / freedom if freedom else None
    squared = sum(row.customers * row.gaps * row.gaps for row in rows)
    spread = Fraction(gaps) - Fraction(squared, gaps)
    between = None
    if within is not None and spread:
        between = (explained - Fraction(days * days, gaps) - (customers - 1) * within) / spread
    if within is None or between is None or between <= 0:
        return Rhythm(days / gaps, None, _real(within), _real(between), customers, gaps)
    weight = within / between
    # Each customer's mean counts by their credibility x / (x + k).
    total = sum((row.customers * row.gaps / (row.gaps + weight) for row in rows), Fraction(0))
    mean = sum((row.days / (row.gaps + weight) for row in rows), Fraction(0)) / total
    return Rhythm(float(mean), float(weight), float(within), float(between), customers, gaps)


def expected_gap(rhythm: Rhythm) -> Column:
    """Days expected between two orders, DOUBLE, over purchase_days, first_order_date and last_order_date."""
    return _shrunk(rhythm, F.datediff("last_order_date", "first_order_date"), F.col("purchase_days") - 1)


def gap_before(rhythm: Rhythm) -> Column:
    """The same as it was before the last order, over previous_order_date instead of the last one.

    A silence is judged by what was expected while it lasted: by a gap that it is part of, a long one would be usual.
    """
    return _shrunk(rhythm, F.datediff("previous_order_date", "first_order_date"), F.col("purchase_days") - 2)


def _shrunk(rhythm: Rhythm, days: Column, gaps: Column) -> Column:
    mean = F.lit(rhythm.mean_gap)
    if rhythm.weight is None or math.isinf(rhythm.weight):
        return mean
    own = (F.lit(rhythm.weight * rhythm.mean_gap) + days.cast("double")) / (F.lit(rhythm.weight) + gaps.cast("double"))
    # The mean as it is, not by a division that may round it.
    return F.when(gaps > 0, own).otherwise(mean)


def _real(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
