"""Recency, frequency and value of interactions or responses, and the same scores that purchases get."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.engagement.config import EngagementRfm
from rfm_spark.capabilities.rfm.artefacts import CutSet, code_separator, score_code, with_scores
from rfm_spark.capabilities.rfm.config import MEASURES, Bins

_RESPONSES = ("opened", "clicked", "replied", "redeemed")
# Columns of engagement that are scored, by the column of purchases whose rules they follow.
SCORED: Mapping[str, str] = {
    "recency_days": "engagement_recency_days", "frequency": "engagement_frequency", "monetary": "engagement_value",
}  # fmt: skip
PREFIX = "engagement_"


def of_interactions(window: DataFrame, as_of: date) -> DataFrame:
    """From events: days since the last one, days with one, and the intent score of the longest window.

    Args:
        window: rows of table `interactions` of that window.
        as_of: last day that counts.

    Returns:
        customer_id, engagement_recency_days INT, engagement_frequency BIGINT, engagement_value DOUBLE.
    """
    return window.select(
        "customer_id",
        F.datediff(F.lit(as_of), F.to_date("last_event_ts")).alias("engagement_recency_days"),
        F.col("active_days").cast("bigint").alias("engagement_frequency"),
        F.col("intent_score").alias("engagement_value"),
    )


def of_responses(customers: DataFrame, as_of: date, settings: EngagementRfm) -> DataFrame:
    """From messages: days since the last response, messages answered or opened, and their weights.

    Args:
        customers: of `tiers.response_columns`.
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


def active_measures(measures: DataFrame, purchased: DataFrame) -> DataFrame:
    """Measures of engagement under the names of those of purchases, of who purchased and was ever active.

    Args:
        measures: of `of_interactions` or `of_responses`.
        purchased: with customer_id, once each.
    """
    renamed = measures.select("customer_id", *(F.col(theirs).alias(ours) for ours, theirs in SCORED.items()))
    return renamed.where(F.col("recency_days").isNotNull()).join(
        purchased.select("customer_id"), "customer_id", "left_semi"
    )


def engagement_scores(measures: DataFrame, active: DataFrame, cut_sets: tuple[CutSet, ...], bins: Bins) -> DataFrame:
    """The columns of table `engagement_scores`; who was never active has the lowest scores.

    Args:
        measures: of `of_interactions` or `of_responses`.
        active: of `active_measures`.
        cut_sets: taken of them.
        bins: number of scores.
    """
    names = {f"{measure}_score": f"{PREFIX}{measure}_score" for measure in MEASURES}
    scores = with_scores(active, cut_sets).select(
        "customer_id", *(F.col(theirs).alias(ours) for theirs, ours in names.items())
    )
    lowest = {name: F.coalesce(F.col(name), F.lit(1)) for name in names.values()}
    return (
        measures.join(scores, "customer_id", "left")
        .withColumns(lowest)
        .withColumn("engagement_rfm_code", score_code(bins, PREFIX))
    )


def lowest_code(bins: Bins) -> str:
    """The code of the lowest scores."""
    return code_separator(bins).join("111")
