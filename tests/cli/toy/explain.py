"""What it says of a customer."""

from __future__ import annotations

from rfm_spark.core.explaining import PublishedCustomer


def toy_lines(customer: PublishedCustomer) -> list[str]:
    return [f"  toy        of {customer.row['customer_id']}"]


EXPLAIN = (toy_lines,)
