"""What a customer's row says of what they are expected to do."""

from __future__ import annotations

from rfm_spark.core.columns import CustomerColumn

_STAGE = "clv"

COLUMNS = (
    CustomerColumn(
        "p_alive", "DOUBLE", "Probability that they still order, by the model of orders", "real", "probability alive",
        low=0, high=1, transform="none", stage=_STAGE, is_watched=True,
    ),
    CustomerColumn(
        "expected_orders", "DOUBLE", "Days with an order expected within the last horizon of predict.clv.horizons",
        "real", "expected orders", low=0, transform="log1p", stage=_STAGE,
    ),
    CustomerColumn(
        "expected_order_value", "DOUBLE", "Money that a day with an order is expected to bring", "real",
        "expected order value", low=0, transform="log1p", stage=_STAGE, is_amount=True,
    ),
    CustomerColumn(
        "clv", "DOUBLE", "Money earned within the last horizon: expected orders, discounted, by their value and margin",
        "real", "CLV", low=0, transform="log1p", stage=_STAGE, is_amount=True,
    ),
    CustomerColumn(
        "clv_score", "INT", "Fifth of clv within the scope, 5 is best; equal values have equal scores", "whole",
        "CLV score", low=1, high=5, transform="none", stage=_STAGE,
    ),
    CustomerColumn(
        "clv_low", "DOUBLE", "Lower end of the 95 % interval of clv, by what is unsure of orders", stage=_STAGE
    ),
    CustomerColumn("clv_high", "DOUBLE", "Its upper end", stage=_STAGE),
    CustomerColumn(
        "forecasts", "ARRAY<STRUCT<horizon: INT, orders: DOUBLE, low: DOUBLE, high: DOUBLE, spend: DOUBLE>>",
        "Per horizon: days with an order, with a 95 % interval of the expectation, and what they bring", stage=_STAGE,
    ),
)  # fmt: skip
