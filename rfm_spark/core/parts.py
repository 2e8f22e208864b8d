"""Values that differ between parts of the customers, such as scopes: literals of a plan, looked up by place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.table import SCOPE_COLUMN

PART = "_part"
_MORE_THAN_THERE_ARE = 1_000_000


def part_of(places: Mapping[str, int], others: int | None = None) -> Column:
    """Place of the part that a customer's scope has, INT.

    Args:
        places: by scope.
        others: of scopes that have none; None for null.
    """
    pairs = (F.lit(one) for scope, at in places.items() for one in (scope, at))
    place = F.try_element_at(F.create_map(*pairs), F.col(SCOPE_COLUMN))
    return place if others is None else F.coalesce(place, F.lit(others))


def with_part(customers: DataFrame, places: Mapping[str, int], others: int | None = None) -> DataFrame:
    """Customers with `part_of`: a projection of its own, so that it is looked up once a customer."""
    return customers.withColumn(PART, part_of(places, others))


def by_part(values: Sequence[float], part: Column | None = None) -> Column:
    """The value of a customer's part, DOUBLE; one that all parts share needs no look.

    Args:
        values: of the parts, in order.
        part: of `part_of`; the column `PART` where None.
    """
    if len(set(values)) == 1:
        return F.lit(float(values[0]))
    return F.get(doubles(values), F.col(PART) if part is None else part)


def doubles(values: Sequence[float]) -> Column:
    """An array as a literal.

    Parsed once, when the plan is optimised: an expression of thousands of literals takes seconds to be analysed.
    """
    return F.split(F.lit(",".join(repr(float(value)) for value in values)), ",").cast("array<double>")


def in_a_stage_of_its_own(frame: DataFrame) -> DataFrame:
    """The same rows, whose code is compiled apart from that of what follows.

    Spark makes one method of all projections in a row, and a JVM never compiles one of more than 8,000 bytes: a
    projection more, and each of them takes ten times as long. No row is moved: there are fewer partitions than these.
    """
    return frame.coalesce(_MORE_THAN_THERE_ARE)
