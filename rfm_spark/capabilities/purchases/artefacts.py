"""What the steps of purchases give."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from rfm_spark.capabilities.purchases.all_orders import orders_until
from rfm_spark.capabilities.purchases.batches import OrderDays
from rfm_spark.capabilities.purchases.carry import MeasuredAgain
from rfm_spark.capabilities.purchases.orders import is_purchase
from rfm_spark.capabilities.purchases.reading import reading
from rfm_spark.capabilities.purchases.tables import MEASURES
from rfm_spark.pipeline.artefact import Artefact, in_table, live

# Whoever compares two runs asks how their rows were read; whoever follows customers over time, what they ordered.
__all__ = ["LateRows", "MeasuredAgain", "Measures", "OrderDays", "is_purchase", "orders_until", "reading"]


@dataclass(frozen=True, kw_only=True)
class Measures(Artefact):
    """Measures of every customer.

    Attributes:
        customers: rows of table `measures`: all who have a usable row.
        count: how many they are.
        buyers: how many of them purchased up to as_of.
        again: those who were measured again, where all others are as they were in the run before.
    """

    customers: DataFrame = in_table(MEASURES)
    count: int
    buyers: int
    again: MeasuredAgain | None = live()

    @property
    def purchased(self) -> DataFrame:
        """Customers who purchased."""
        return self.customers.where("recency_days IS NOT NULL")


@dataclass(frozen=True, kw_only=True)
class LateRows(Artefact):
    """Earlier published dates that late rows touch are told; nothing else comes of it."""
