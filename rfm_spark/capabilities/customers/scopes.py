"""Scopes: groups of customers, such as markets, who are scored, ranked and clustered apart."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.customers.records import attribute
from rfm_spark.core.scopes import BETWEEN, CURRENCY
from rfm_spark.core.table import ALL, SCOPE_COLUMN

# The scope part of customers whose records say nothing of it.
UNKNOWN = "unknown"
# What no market may be called, so that it gets none of somebody else's figures.
_TAKEN = (ALL, UNKNOWN)


def with_scope(customers: DataFrame, attributes: DataFrame | None, names: Sequence[str]) -> DataFrame:
    """Customers with the scope they are in.

    Args:
        customers: customer_id, and currency where that is one of the names.
        attributes: of `records.attributes_of`; None where no attribute parts customers.
        names: what parts customers, the outer one first; none for a single scope.

    Returns:
        The customers with scope STRING, as `DE`, or `DE / EUR` of two names; `unknown` for a missing part; `all`
        without names. A slash within a name is shown as a bar, and a market that is called all or unknown as
        `all ()`.
    """
    if not names:
        return customers.withColumn(SCOPE_COLUMN, F.lit(ALL))
    # Each customer is in both once: tables of a partition's records are small, and nothing has to be sorted.
    known = customers if attributes is None else customers.join(attributes.hint("shuffle_hash"), "customer_id", "left")
    parts = [_part(name) for name in names]
    scoped = known.withColumn(SCOPE_COLUMN, F.concat_ws(BETWEEN, *parts))
    return scoped if attributes is None else scoped.drop(*(set(attributes.columns) - {"customer_id"}))


def _part(name: str) -> Column:
    value = F.replace(F.col(name if name == CURRENCY else attribute(name)), F.lit("/"), F.lit("|"))
    own = F.when(F.lower(value).isin(*_TAKEN), F.concat(value, F.lit(" ()"))).otherwise(value)
    return F.coalesce(own, F.lit(UNKNOWN))
