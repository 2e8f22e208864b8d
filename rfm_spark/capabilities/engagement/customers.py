"""What a customer's row carries of their engagement, over all channels."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.engagement.words import ALL_CHANNELS, MESSAGE_CHANNELS

_OVER_ALL = ("delivered", "open_rate", "click_rate", "response_rate", "suppressed")


def customer_columns(rows: DataFrame) -> DataFrame:
    """What a customer's row in `segments` carries of `engagement`, one row per customer.

    Args:
        rows: of `engagement`.

    Returns:
        customer_id, engagement_tier, delivered, open_rate, click_rate, response_rate, suppressed, and a tier per
        channel as `email_tier`.
    """
    return _pivoted(rows).select("customer_id", "engagement_tier", *_OVER_ALL, *(f"{n}_tier" for n in MESSAGE_CHANNELS))


def response_columns(rows: DataFrame) -> DataFrame:
    """What scores of engagement are made of: last_response_date and counts over all channels.

    Args:
        rows: of `engagement`, with `reacted`.

    Returns:
        customer_id, last_response_date DATE, all_opened, all_clicked, all_replied, all_redeemed, all_reacted BIGINT.
    """
    names = ("opened", "clicked", "replied", "redeemed", "reacted")
    is_all = F.col("channel") == ALL_CHANNELS
    return rows.groupBy("customer_id").agg(
        F.max(F.when(is_all, F.col("last_response_date"))).alias("last_response_date"),
        *(F.max(F.when(is_all, F.col(name))).alias(f"all_{name}") for name in names),
    )


def _pivoted(rows: DataFrame) -> DataFrame:
    is_all = F.col("channel") == ALL_CHANNELS
    return rows.groupBy("customer_id").agg(
        F.max(F.when(is_all, F.col("tier"))).alias("engagement_tier"),
        *(F.max(F.when(is_all, F.col(name))).alias(name) for name in _OVER_ALL),
        *(F.max(F.when(F.col("channel") == name, F.col("tier"))).alias(f"{name}_tier") for name in MESSAGE_CHANNELS),
    )
