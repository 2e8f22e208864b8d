"""Groups of customers, such as segments and clusters: their size, revenue and mean measures, and shares of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from rfm_spark.report.wording import Numbers


@dataclass(frozen=True)
class Profile:
    """Size, revenue and mean measures of a segment or a cluster.

    Attributes:
        name: the segment's name in the tables, or the cluster's.
        customers: how many.
        revenue: sum of monetary.
        mean_recency: days; null for an empty group.
        mean_frequency: purchases in the window.
        mean_monetary: money per customer.
        note: the segment's action, or the cluster's insight.
    """

    name: str
    customers: int
    revenue: Decimal
    mean_recency: float | None
    mean_frequency: float | None
    mean_monetary: float | None
    note: str


@dataclass(frozen=True)
class Totals:
    """All customers of the run, and their revenue in the window, or what else it is called."""

    customers: int = 0
    revenue: Decimal = Decimal(0)
    called: str = "revenue"

    def revenue_share(self, revenue: Decimal) -> float | None:
        """Share of the window's revenue; None where that is not above zero and a share has no meaning."""
        return float(revenue / self.revenue) if self.revenue > 0 else None

    def customer_share(self, customers: int) -> float:
        """Share of all customers, 0 to 1."""
        return customers / self.customers if self.customers else 0.0


@dataclass(frozen=True)
class Line:
    """One row of the table of segments or of clusters, ready to print."""

    label: str
    description: str
    colour: str
    cells: tuple[str, ...]
    note: str


def profile_cells(row: Profile, totals: Totals, say: Numbers) -> tuple[str, ...]:
    """Size, revenue and mean measures of a segment or a cluster, in the order of the table's columns."""
    return (
        say.count(row.customers),
        say.percent(totals.customer_share(row.customers)),
        say.whole_money(row.revenue),
        say.percent(totals.revenue_share(row.revenue)),
        say.decimal(row.mean_recency),
        say.decimal(row.mean_frequency),
        say.money(row.mean_monetary),
    )


def leader(rows: Sequence[Profile]) -> Profile | None:
    """The group with the most revenue, if any revenue is above zero."""
    best = max(rows, key=lambda row: row.revenue, default=None)
    return best if best is not None and best.revenue > 0 else None
