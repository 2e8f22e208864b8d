"""What a customer's row says of stopping."""

from __future__ import annotations

from rfm_spark.core.columns import CustomerColumn

COLUMNS = (
    CustomerColumn(
        "churn_probability", "DOUBLE",
        "Probability that they stop within predict.churn.horizon_days; null of whom is gone already", "real",
        "churn probability", low=0, high=1, transform="none", stage="churn", is_watched=True,
    ),
)  # fmt: skip
