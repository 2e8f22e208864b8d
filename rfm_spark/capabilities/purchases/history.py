"""What a source's history is good for: how long it is, how often customers come back, which window fits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

GAP_SHARES = (0.5, 0.75, 0.9, 0.95)
_WINDOWS = (30, 60, 90, 180, 365, 730)
# A window should see a frequent customer several times: four of the gaps that 90 % of returns stay below.
_GAPS_IN_WINDOW = 4


@dataclass(frozen=True)
class History:
    """What `check` prints of a source.

    Attributes:
        orders: purchases found.
        customers: customers with a purchase.
        repeaters: of them, with two purchases on different days or more.
        first: date of the first purchase.
        last: date of the last one.
        gap_days: days between consecutive purchase days of a customer, at the shares of `GAP_SHARES`.
    """

    orders: int
    customers: int
    repeaters: int
    first: date | None
    last: date | None
    gap_days: tuple[int, ...]

    @property
    def suggested_window(self) -> int | None:
        """Days to count: the shortest usual window that holds four 90 % gaps; all history for None.

        A window longer than the history is all of it.
        """
        if not self.gap_days or self.first is None or self.last is None:
            return None
        wanted = max(_GAPS_IN_WINDOW * self.gap_days[GAP_SHARES.index(0.9)], _WINDOWS[0])
        history_days = (self.last - self.first).days + 1
        return next((days for days in _WINDOWS if wanted <= days <= history_days), None)


def history(orders: DataFrame) -> History:
    """Measure a source's history.

    Args:
        orders: of `purchases.orders.orders_of`.
    """
    bought = orders.where(F.col("gross_cents") > F.col("refund_cents"))
    days = bought.groupBy("customer_id", "order_date").agg(F.sum("orders").alias("orders"))
    own = Window.partitionBy("customer_id").orderBy("order_date")
    gaps = days.withColumn("gap", F.datediff("order_date", F.lag("order_date").over(own)))
    quantiles = F.expr(f"percentile_approx(gap, array{GAP_SHARES}, 10000)")
    row = gaps.agg(
        F.sum("orders"),
        F.count(F.when(F.col("gap").isNull(), 1)),
        F.min("order_date"),
        F.max("order_date"),
        quantiles,
    ).collect()[0]
    repeaters = gaps.where(F.col("gap").isNotNull()).select("customer_id").distinct().count()
    gap_days = tuple(int(gap) for gap in row[4] or ())
    return History(int(row[0] or 0), int(row[1]), repeaters, row[2], row[3], gap_days)
