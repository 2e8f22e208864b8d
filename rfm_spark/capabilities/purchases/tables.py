"""The tables of orders and of measures."""

from __future__ import annotations

from rfm_spark.core.table import Table, run_table

_MONEY = "DECIMAL(18,2)"

ORDERS = Table("orders", "kept", "One row per order: lines of one customer_id and order_id", (
    ("customer_id", "STRING", "Customer"),
    ("order_id", "STRING", "Order; made from time or day where the source has none"),
    ("order_ts", "TIMESTAMP", "Time of the latest sale line"),
    ("order_date", "DATE", "Date of order_ts in the configured time zone"),
    ("gross", _MONEY, "Sum of the sale lines"),
    ("refunds", _MONEY, "Sum of the refund lines, as a positive amount"),
    ("net", _MONEY, "gross minus refunds"),
    ("voided_on", "DATE", "Date of the refund that left nothing of the order"),
    ("lines", "BIGINT", "Lines of the order"),
    ("currency", "STRING", "Currency of the latest line"),
    ("channel", "STRING", "Channel of the latest line"),
))  # fmt: skip

MEASURES = run_table(
    "measures", "One row per customer with a usable row, who purchased or not: for the steps that follow",
    ("customer_id", "STRING", "Customer"),
    ("recency_days", "INT", "Days from the last purchase to as_of_date; null for who never purchased"),
    ("frequency", "BIGINT", "Purchases in the window"),
    ("monetary", _MONEY, "Gross minus refunds dated in the window"),
    ("first_order_date", "DATE", "First purchase, over all history"),
    ("last_order_date", "DATE", "Last purchase, over all history"),
    ("tenure_days", "INT", "Days from the first purchase to as_of_date"),
    ("lines", "BIGINT", "Lines of the source that counted, over all history"),
)  # fmt: skip

TABLES = (ORDERS, MEASURES)
