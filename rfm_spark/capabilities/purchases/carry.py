"""Carrying measures from the run before: only customers whose measures can have changed are measured again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

import rfm_spark
from rfm_spark.capabilities.purchases.batches import LAST_BATCH, OrderDays, live_rows
from rfm_spark.capabilities.purchases.days import visible
from rfm_spark.capabilities.purchases.settings import WindowSettings
from rfm_spark.core.batches import Batches, changed_days, date_of
from rfm_spark.core.runs import RunDetails

# Beyond this share of the customers, measuring all of them costs less.
MOST = 1 / 3
# More days than these are no condition to be read by.
_DAYS = 1000
# What a correction can change of an order's day.
_AMOUNTS = ("lines", "sale_cents", "refund_cents")
# What is asked of the rows of customers who are measured again.
_ASKED = (
    "batch_id", "customer_id", "order_id", "day", "seen_until", *_AMOUNTS, "last_sale_ts", "last_line_ts", "replaces",
)  # fmt: skip


@dataclass(frozen=True)
class Before:
    """What the run before had read, and when it looked.

    Attributes:
        as_of: its date.
        batches: as they were then.
    """

    as_of: date
    batches: Batches


@dataclass(frozen=True)
class MeasuredAgain:
    """Customers of whom something may have changed since the run before; nothing did of all others.

    Attributes:
        rows: theirs of `order_days`, of the batches that hold and of those that held for the run before.
        now: batches that are known.
        before: what the run before had read.
    """

    rows: DataFrame
    now: Batches
    before: Before

    @property
    def rows_now(self) -> DataFrame:
        """Those of the batches that hold."""
        return self.rows.where(F.col("batch_id").isin(self.now.ids))

    @property
    def rows_then(self) -> DataFrame:
        """Those of the batches that held for the run before."""
        return self.rows.where(F.col("batch_id").isin(self.before.batches.ids))


def rows_of_some(rows: DataFrame, customers: DataFrame, *, by_currency: bool = False) -> DataFrame:
    """Rows of `order_days` of some customers, with all that is asked of them, their currency where that is, too."""
    return rows.select(*_ASKED, *(("currency",) if by_currency else ())).join(customers, "customer_id", "left_semi")


def before_of(run: RunDetails | None, days: OrderDays, window: WindowSettings) -> Before | None:
    """What a run's measures were made of; None where they are no base for today's.

    Args:
        run: the run before.
        days: what is known of the transactions now.
        window: which purchases count now.
    """
    if run is None or run.code_version != rfm_spark.__version__:
        return None
    rfm = json.loads(run.config).get("rfm") or {}
    if (rfm.get("window_days"), rfm.get("refunds")) != (window.window_days, window.refunds):
        return None
    batches = days.batches.until(run.inputs.get(LAST_BATCH, ""))
    if batches is None or len(_rebuilt_since(batches, days.batches)) > 1:
        # Of the rows that two rebuilds took the place of nothing is left.
        return None
    return Before(run.as_of, batches)


def touched(rows: DataFrame, now: Batches, before: Before, as_of: date, window: WindowSettings) -> DataFrame | None:
    """Customers whose measures can differ from those of the run before: everybody else only grew older.

    A customer's measures follow from their rows up to the date, and from which of them lie in the window. So they can
    differ only by rows that the run before had not seen, or that are gone; by days that came since; and by days that
    the window has left behind.

    Args:
        rows: of `order_days`, of the batches that hold and of those that held for the run before.
        now: batches that are known.
        before: what the run before had read.
        as_of: last day that counts.
        window: which purchases count.

    Returns:
        customer_id, once each; None where so many days differ that no condition tells.
    """
    conditions = [_between(before.as_of, as_of)]
    if window.window_days is not None:
        behind = timedelta(days=window.window_days)
        conditions.append(_between(before.as_of - behind, as_of - behind))
    if _rebuilt_since(before.batches, now):
        changed = changed_days(before.batches.days(), now.days())
        if len(changed) > _DAYS:
            return None
        conditions.append(F.col("day").isin([date_of(number) for number in changed]))
        live = {*now.ids, *before.batches.ids}
    else:
        seen = set(before.batches.ids)
        live = set(now.ids)
        conditions.append(F.col("batch_id").isin([batch_id for batch_id in now.ids if batch_id not in seen]))
    met = reduce(lambda left, right: left | right, conditions)
    return rows.where(F.col("batch_id").isin(sorted(live)) & met).select("customer_id").distinct()


def corrected(rows: DataFrame, now: Batches, before: Before) -> DataFrame | None:
    """Customers of whom days that the run before had looked at have other lines or amounts by now.

    Args:
        rows: of `order_days`, of the batches that hold and of those that held for the run before.
        now: batches that are known.
        before: what the run before had read.

    Returns:
        customer_id, once each; None where batches were only added to: what came late then are lines, not corrections.
    """
    seen = {batch.batch_id for batch in before.batches.known}
    if all(batch.kind == "append" for batch in now.known if batch.batch_id not in seen):
        return None
    sides = []
    for batches, sign in ((now, 1), (before.batches, -1)):
        counted = visible(live_rows(rows.where(F.col("batch_id").isin(batches.ids)), batches), before.as_of)
        amounts = ((F.col(name) * F.lit(sign)).alias(name) for name in _AMOUNTS)
        sides.append(counted.select("customer_id", "order_id", "day", *amounts))
    together = sides[0].unionAll(sides[1]).groupBy("customer_id", "order_id", "day")
    differing = reduce(lambda left, right: left | right, (F.sum(name) != 0 for name in _AMOUNTS))
    return together.agg(differing.alias("differs")).where("differs").select("customer_id").distinct()


def carried(measures: DataFrame, days: int) -> DataFrame:
    """Measures of customers of whom nothing changed, so many days later.

    Args:
        measures: rows of table `measures`.
        days: since then.
    """
    older = {name: F.col(name) + F.lit(days) for name in ("recency_days", "tenure_days")}
    return measures.withColumns(older)


def slices_needed(now: Batches, before: Before) -> Sequence[str]:
    """Batches whose rows `touched` looks at."""
    return sorted({*now.ids, *before.batches.ids})


def _between(after: date, until: date) -> Column:
    return (F.col("day") > F.lit(after)) & (F.col("day") <= F.lit(until))


def _rebuilt_since(before: Batches, now: Batches) -> list[str]:
    seen = {batch.batch_id for batch in before.known}
    return [batch.batch_id for batch in now.known if batch.kind == "rebuild" and batch.batch_id not in seen]
