"""Orders of all customers as of a date, for capabilities that follow them over time."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame

from rfm_spark.capabilities.purchases.batches import live_rows
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.days import visible
from rfm_spark.capabilities.purchases.orders import orders_of
from rfm_spark.core.batches import Batches


def orders_until(
    rows: DataFrame, batches: Batches, source: TransactionsSource, as_of: date, *, by_currency: bool = False
) -> DataFrame:
    """Orders up to a date; see `orders.orders_of` for the columns, of which refunds count whenever they came.

    Args:
        rows: of `order_days`, of these batches.
        batches: that hold.
        source: their mapping.
        as_of: last day that counts.
        by_currency: whether orders keep their currency, so that amounts of two never meet.
    """
    return orders_of(visible(live_rows(rows, batches), as_of), source.order_grain, by_currency=by_currency)
