"""What customers who began together did in each period since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, Window
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


def cells_of(activity: DataFrame, period: Period) -> list[Cell]:
    """Activity added up by cohort and period; a row for each pair of these, at most, however many customers there are.

    Args:
        activity: customer_id, day DATE, is_active BOOLEAN (whether it makes its customer active, and begin), orders,
            cents BIGINT; rows of a customer in one partition are not sent again.
        period: length of one.
    """
    together = activity.groupBy("customer_id", start_column(F.col("day"), period).alias("period")).agg(
        F.min(F.when(F.col("is_active"), F.col("day"))).alias("active_from"),
        F.sum("orders").alias("orders"),
        F.sum("cents").alias("cents"),
    )
    began = together.withColumn("began", F.min("active_from").over(Window.partitionBy("customer_id")))
    rows = (
        began.where("began IS NOT NULL")
        .groupBy(start_column(F.col("began"), period).alias("cohort"), "period")
        .agg(F.min("began"), F.count("active_from"), F.sum("orders"), F.sum("cents"))
        .collect()
    )
    return sorted((Cell(*row) for row in rows), key=lambda cell: (cell.cohort, cell.period))


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
