"""The step of usage: customers are measured by what rfm.measures names."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from pyspark.sql import functions as F

from rfm_spark.capabilities.customers.artefacts import CustomerAttributes, CustomerRecords, with_scope
from rfm_spark.capabilities.events.artefacts import Interactions, LastEvents
from rfm_spark.capabilities.purchases.artefacts import Purchases
from rfm_spark.capabilities.rfm.config import MeasuresConfig, RfmConfig
from rfm_spark.capabilities.subscriptions.artefacts import Subscriptions
from rfm_spark.capabilities.usage.artefacts import UsageMeasures
from rfm_spark.capabilities.usage.measures import Parts, usage_measures
from rfm_spark.core.config import Config
from rfm_spark.core.table import SCOPE_COLUMN
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.step import step

_OF_SUBSCRIPTIONS = ("customer_id", "mrr", "subscribed_since")


@dataclass(frozen=True)
class UsageSettings:
    """What customers are measured by.

    Attributes:
        measures: what each is made of.
        scope: what parts customers.
    """

    measures: MeasuresConfig
    scope: tuple[str, ...]

    @classmethod
    def of(cls, config: Config) -> UsageSettings | None:
        """As configured; None where all measures are of purchases."""
        rfm = config.part(RfmConfig)
        return None if rfm.measures.of_purchases else cls(rfm.measures, rfm.scope or ())


@step("Measures of usage", "what customers use and pay is put together", lasts=False)
def measure(
    environment: Environment, purchases: Purchases | None, interactions: Interactions | None, last: LastEvents | None,
    subscriptions: Subscriptions | None, records: CustomerRecords | None, attributes: CustomerAttributes | None,
    settings: UsageSettings,
) -> UsageMeasures:  # fmt: skip
    """How recently, how often and for how much does each customer use what they pay for?"""
    config = settings.measures
    sessions = config.frequency == "weekly_sessions" and interactions is not None
    parts = Parts(
        purchases=None if purchases is None else purchases.purchased.drop("tenure_days", SCOPE_COLUMN),
        last_events=None if last is None else last.dates.select("customer_id", "last_date"),
        weekly_sessions=interactions.weekly_sessions if sessions and interactions is not None else None,
        subscriptions=None if subscriptions is None else subscriptions.mrr.select(*_OF_SUBSCRIPTIONS),
    )
    known = usage_measures(parts, config, environment.run.as_of)
    scoped = with_scope(known, None if attributes is None else attributes.frame, settings.scope)
    held = environment.frames.persist(scoped)
    row = held.agg(
        F.count(F.lit(1)),
        F.count("recency_days"),
        F.count_if(F.col("recency_days").isNotNull() & (F.col("frequency") > 0)),
        F.sum(F.when(F.col("recency_days").isNotNull(), F.col("monetary"))),
    ).collect()[0]
    count, scored, active, monetary = int(row[0]), int(row[1]), int(row[2]), row[3]
    rows = {"customers": scored, "customers.active": active, "customers.unmeasured": count - scored}
    if records is not None:
        rows["customers.prospects"] = records.made.join(held, "customer_id", "left_anti").count()
    warnings = _warnings(scored, count - scored, config)
    account = Account(
        rows=rows,
        money={"monetary": monetary or Decimal(0)},
        warnings=warnings,
        # Of purchases it may be known already that they are thin.
        facts={} if scored and purchases is not None else {"status": "ok" if scored else "empty"},
        dealt_with=count,
    )
    frame = held.where("recency_days IS NOT NULL")
    return UsageMeasures(account=account, count=count, buyers=scored, frame=frame)


def _warnings(scored: int, unmeasured: int, config: MeasuresConfig) -> tuple[str, ...]:
    if not scored:
        return ("nobody has used anything up to this date: all tables of the run are empty",)
    if not unmeasured:
        return ()
    what = "purchase" if config.event is None else f"event {config.event}"
    return (
        f"{unmeasured:,} customers have no {what}, so that they have no recency (rfm.measures) and are in no segment",
    )


STEPS = (measure,)
