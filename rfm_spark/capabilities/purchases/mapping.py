"""The columns of transactions, as the mapping names them."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql.types import BooleanType

from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.core.reading.mapping import A_TIME, NUMBERS, Wanted, mapped_columns

_OF_LINES: Wanted = {
    "order_ts": A_TIME,
    "amount": (NUMBERS, "a number"),
    "quantity": (NUMBERS, "a number"),
    "unit_price": (NUMBERS, "a number"),
    "discount": (NUMBERS, "a number, in money"),
    "is_return": ((BooleanType,), "true or false; map it with a condition such as coalesce({} = 'Y', false)"),
}


def mapped(raw: DataFrame, source: TransactionsSource, name: str = "transactions") -> DataFrame:
    """The columns of transaction lines; see `mapped_columns`."""
    return mapped_columns(raw, source.columns, _OF_LINES, name, source.where)
