"""The feature spaces of several scopes, from the same passes over their customers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.config import FeatureConfig
from rfm_spark.capabilities.clusters.features import (
    ALL_CUSTOMERS,
    FeatureSpace,
    drawn_in,
    limits,
    plain_columns,
    quantiles,
    space_of,
    transformed,
    unit_of,
)
from rfm_spark.core.parts import by_part, with_part
from rfm_spark.core.stats import BILLIONTH, moments_by_group
from rfm_spark.core.table import SCOPE_COLUMN

Ends = Mapping[tuple[str, int], float]


def feature_spaces(
    customers: DataFrame, features: Sequence[FeatureConfig], scopes: Sequence[str]
) -> dict[str, FeatureSpace]:
    """The feature space of each scope: bitwise that of `features.feature_space` for its customers alone.

    Args:
        customers: with scope, all of them among the scopes, and the features' columns; read up to four times.
        features: as configured.
        scopes: in order; each has customers.
    """
    placed = with_part(customers, {scope: at for at, scope in enumerate(scopes)})
    found = quantiles(placed, features, F.col(SCOPE_COLUMN))
    ends = [found.get(scope, {}) for scope in scopes]
    values = {feature.column: _value(feature, ends) for feature in features}
    units = _units(placed, features, values, scopes)
    columns = {
        ALL_CUSTOMERS: (F.lit(0), F.lit(1)),
        **{name: (value, by_part([units[scope][name] for scope in scopes])) for name, value in values.items()},
    }
    moments = moments_by_group(placed, SCOPE_COLUMN, columns, units)
    return {scope: space_of(features, mine, moments[scope]) for scope, mine in zip(scopes, ends, strict=True)}


def _value(feature: FeatureConfig, ends: Sequence[Ends]) -> Column:
    low, high = zip(*(limits(feature, mine) for mine in ends), strict=True)
    clipped = _end(low, -math.inf), _end(high, math.inf)
    return drawn_in(transformed(feature.column, feature.transform), *clipped)


def _end(values: Sequence[float | None], otherwise: float) -> Column | None:
    if all(value is None for value in values):
        return None
    return by_part([otherwise if value is None else value for value in values])


def _units(
    customers: DataFrame, features: Sequence[FeatureConfig], values: Mapping[str, Column], scopes: Sequence[str]
) -> dict[str, dict[str, int]]:
    units = {scope: {ALL_CUSTOMERS: 1, **dict.fromkeys(values, BILLIONTH)} for scope in scopes}
    plain = plain_columns(features)
    if plain:
        largest = [F.max(F.abs(values[column])).alias(f"of_{column}") for column in plain]
        for row in customers.groupBy(SCOPE_COLUMN).agg(*largest).collect():
            units[row[SCOPE_COLUMN]] |= {column: unit_of(float(row[f"of_{column}"] or 0.0)) for column in plain}
    return units
