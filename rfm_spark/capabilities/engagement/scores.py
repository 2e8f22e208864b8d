"""Recency, frequency and value of interactions or responses, for the same scores that purchases get."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.engagement.config import EngagementRfm

_RESPONSES = ("opened", "clicked", "replied", "redeemed")


def of_interactions(customers: DataFrame, as_of: date, days: int) -> DataFrame:
    """From events: days since the last one, days with one, and the intent score of the longest window.

    Args:
        customers: of `interactions.customer_interactions`.
        as_of: last day that counts.
        days: the longest window.

    Returns:
        customer_id, engagement_recency_days INT, engagement_frequency BIGINT, engagement_value DOUBLE.
    """
    window = F.col(f"w{days}")
    return customers.select(
        "customer_id",
        F.datediff(F.lit(as_of), F.to_date(window.getField("last_event_ts"))).alias("engagement_recency_days"),
        window.getField("active_days").cast("bigint").alias("engagement_frequency"),
        window.getField("intent_score").alias("engagement_value"),
    )


def of_responses(customers: DataFrame, as_of: date, settings: EngagementRfm) -> DataFrame:
    """From messages: days since the last response, messages answered or opened, and their weights.

    Args:
        customers: of `engagement.customer_columns`.
        as_of: last day that counts.
        settings: the weight of each response.

    Returns:
        customer_id, engagement_recency_days INT, engagement_frequency BIGINT, engagement_value DOUBLE.
    """
    weights = {str(name): weight for name, weight in settings.response_weights.items()}
    value = F.lit(0.0)
    for name in _RESPONSES:
        value = value + F.lit(float(weights.get(name, 0))) * F.coalesce(f"all_{name}", F.lit(0))
    return customers.select(
        "customer_id",
        F.datediff(F.lit(as_of), F.col("last_response_date")).alias("engagement_recency_days"),
        F.coalesce("all_reacted", F.lit(0)).alias("engagement_frequency"),
        value.alias("engagement_value"),
    )
