"""What follows from days of orders for whoever asks: one row per order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame

from rfm_spark.capabilities.purchases.batches import live_rows
from rfm_spark.capabilities.purchases.days import visible
from rfm_spark.capabilities.purchases.intake import SOURCE
from rfm_spark.capabilities.purchases.orders import each_order
from rfm_spark.capabilities.purchases.tables import ORDER_DAYS
from rfm_spark.core.batches import Batches
from rfm_spark.core.derived import Derived
from rfm_spark.core.scopes import amounts_apart


def orders(rows: DataFrame, batches: Batches, document: Mapping[str, Any]) -> DataFrame:
    """Every order, of all dates; see `orders.each_order`.

    Args:
        rows: of `order_days`, of the batches.
        batches: that hold.
        document: a stored configuration.
    """
    grain, apart = document["sources"][SOURCE].get("order_grain"), amounts_apart(document)
    return each_order(visible(live_rows(rows, batches), None), grain, by_currency=apart)


DERIVED = (Derived("orders", SOURCE, ORDER_DAYS, orders),)
