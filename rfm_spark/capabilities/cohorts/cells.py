"""What customers who began together did in each period since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, Row, Window
from pyspark.sql import functions as F

from rfm_spark.capabilities.cohorts.periods import Period, between, later, start_column, start_of

Tiers = Mapping[tuple[date, int], Mapping[str, float]]


@dataclass(frozen=True)
class Cell:
    """A cohort in a period in which somebody of it did something, or had something refunded.

    Attributes:
        cohort: first day of the period in which its customers began.
        period: first day of the period.
        first_day: on which somebody of the cohort began.
        active: customers.
        orders: purchases.
        cents: revenue.
    """

    cohort: date
    period: date
    first_day: date
    active: int
    orders: int
    cents: int

    @property
    def says_something(self) -> bool:
        """Whether it is of a time since its customers began, and not of nothing."""
        return self.period >= self.cohort and bool(self.active or self.orders or self.cents)


def cells_of(activity: DataFrame, period: Period) -> list[Cell]:
    """Activity added up by cohort and period; a row for each pair of these, at most, however many customers there are.

    Args:
        activity: customer_id, day DATE, is_active BOOLEAN (whether it makes its customer active, and begin), orders,
            cents BIGINT; rows of a customer in one partition are not sent again.
        period: length of one.
    """
    found = [Cell(*row[1:]) for row in _added_up(activity.withColumn("side", F.lit(1)), period)]
    first = {cell.cohort: cell.first_day for cell in found if cell.period == cell.cohort}
    known = (replace(cell, first_day=first[cell.cohort]) for cell in found if cell.says_something)
    return sorted(known, key=lambda cell: (cell.cohort, cell.period))


def differences(now: DataFrame, then: DataFrame, period: Period) -> list[Cell]:
    """What customers add to cells now, less what they added then; of no use are the first days.

    Args:
        now: activity of some customers, as in `cells_of`.
        then: of the same customers, as it was.
        period: length of one.
    """
    sides = now.withColumn("side", F.lit(1)).unionByName(then.withColumn("side", F.lit(-1)))
    return [Cell(row[1], row[2], row[3], *(row[0] * number for number in row[4:])) for row in _added_up(sides, period)]


def carried(before: Iterable[Mapping[str, Any]], changes: Iterable[Cell], first: Mapping[date, date]) -> list[Cell]:
    """Cells of today, as `cells_of` tells them.

    Args:
        before: rows of table `cohorts`, as they were before the changes.
        changes: of `differences`.
        first: by cohort of today the day on which the first of its customers began.
    """
    sums: dict[tuple[date, date], list[int]] = defaultdict(lambda: [0, 0, 0])
    known = [((row["cohort_month"], row["period_start"]), (row["active"], row["orders"], _cents(row["revenue"])))
             for row in before]  # fmt: skip
    differing = [((cell.cohort, cell.period), (cell.active, cell.orders, cell.cents)) for cell in changes]
    for key, numbers in (*known, *differing):
        sums[key] = [mine + more for mine, more in zip(sums[key], numbers, strict=True)]
    cells = (
        Cell(cohort, period, first[cohort], *numbers)
        for (cohort, period), numbers in sorted(sums.items())
        # Of a cohort without customers nothing is left.
        if cohort in first
    )
    return [cell for cell in cells if cell.says_something]


def first_days(began: DataFrame, period: Period) -> dict[date, tuple[date, int]]:
    """By cohort, the day on which the first of its customers began, and how many they are.

    Args:
        began: first_order_date of every customer who purchased.
        period: length of one.
    """
    day = F.col("first_order_date")
    rows = began.groupBy(start_column(day, period)).agg(F.min(day), F.count(F.lit(1))).collect()
    return {cohort: (first, customers) for cohort, first, customers in rows}


def _added_up(activity: DataFrame, period: Period) -> list[Row]:
    """Activity of each side of its own: side, cohort, period, first day, active, orders and cents."""
    mine = ("customer_id", "side")
    together = activity.groupBy(*mine, start_column(F.col("day"), period).alias("period")).agg(
        F.min(F.when(F.col("is_active"), F.col("day"))).alias("active_from"),
        F.sum("orders").alias("orders"),
        F.sum("cents").alias("cents"),
    )
    began = together.withColumn("began", F.min("active_from").over(Window.partitionBy(*mine)))
    return (
        began.where("began IS NOT NULL")
        .groupBy("side", start_column(F.col("began"), period).alias("cohort"), "period")
        .agg(F.min("began"), F.count("active_from"), F.sum("orders"), F.sum("cents"))
        .collect()
    )


def _cents(revenue: Decimal) -> int:
    return int(revenue.scaleb(2))


def cohort_rows(
    cells: Sequence[Cell], as_of: date, period: Period, existing_days: int, tiers: Tiers
) -> list[dict[str, Any]]:
    """Rows of table `cohorts`: each cohort from its beginning to as_of, also in periods in which nobody did anything.

    Args:
        cells: of `cells_of`.
        as_of: last day that counts.
        period: length of one.
        existing_days: cohorts that begin so soon after the data may have been customers before.
        tiers: shares of engagement tiers by cohort and number of the period.
    """
    if not cells:
        return []
    begins = min(cell.first_day for cell in cells)
    found = []
    for cohort in sorted({cell.cohort for cell in cells}):
        mine = {between(cohort, cell.period, period): cell for cell in cells if cell.cohort == cohort}
        customers, total = mine[0].active, 0
        existing = existing_days > 0 and cohort < begins + timedelta(days=existing_days)
        for number in range(between(cohort, start_of(as_of, period), period) + 1):
            cell = mine.get(number)
            active, orders, cents = (0, 0, 0) if cell is None else (cell.active, cell.orders, cell.cents)
            total += cents
            found.append(
                {
                    "scope": "all",
                    "length": period,
                    "cohort_month": cohort,
                    "period": number,
                    "period_start": later(cohort, number, period),
                    "customers": customers,
                    "active": active,
                    "retention": active / customers,
                    "orders": orders,
                    "orders_per_customer": orders / customers,
                    "revenue": Decimal(cents) / 100,
                    "revenue_per_customer": cents / 100 / customers,
                    "cumulated_revenue": Decimal(total) / 100,
                    "tiers": tiers.get((cohort, number)),
                    "existing_at_start": existing,
                    "is_complete": later(cohort, number + 1, period) - timedelta(days=1) <= as_of,
                }
            )
    return found
