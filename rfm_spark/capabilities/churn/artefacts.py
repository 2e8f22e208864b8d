"""What the step of churn gives."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.churn.features import Feature, of_orders, of_subscriptions
from rfm_spark.capabilities.churn.scorers import Scorer
from rfm_spark.pipeline.artefact import Artefact, CustomerLookup, live


@dataclass(frozen=True, kw_only=True)
class LearntChurn(Artefact):
    """What was learnt of who stops.

    Attributes:
        scorer: the model that tells; None where there is too little to learn from.
    """

    scorer: Scorer | None = None


@dataclass(frozen=True, kw_only=True)
class Churn(CustomerLookup):
    """Who is about to stop.

    Attributes:
        scorer: the model; None where there is too little to learn from.
        longest_silence: of orders, days of silence after which a customer is gone already; None for subscriptions.
        amounts_apart: whether amounts are of several currencies.
        has_events: of subscriptions, whether what customers do is known.
        subscribers: of subscriptions, who pays today, with the columns that features are made of.
    """

    scorer: Scorer | None = None
    longest_silence: int | None = None
    amounts_apart: bool = False
    has_events: bool = False
    subscribers: DataFrame | None = live()

    @property
    def features(self) -> tuple[Feature, ...]:
        """What customers are told by."""
        if self.longest_silence is None:
            return of_subscriptions(has_events=self.has_events)
        return of_orders(amounts_apart=self.amounts_apart)

    @property
    def left_empty(self) -> tuple[str, ...]:
        """Its column, where there is no model."""
        return ("churn_probability",) if self.scorer is None else ()

    def look_up(self, customers: DataFrame) -> DataFrame:
        """The rows with churn_probability."""
        if self.scorer is None:
            return customers.withColumn("churn_probability", F.lit(None).cast("double"))
        known = {one.name: F.col(one.column) for one in self.features}
        # Each once, before trees ask for them many times.
        made = {one.column: one.value for one in self.features}
        if self.longest_silence is not None:
            told = F.when(F.col("recency_days") <= F.lit(self.longest_silence), self.scorer.probability(known))
            return customers.withColumns(made).withColumn("churn_probability", told).drop(*made)
        if self.subscribers is None:
            raise LookupError("subscribers are looked at anew by every run")
        told = self.scorer.probability(known).alias("churn_probability")
        return customers.join(self.subscribers.withColumns(made).select("customer_id", told), "customer_id", "left")
