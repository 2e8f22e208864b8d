"""A chart with its title, and the charts that several sections have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rfm_spark.report import charts
from rfm_spark.report.charts import Pair
from rfm_spark.report.drawing import as_svg
from rfm_spark.report.profiles import Profile, Totals, leader
from rfm_spark.report.wording import Numbers, bin_words


@dataclass(frozen=True)
class Figure:
    """A chart with its title and how to read it.

    Attributes:
        title: the finding.
        svg: the drawing.
        caption: how to read it.
        narrow: the same for a telephone, where the wide one would be too small to read; empty to scroll instead.
    """

    title: str
    svg: str
    caption: str
    narrow: str = ""


def shares_figure(
    name: str, rows: Sequence[Profile], looks: Sequence[tuple[str, str]], title: str, totals: Totals, say: Numbers
) -> Figure:
    """Share of customers against share of revenue, per group.

    Args:
        name: unique on the page.
        rows: the groups, top to bottom.
        looks: label, unique among them, and colour of each.
        title: the finding, as by `most_revenue`.
        totals: that the shares are of.
        say: how numbers are written.
    """
    pairs = []
    for row, (label, colour) in zip(rows, looks, strict=True):
        shares = totals.customer_share(row.customers), totals.revenue_share(row.revenue)
        texts = f"{say.percent(shares[0])} of customers", f"{say.percent(shares[1])} of {totals.called}"
        pairs.append(Pair(label, colour, shares, texts))
    caption = f"Upper bar, pale: share of customers. Lower bar, full colour: share of {totals.called}."
    if totals.revenue <= 0:
        where = " in the window" if totals.called == "revenue" else ""
        caption = f"Share of customers only: {totals.called}{where} is not above zero, so it has no shares."
    wide, narrow = charts.paired_bars(pairs), charts.paired_bars(pairs, charts.NARROW_WIDTH)
    drawings = as_svg(wide, name, title), as_svg(narrow, f"{name}-narrow", title)
    return Figure(title, drawings[0], caption, drawings[1])


def most_revenue(rows: Sequence[Profile], names: Sequence[str], totals: Totals, say: Numbers) -> str:
    """Which group brings the most revenue, and how many customers it takes."""
    best = leader(rows)
    if best is None or totals.revenue <= 0:
        where = " in the window" if totals.called == "revenue" else ""
        return f"{say.count(totals.customers)} customers, and no {totals.called} above zero{where}"
    label = names[list(rows).index(best)]
    if len(rows) == 1:
        return f"{label}: all customers and all {totals.called}"
    customers, revenue = totals.customer_share(best.customers), totals.revenue_share(best.revenue)
    return f"{label}: {say.percent(customers, 0)} of customers bring {say.percent(revenue, 0)} of {totals.called}"


def spread_figure(
    name: str, counts: Mapping[int, int], title: str, say: Numbers, *, caption: str = "", money: bool = False
) -> Figure:
    """How many customers are in each doubling bin of a measure; bins without anybody are drawn as well.

    Args:
        name: unique on the page.
        counts: customers by bin, as of `bins.doubling_bin`; not empty.
        title: of the figure.
        say: how numbers are written.
        caption: how to read it.
        money: whether the measure is one.
    """
    inside = range(min(counts), max(counts) + 1)
    drawn = charts.histogram(
        [bin_words(at, say, money=money) for at in inside],
        [counts.get(at, 0) for at in inside],
        [say.count(counts.get(at, 0)) for at in inside],
    )
    return Figure(title, as_svg(drawn, name, title), caption)


def unique(labels: Sequence[str]) -> list[str]:
    """Labels that differ: two groups may carry one, and in a chart they would fall on one row."""
    seen: dict[str, int] = {}
    found = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        found.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return found
