"""The tables of orders and of measures."""

from __future__ import annotations

from rfm_spark.core.table import SCOPE, Table, run_table

_MONEY = "DECIMAL(18,2)"

ORDER_DAYS = Table("order_days", "kept", "One row per customer, order, day and batch; rows of several batches add up", (
    ("batch_id", "STRING", "Batch that read the lines, or the fold it is in"),
    ("reading", "STRING", "How they were read, as in batches"),
    ("customer_id", "STRING", "Customer"),
    ("order_id", "STRING", "Order; null where the source has none"),
    ("day", "DATE", "Date of the lines in the configured time zone"),
    ("seen_until", "DATE", "Last as-of date at which the row counts, where a later version replaced a line; else null"),
    ("marks", "BIGINT", "Checks that repaired or flagged the lines, a bit each"),
    ("currency", "STRING", "Currency of the lines"),
    ("channel", "STRING", "Channel of the lines"),
    ("sale_cents", "BIGINT", "Sum of the sale lines"),
    ("refund_cents", "BIGINT", "Sum of the refund lines, as a positive amount"),
    ("last_sale_ts", "TIMESTAMP", "Time of the latest sale line"),
    ("last_line_ts", "TIMESTAMP", "Time of the latest line"),
    ("lines", "BIGINT", "Lines that count; orders, where each line is one"),
    ("exact_duplicates", "BIGINT", "Lines equal to another one in every column"),
    ("duplicate_lines", "BIGINT", "Lines that a later one with the same id replaced"),
    ("duplicate_cents", "BIGINT", "Money of lines that do not count, as duplicates"),
    ("copy_cents", "BIGINT", "Money of equal lines that count"),
    ("may_repeat", "BOOLEAN", "Whether lines may be there twice, for all that their sketch tells"),
    ("replaces", "BOOLEAN", "Whether rows of the customer in earlier batches no longer count"),
), partitioned=True, slice_key="batch_id")  # fmt: skip

MEASURES = run_table(
    "measures", "One row per customer with a usable row, who purchased or not: for the steps that follow",
    SCOPE,
    ("customer_id", "STRING", "Customer"),
    ("recency_days", "INT", "Days from the last purchase to as_of_date; null for who never purchased"),
    ("frequency", "BIGINT", "Purchases in the window"),
    ("monetary", _MONEY, "Gross minus refunds dated in the window"),
    ("first_order_date", "DATE", "First purchase, over all history"),
    ("last_order_date", "DATE", "Last purchase, over all history"),
    ("tenure_days", "INT", "Days from the first purchase to as_of_date"),
    ("orders", "BIGINT", "Purchases over all history"),
    ("purchase_days", "INT", "Days with a purchase; null where nothing asks for it, as for the next three"),
    ("previous_order_date", "DATE", "The day with a purchase before the last one"),
    ("gap_squares", "BIGINT", "Sum of the squared days from one day with a purchase to the next"),
    ("repeat_cents", "BIGINT", "Money of purchases after the first day with one, over all history; null likewise"),
    ("lines", "BIGINT", "Lines of the source that counted, over all history"),
    ("currency", "STRING", "Currency of the latest purchase, whose orders count; null where rfm.scope names none"),
    ("orders_elsewhere", "BIGINT", "Purchases in other currencies, which don't count; null likewise"),
    ("refund_exceeds_sale", "BIGINT", "Orders refunded by more than was sold"),
    ("refund_without_sale", "BIGINT", "Orders that have refunds only"),
    ("is_corrected", "BOOLEAN", "Whether lines that the previous run had read are others by now; null if not known"),
)  # fmt: skip

TABLES = (ORDER_DAYS, MEASURES)
