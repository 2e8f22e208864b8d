"""What the step of subscriptions gives."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from rfm_spark.capabilities.subscriptions.config import SubscriptionsSource
from rfm_spark.capabilities.subscriptions.mrr import mrr_of, versions
from rfm_spark.capabilities.subscriptions.rows import validated_subscriptions
from rfm_spark.capabilities.subscriptions.tables import MRR
from rfm_spark.pipeline.artefact import CustomerColumns, in_table

# Whoever looks at earlier days asks who paid then.
__all__ = ["Subscriptions", "mrr_of", "versions_in"]


def versions_in(raw: DataFrame, source: SubscriptionsSource) -> DataFrame:
    """Versions of the subscriptions of a source; see `mrr.versions`."""
    return versions(validated_subscriptions(raw, source).where("reason IS NULL"))


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
