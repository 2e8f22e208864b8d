"""Measures to stages."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

from rfm_spark.capabilities.lifecycle.config import LifecycleConfig
from rfm_spark.capabilities.lifecycle.rhythm import Rhythm, expected_gap, gap_before


@dataclass(frozen=True)
class Terms:
    """What stages are told by.

    Attributes:
        config: limits.
        rhythm: of the population; None for fixed days.
    """

    config: LifecycleConfig
    rhythm: Rhythm | None

    @property
    def gap(self) -> Column:
        """Days expected between two orders; null for fixed days."""
        return F.lit(None).cast("double") if self.rhythm is None else expected_gap(self.rhythm)


def lifecycle_stage(terms: Terms) -> Column:
    """The stage of a customer who purchased: the first that fits.

    lapsed: silent for longer than the limit · lapsing: for longer than the lower one · reactivated: their last order
    ended a silence longer than the limit of lapsed, of the gap that was expected before it · new: one order · loyal:
    enough orders, long enough since the first · repeat: all others.

    Args:
        terms: limits, and the rhythm that they are multiples of.

    Returns:
        STRING, over recency_days, tenure_days, orders, purchase_days, first_order_date, last_order_date and
        previous_order_date.
    """
    config = terms.config
    if terms.rhythm is None:
        lapsing, lapsed, loyal = (F.lit(getattr(config.days, name)) for name in ("lapsing", "lapsed", "loyal"))
        lapsed_then = lapsed
    else:
        lapsed_then = F.lit(float(config.gaps.lapsed)) * gap_before(terms.rhythm)
        lapsing, lapsed, loyal = (
            F.lit(float(getattr(config.gaps, name))) * terms.gap for name in ("lapsing", "lapsed", "loyal")
        )
    recency = F.col("recency_days")
    silence = F.datediff("last_order_date", "previous_order_date")
    return (
        F.when(recency > lapsed, "lapsed")
        .when(recency > lapsing, "lapsing")
        .when(silence > lapsed_then, "reactivated")
        .when(F.col("orders") <= 1, "new")
        .when((F.col("orders") >= config.loyal_orders) & (F.col("tenure_days") >= loyal), "loyal")
        .otherwise("repeat")
    )
