"""What the steps of purchases give."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from rfm_spark.capabilities.purchases.reading import reading
from rfm_spark.capabilities.purchases.tables import MEASURES
from rfm_spark.pipeline.artefact import Artefact, in_table, live

# Whoever compares two runs asks how their rows were read.
__all__ = ["LateRows", "Measures", "Orders", "reading"]


@dataclass(frozen=True, kw_only=True)
class Measures(Artefact):
    """Measures of every customer.

    Attributes:
        customers: rows of table `measures`: all who have a usable row.
        count: how many they are.
        buyers: how many of them purchased up to as_of.
        later: usable rows dated after as_of.
        possible_duplicates: customers whose lines may repeat, for all that what is mapped tells.
        has_id_changes: whether ids came in several Unicode forms.
        lines: validated lines of the source, as they were read; None where another process read them.
        duplicated: customer_id of possible duplicates; None for nobody, for everybody, or from another process.
    """

    customers: DataFrame = in_table(MEASURES)
    count: int
    buyers: int
    later: int = 0
    possible_duplicates: int = 0
    has_id_changes: bool = False
    lines: DataFrame | None = live()
    duplicated: DataFrame | None = live()

    @property
    def purchased(self) -> DataFrame:
        """Customers who purchased."""
        return self.customers.where("recency_days IS NOT NULL")


@dataclass(frozen=True, kw_only=True)
class LateRows(Artefact):
    """Earlier published dates that late rows touch are told; nothing else comes of it."""


@dataclass(frozen=True, kw_only=True)
class Orders(Artefact):
    """The table of orders reflects the source."""
