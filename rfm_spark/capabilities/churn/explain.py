"""What `explain` says of a customer who may stop."""

from __future__ import annotations

from rfm_spark.core.explaining import PublishedCustomer


def churn_lines(customer: PublishedCustomer) -> list[str]:
    """How likely they are to stop; nothing where churn is off."""
    row = customer.row
    churn = (customer.document.get("predict") or {}).get("churn") or {}
    if not churn.get("enabled"):
        return []
    told = row.get("churn_probability")
    if told is None:
        return ["  churn      gone already, or nothing was learnt: there is no probability"]
    return [f"  churn      stops within {churn['horizon_days']} days with a probability of {told:.2f}"]


EXPLAIN = (churn_lines,)
