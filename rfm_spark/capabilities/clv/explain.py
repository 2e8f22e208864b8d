"""What `explain` says of a customer's forecast."""

from __future__ import annotations

from rfm_spark.core.explaining import PublishedCustomer


def forecast_lines(customer: PublishedCustomer) -> list[str]:
    """Whether they still order, how often they will, and for how much; nothing where forecasts are off."""
    row = customer.row
    if row.get("p_alive") is None:
        return []
    config = customer.document["predict"]["clv"]
    ahead = f"{config['horizons'][-1]} {config['period']}s"
    low, high = row["clv_low"], row["clv_high"]
    interval = "" if low is None or high is None else f" ({low:,.2f} to {high:,.2f})"
    return [
        f"  forecast   still a customer with a probability of {row['p_alive']:.2f}; {row['expected_orders']:.2f} days "
        f"with an order expected within {ahead}, each worth {row['expected_order_value']:,.2f}: CLV "
        f"{row['clv']:,.2f}{interval}"
    ]


EXPLAIN = (forecast_lines,)
