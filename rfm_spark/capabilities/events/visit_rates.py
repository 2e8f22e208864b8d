"""Rates of visits by day: of so many on web and app, so many fill a cart or order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.drift.artefacts import RATE_DAYS, Definition, Rate, bits_of, by_day

# Days in the bits of a number.
_DAYS_OF_PART = 63
# What a customer's visits of a day had, in the bits of a number.
ORDERED, VIEWED, VIEW_CARTED, CARTED, CART_ORDERED = (1 << bit for bit in range(5))
_VISIT_BITS = 5
_PARTS = range(-(-RATE_DAYS // _DAYS_OF_PART))
INTERACTIONS = "interactions"
VISIT_RATES = (
    Definition("view_to_cart_rate", "visits with a product view that fill a cart", VIEW_CARTED, VIEWED,
               "look at product pages, prices and stock, and at the tracker"),
    Definition("cart_to_order_rate", "visits with a cart that end in an order", CART_ORDERED, CARTED,
               "look at checkout and payment, and at the tracker"),
    Definition("conversion_rate", "visits that end in an order", ORDERED, 0,
               "look at checkout and payment, and at the tracker"),
)  # fmt: skip


def visit_days(counts: Column, age: str, flags: Mapping[int, Column]) -> dict[str, Column]:
    """Aggregates over a customer's sessions: BIGINTs for each flag, and for a visit at all, with a bit per day.

    Args:
        counts: whether a row is a session that counts.
        age: column with its age in days, INT.
        flags: bit to whether the session has it.
    """
    sums = {}
    for part in _PARTS:
        first = part * _DAYS_OF_PART
        inside = F.col(age).between(first, min(first + _DAYS_OF_PART, RATE_DAYS) - 1)
        day = F.when(counts & inside, F.expr(f"shiftleft(1L, {age} - {first})"))
        for bit, has in {0: F.lit(True), **flags}.items():
            sums[_visits(bit, part)] = F.bit_or(F.when(has, day).otherwise(F.lit(0).cast("bigint")))
    return sums


def visit_columns() -> tuple[str, ...]:
    """Names of what `visit_days` makes."""
    return tuple(_visits(bit, part) for part in _PARTS for bit in _flags())


def visits_counted(customers: DataFrame) -> DataFrame:
    """Customers per day and what their visits of the day had.

    Args:
        customers: with the columns of `visit_days`.

    Returns:
        age INT, bits INT, customers BIGINT: at most RATE_DAYS times 32 rows.
    """
    ages = F.array(*(F.lit(age) for age in range(RATE_DAYS)))
    there = reduce(Column.__or__, [F.col(_visits(0, part)) != 0 for part in _PARTS])
    each = customers.where(there).select(F.explode(ages).alias("age"), *visit_columns())
    had = bits_of({bit: _on_day(bit) for bit in _flags() if bit})
    return each.where(_on_day(0)).groupBy("age", had.alias("bits")).agg(F.count(F.lit(1)).alias("customers"))


def rates_of_visits(rows: Iterable[tuple[int, int, int]], as_of: date) -> list[Rate]:
    """Rates of web and app; a customer's visits of a day are one.

    Args:
        rows: of `visits_counted`.
        as_of: last day that counts.
    """
    dated = [(as_of - timedelta(days=age), bits, customers) for age, bits, customers in rows]
    return [Rate(INTERACTIONS, one, by_day(dated, one), as_of) for one in VISIT_RATES] if dated else []


def _flags() -> tuple[int, ...]:
    return (0, *(1 << bit for bit in range(_VISIT_BITS)))


def _visits(bit: int, part: int) -> str:
    return f"visits_{bit}_{part}"


def _on_day(bit: int) -> Column:
    """Whether a day, given by its age, has the bit."""
    found = F.lit(False)
    for part in _PARTS:
        first = part * _DAYS_OF_PART
        inside = F.col("age").between(first, first + _DAYS_OF_PART - 1)
        found = F.when(inside, F.getbit(F.col(_visits(bit, part)), F.col("age") - first) == 1).otherwise(found)
    return found
