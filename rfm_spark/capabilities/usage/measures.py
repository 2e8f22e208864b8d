"""Recency of an event, frequency of sessions and monetary value of subscriptions, beside those of purchases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.rfm.config import MeasuresConfig

_FOUR = 4
# What a row has of purchases, and its type where there are none.
OF_PURCHASES = (
    ("first_order_date", "date"), ("last_order_date", "date"), ("orders", "bigint"), ("previous_order_date", "date"),
    ("lines", "bigint"), ("is_corrected", "boolean"),
)  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """What measures are made of; None for what no measure asks for.

    Attributes:
        purchases: customer_id, recency_days, frequency, monetary and what else purchases tell, of who purchased.
        last_events: customer_id, last_date DATE.
        weekly_sessions: customer_id, weekly_sessions DOUBLE.
        subscriptions: customer_id, mrr DECIMAL(18,2), subscribed_since DATE.
    """

    purchases: DataFrame | None = None
    last_events: DataFrame | None = None
    weekly_sessions: DataFrame | None = None
    subscriptions: DataFrame | None = None


def usage_measures(parts: Parts, config: MeasuresConfig, as_of: date) -> DataFrame:
    """Customers whom one of the measures knows.

    Recency counts from the last event, or purchase. Of a customer who has none it counts from the day on which their
    first subscription began: they have been silent ever since. Who has neither has no recency, and is not scored.

    Args:
        parts: of all measures that are asked for.
        config: which measures are made of what.
        as_of: last day that counts.

    Returns:
        customer_id, recency_days INT, frequency BIGINT (sessions of 28 days, or purchases), monetary DECIMAL(18,2),
        recency_date DATE, tenure_days INT (since the first order or subscription, whichever came first), and
        OF_PURCHASES.
    """
    every = (parts.purchases, parts.last_events, parts.weekly_sessions, parts.subscriptions)
    sides = [side for side in every if side is not None]
    known = sides[0]
    for side in sides[1:]:
        known = known.join(side, "customer_id", "full_outer")
    there = known.columns
    since, bought = _of(there, "subscribed_since", "date"), _of(there, "last_order_date", "date")
    last = bought if config.event is None else F.col("last_date")
    recency_date = F.coalesce(last, since)
    first = F.least(_of(there, "first_order_date", "date"), since)
    return known.select(
        "customer_id",
        F.datediff(F.lit(as_of), recency_date).alias("recency_days"),
        _frequency(config).cast("bigint").alias("frequency"),
        _monetary(config).cast("decimal(18,2)").alias("monetary"),
        recency_date.alias("recency_date"),
        F.datediff(F.lit(as_of), first).alias("tenure_days"),
        *(_of(there, name, kind).alias(name) for name, kind in OF_PURCHASES),
    )


def _frequency(config: MeasuresConfig) -> Column:
    counted = F.col("frequency") if config.frequency == "purchases" else F.col("weekly_sessions") * F.lit(_FOUR)
    return F.coalesce(counted, F.lit(0))


def _monetary(config: MeasuresConfig) -> Column:
    return F.coalesce("monetary" if config.monetary == "purchases" else "mrr", F.lit(0))


def _of(there: Sequence[str], name: str, kind: str) -> Column:
    return F.col(name) if name in there else F.lit(None).cast(kind)
