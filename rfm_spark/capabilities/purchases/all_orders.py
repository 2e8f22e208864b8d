"""Orders of all customers as of a date, for capabilities that follow them over time."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame

from rfm_spark.capabilities.purchases.batches import live_rows
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.days import visible
from rfm_spark.capabilities.purchases.measures import customer_measures, window_start
from rfm_spark.capabilities.purchases.orders import orders_of
from rfm_spark.capabilities.purchases.settings import WindowSettings
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


def measures_until(
    rows: DataFrame, batches: Batches, source: TransactionsSource, as_of: date, window: WindowSettings
) -> DataFrame:
    """Measures of customers as of an earlier day, from what is known of it now; see `measures.customer_measures`.

    Args:
        rows: of `order_days`, of these batches.
        batches: that hold.
        source: their mapping.
        as_of: last day that counts.
        window: which purchases count.
    """
    seen, start = visible(live_rows(rows, batches), as_of), window_start(as_of, window.window_days)
    orders = orders_of(seen, source.order_grain, start, by_currency=window.by_currency)
    return customer_measures(
        orders, as_of, window.window_days, window.refunds, gaps=True, by_currency=window.by_currency
    )
