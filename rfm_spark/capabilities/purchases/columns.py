"""What a customer's row says of their purchases."""

from __future__ import annotations

from rfm_spark.core.columns import CustomerColumn

COLUMNS = (
    CustomerColumn(
        "recency_days", "INT", "Days from the last purchase to as_of_date, over all history", "whole", "recency",
        " days", low=0, transform="log1p",
    ),
    CustomerColumn("frequency", "BIGINT", "Purchases in the window", "whole", "frequency", low=0, transform="log1p"),
    CustomerColumn(
        "monetary", "DECIMAL(18,2)", "Gross minus refunds dated in the window", "cents", "monetary", transform="log1p"
    ),
    CustomerColumn("first_order_date", "DATE", "First purchase, over all history"),
    CustomerColumn("last_order_date", "DATE", "Last purchase, over all history"),
    CustomerColumn(
        "tenure_days", "INT", "Days from the first purchase to as_of_date", "whole", "tenure", " days", low=0,
        transform="log1p",
    ),
    CustomerColumn("orders", "BIGINT", "Purchases over all history", "whole", "orders", low=0, transform="log1p"),
    CustomerColumn(
        "previous_order_date", "DATE", "The day with a purchase before the last one; filled with lifecycle.enabled"
    ),
    CustomerColumn("lines", "BIGINT", "Lines of the source that counted, over all history"),
)  # fmt: skip
