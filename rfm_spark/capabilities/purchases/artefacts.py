"""What the steps of purchases give."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from pyspark.sql import DataFrame

from rfm_spark.capabilities.purchases.all_orders import measures_until, orders_until
from rfm_spark.capabilities.purchases.batches import OrderDays
from rfm_spark.capabilities.purchases.carry import MeasuredAgain
from rfm_spark.capabilities.purchases.orders import is_purchase
from rfm_spark.capabilities.purchases.reading import reading
from rfm_spark.capabilities.purchases.settings import WindowSettings
from rfm_spark.capabilities.purchases.tables import MEASURES
from rfm_spark.pipeline.artefact import Artefact, in_table, live
from rfm_spark.pipeline.environment import MANY

# Whoever compares two runs asks how their rows were read; whoever follows customers over time, what they ordered.
__all__ = [
    "LateRows", "MeasuredAgain", "Measures", "OrderDays", "Purchases", "WindowSettings", "is_purchase",
    "known_customers", "measures_until", "orders_until", "reading",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Measures(Artefact, ABC):
    """What customers are scored by: recency, frequency and monetary value, whatever these are made of.

    Attributes:
        count: how many customers are known.
        buyers: how many of them are scored: who purchased up to as_of, or has the measures that stand for it.
    """

    count: int
    buyers: int

    @property
    @abstractmethod
    def purchased(self) -> DataFrame:
        """Customers who are scored, once each: customer_id, recency_days, frequency, monetary, scope and more."""


@dataclass(frozen=True, kw_only=True)
class Purchases(Measures):
    """Measures of every customer's purchases.

    Attributes:
        customers: rows of table `measures`: all who have a usable row.
        again: those who were measured again, where all others are as they were in the run before.
    """

    customers: DataFrame = in_table(MEASURES)
    again: MeasuredAgain | None = live()

    @property
    def purchased(self) -> DataFrame:
        """Customers who purchased."""
        return self.customers.where("recency_days IS NOT NULL")


def known_customers(purchases: Purchases | None) -> int:
    """About how many customers there are, for how a frame of them is kept; many without purchases."""
    return MANY if purchases is None else purchases.count


@dataclass(frozen=True, kw_only=True)
class LateRows(Artefact):
    """Earlier published dates that late rows touch are told; nothing else comes of it."""
