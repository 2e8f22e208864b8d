"""What a customer's row says of their subscriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rfm_spark.core.columns import CustomerColumn

_STAGE = "subscriptions"

COLUMNS = (
    CustomerColumn(
        "mrr", "DECIMAL(18,2)", "Monthly recurring revenue as of as_of_date", "cents", "MRR", low=0, transform="log1p",
        stage=_STAGE, absent=0,
    ),
    CustomerColumn("plan", "STRING", "Plan of the running subscription that brings most", "text", "plan", stage=_STAGE),
    CustomerColumn(
        "subscriptions", "BIGINT", "Subscriptions that run", "whole", "subscriptions", low=0, stage=_STAGE, absent=0,
    ),
    CustomerColumn("subscribed_since", "DATE", "Start of the first subscription", stage=_STAGE),
)  # fmt: skip


def column_sources(_: Mapping[str, Any]) -> dict[str, str]:
    """Source that each column is made from, whatever the stored configuration."""
    return {column.name: "subscriptions" for column in COLUMNS}
