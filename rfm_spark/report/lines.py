"""Rows of the tables of segments and of clusters, ready to print."""

from __future__ import annotations

from dataclasses import dataclass

from rfm_spark.report.data import Profile, ReportData
from rfm_spark.report.wording import Numbers


@dataclass(frozen=True)
class Line:
    """One row of the table of segments or of clusters, ready to print."""

    label: str
    description: str
    colour: str
    cells: tuple[str, ...]
    note: str


def profile_cells(data: ReportData, row: Profile, say: Numbers) -> tuple[str, ...]:
    """Size, revenue and mean measures of a segment or a cluster, in the order of the table's columns."""
    return (
        say.count(row.customers),
        say.percent(data.customer_share(row.customers)),
        say.whole_money(row.revenue),
        say.percent(data.revenue_share(row.revenue)),
        say.decimal(row.mean_recency),
        say.decimal(row.mean_frequency),
        say.money(row.mean_monetary),
    )
