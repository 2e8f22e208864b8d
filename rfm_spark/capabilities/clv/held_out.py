"""Customers as a model of an earlier day knows them, and what they did after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.artefacts import WindowSettings, is_purchase, measures_until, orders_until
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.core.batches import EPOCH, Batches
from rfm_spark.core.scopes import CURRENCY

_WEEK = 7


@dataclass(frozen=True)
class Bought:
    """Purchases as a run had read them.

    Attributes:
        rows: of `order_days`.
        batches: that held.
        source: mapping.
        refunds: whether they void purchases and lower what these were worth.
        scope: what parts customers.
    """

    rows: DataFrame
    batches: Batches
    source: TransactionsSource
    refunds: Literal["net", "ignore"]
    scope: tuple[str, ...] = ()

    @property
    def by_currency(self) -> bool:
        """Whether only purchases in a customer's own currency count."""
        return CURRENCY in self.scope


@dataclass(frozen=True)
class Span:
    """What is fitted on, and what is held out.

    Attributes:
        until: last day that is fitted on.
        end: last day that is held out.
    """

    until: date
    end: date

    @property
    def days(self) -> int:
        """Held out."""
        return (self.end - self.until).days

    @property
    def weeks(self) -> list[date]:
        """Last days of the weeks held out, the last one of them shorter where they do not come out even."""
        ends = range(_WEEK, self.days + _WEEK, _WEEK)
        return [min(self.until + timedelta(days=end), self.end) for end in ends]


def known_then(bought: Bought, until: date) -> DataFrame:
    """Customers who had purchased by a day, as they were known on it: later refunds lower nothing.

    Returns:
        The columns of table `measures`, as of that day.
    """
    window = WindowSettings(None, bought.refunds, scope=bought.scope)
    measures = measures_until(bought.rows, bought.batches, bought.source, until, window)
    return measures.where("recency_days IS NOT NULL")


def days_after(bought: Bought, customers: DataFrame, span: Span) -> DataFrame:
    """What customers did in the days held out: customer_id, day DATE, cents BIGINT, once a day.

    Args:
        bought: purchases.
        customers: of `known_then`; where amounts are apart only purchases in a customer's own currency count.
        span: days.
    """
    by_currency, rows = bought.by_currency, bought.rows
    if bought.source.order_grain is None:
        # What is added to an order later is no new one.
        sums = rows.where(F.col("day") <= F.lit(span.until)).groupBy("customer_id", "order_id").agg(
            F.sum("sale_cents").alias("sold")
        )  # fmt: skip
        before = sums.where("sold <> 0").select("customer_id", "order_id")
        rows = rows.join(before, ["customer_id", "order_id"], "left_anti")
    orders = orders_until(rows, bought.batches, bought.source, span.end, by_currency=by_currency)
    held_out = orders.where(is_purchase(bought.refunds) & (F.col("order_date") > F.lit(span.until)))
    cents = F.col("gross_cents") - F.col("refund_cents") if bought.refunds == "net" else F.col("gross_cents")
    own = customers.select(F.col("customer_id").alias("_who"), F.col("currency").alias("_own"))
    is_theirs = F.col("customer_id") == F.col("_who")
    if by_currency:
        is_theirs = is_theirs & F.col("currency").eqNullSafe(F.col("_own"))
    mine = held_out.join(own, is_theirs, "left_semi")
    return mine.groupBy("customer_id", F.col("order_date").alias("day")).agg(F.sum(cents).alias("cents"))


def with_later(customers: DataFrame, later: DataFrame) -> DataFrame:
    """The customers with later_days, later_cents BIGINT.

    Args:
        customers: of `known_then`.
        later: of `days_after`.
    """
    sums = later.groupBy("customer_id").agg(
        F.count(F.lit(1)).alias("later_days"), F.sum("cents").alias("later_cents")
    )  # fmt: skip
    return customers.join(sums, "customer_id", "left").fillna(0, ["later_days", "later_cents"])


def days_by_week(later: DataFrame, span: Span) -> dict[date, int]:
    """Customers' days with a purchase in each week held out, by the week's last day.

    Args:
        later: of `days_after`.
        span: days.
    """
    week = F.floor((F.datediff("day", F.lit(span.until)) - 1) / _WEEK).cast("int")
    counts = {row["week"]: row["count"] for row in later.groupBy(week.alias("week")).count().collect()}
    return {end: counts.get(at, 0) for at, end in enumerate(span.weeks)}


def first_day(bought: Bought) -> date | None:
    """The first one on which something was sold."""
    sold = [day for day, found in bought.batches.days().items() if found.sale_cents > 0]
    return EPOCH + timedelta(days=min(sold)) if sold else None
