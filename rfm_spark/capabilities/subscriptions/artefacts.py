"""What the step of subscriptions gives."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from rfm_spark.capabilities.subscriptions.tables import MRR
from rfm_spark.pipeline.artefact import CustomerColumns, in_table


@dataclass(frozen=True, kw_only=True)
class Subscriptions(CustomerColumns):
    """What customers pay month by month.

    Attributes:
        mrr: rows of table `mrr`.
    """

    mrr: DataFrame = in_table(MRR)

    @property
    def columns(self) -> DataFrame:
        """customer_id, mrr, plan, subscriptions, subscribed_since."""
        return self.mrr.select("customer_id", "mrr", "plan", "subscriptions", "subscribed_since")
