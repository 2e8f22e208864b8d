"""Features for clustering: transformed, winsorised, imputed, standardised with stored mean and sd, weighted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.config import THOUSAND, FeatureConfig
from rfm_spark.core.distribution import WHOLE, QuantileRequest, exact_ranks, order_statistic
from rfm_spark.core.stats import BILLIONTH, Moments, exact_moments

# Beyond these a double holds no cents any more, and sums of squares no longer fit DECIMAL(38,0).
_LARGEST = 1e12
_FURTHEST = 1e6
ALL_CUSTOMERS = "all customers"
Ends = tuple[Column | None, Column | None]


@dataclass(frozen=True)
class Feature:
    """How one column of the customer row becomes a coordinate.

    Attributes:
        column: of the customer row.
        transform: none or log1p (of the value, at least 0).
        low: transformed values below are clipped to it; None leaves that end open.
        high: likewise above.
        fill: transformed value that stands for a missing one.
        mean: of the present transformed values.
        scale: their population standard deviation.
        weight: business weight; the coordinate is multiplied by its root.
        missing: share of customers without a value when the space was made.
    """

    column: str
    transform: str
    low: float | None
    high: float | None
    fill: float
    mean: float
    scale: float
    weight: float = 1.0
    missing: float = 0.0

    @property
    def coordinate(self) -> Column:
        """The standardised, weighted value, at most a million from the mean; never null."""
        low, high = (None if end is None else F.lit(end) for end in (self.low, self.high))
        moments = F.lit(self.mean), F.lit(self.scale)
        root = F.lit(math.sqrt(self.weight))
        return placed(self.column, self.transform, (low, high), F.lit(self.fill), moments, root)

    @property
    def is_missing(self) -> Column:
        """Whether a customer has no usable value."""
        return is_missing(self.column, self.transform)


def placed(
    column: str, transform: str, ends: Ends, fill: Column, moments: tuple[Column, Column], root: Column
) -> Column:
    """The coordinate of a customer on one axis, of numbers that may be those of their scope; see `Feature`.

    Args:
        column: of the customer row.
        transform: none or log1p.
        ends: transformed values beyond which one is clipped; None leaves an end open.
        fill: stands for a missing one.
        moments: mean and scale.
        root: of the weight.
    """
    value = F.coalesce(drawn_in(transformed(column, transform), *ends), fill)
    point = (value - moments[0]) / moments[1] * root
    # A million deviations away is far enough; sums of whole billionths have to fit their types.
    return F.greatest(F.least(point, F.lit(_FURTHEST)), F.lit(-_FURTHEST))


def is_missing(column: str, transform: str) -> Column:
    """Whether a customer has no usable value."""
    return transformed(column, transform).isNull()


@dataclass(frozen=True)
class FeatureSpace:
    """How customers become points.

    Attributes:
        features: in the order of a point's coordinates.
        dropped: columns without variance, which can't separate anyone.
    """

    features: tuple[Feature, ...]
    dropped: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns used, in order."""
        return tuple(feature.column for feature in self.features)

    def coordinates(self) -> list[Column]:
        """One standardised value per feature."""
        return [feature.coordinate for feature in self.features]

    def imputed(self) -> Column:
        """Names of the features whose value was missing, ARRAY<STRING>."""
        named = [F.when(feature.is_missing, F.lit(feature.column)) for feature in self.features]
        return F.filter(F.array(*named), lambda name: name.isNotNull()) if named else F.array().cast("array<string>")


def feature_space(customers: DataFrame, features: Sequence[FeatureConfig]) -> FeatureSpace:
    """The feature space of these customers.

    Args:
        customers: with the features' columns; read up to four times, so persisted. Null, NaN and infinite values are
            missing.
        features: as configured.

    Returns:
        Means and deviations are population moments of the present values after winsorising; they and the quantiles are
        exact, so the same customers give bitwise the same space from any layout.
    """
    ends = quantiles(customers, features, F.lit(WHOLE)).get(WHOLE, {})
    values = {}
    for feature in features:
        low, high = (None if end is None else F.lit(end) for end in limits(feature, ends))
        values[feature.column] = drawn_in(transformed(feature.column, feature.transform), low, high)
    units = _units(customers, features, values)
    moments = exact_moments(
        customers, {ALL_CUSTOMERS: (F.lit(0), 1), **{name: (value, units[name]) for name, value in values.items()}}
    )
    return space_of(features, ends, moments)


def space_of(
    features: Sequence[FeatureConfig], ends: Mapping[tuple[str, int], float], moments: Mapping[str, Moments]
) -> FeatureSpace:
    """The feature space, from quantiles and moments.

    Args:
        features: as configured.
        ends: of `quantiles`.
        moments: of each column's values, drawn in, and under `ALL_CUSTOMERS` of a value that nobody lacks.
    """
    made, dropped = [], []
    for feature in features:
        low, high = limits(feature, ends)
        found = moments[feature.column]
        if found.sd == 0:
            dropped.append(feature.column)
            continue
        fills = {"mean": found.mean, "zero": 0.0, "median": ends.get((feature.column, THOUSAND // 2), 0.0)}
        fill = fills[feature.missing]
        missing = 1 - found.n / moments[ALL_CUSTOMERS].n
        made.append(
            Feature(feature.column, feature.transform, low, high, fill, found.mean, found.sd, feature.weight, missing)
        )
    return FeatureSpace(tuple(made), tuple(dropped))


def transformed(column: str, transform: str) -> Column:
    """A usable value as its feature counts it; null for one that is missing."""
    raw = F.col(column).cast("double")
    present = F.when(
        ~F.isnan(raw) & (F.abs(raw) < F.lit(math.inf)), F.greatest(F.least(raw, F.lit(1e15)), F.lit(-1e15))
    )
    # Not by greatest, which skips nulls: a missing value would become 0.
    return F.log1p(F.when(present < 0, F.lit(0.0)).otherwise(present)) if transform == "log1p" else present


def drawn_in(value: Column, low: Column | None, high: Column | None) -> Column:
    """A value clipped to two ends, of which either may be open."""
    # least and greatest skip nulls, and a missing value has to stay missing.
    if high is not None:
        value = F.when(value > high, high).otherwise(value)
    if low is not None:
        value = F.when(value < low, low).otherwise(value)
    return value


def _units(customers: DataFrame, features: Sequence[FeatureConfig], values: Mapping[str, Column]) -> dict[str, int]:
    """Units per 1 that sums are counted in; logarithms are small, of other values the largest is looked up."""
    plain = plain_columns(features)
    units = dict.fromkeys(values, BILLIONTH)
    if plain:
        largest = customers.agg(*(F.max(F.abs(values[column])) for column in plain)).collect()[0]
        units |= {column: unit_of(float(found or 0.0)) for column, found in zip(plain, largest, strict=True)}
    return units


def plain_columns(features: Sequence[FeatureConfig]) -> list[str]:
    """Columns whose values may be of any size."""
    return [feature.column for feature in features if feature.transform == "none"]


def unit_of(largest: float) -> int:
    """Units per 1 that sums of values are counted in, of which the largest is known."""
    if 0 < largest < 1:
        # Rates, of which the largest keeps ten digits.
        return int(BILLIONTH * 10 ** min(math.floor(-math.log10(largest)), 8))
    if largest <= 1000:
        return BILLIONTH
    return int(10.0 ** max(0, math.floor(math.log10(_LARGEST / largest))))


def limits(feature: FeatureConfig, ends: Mapping[tuple[str, int], float]) -> tuple[float | None, float | None]:
    """The values that a feature's are clipped to; None leaves an end open."""
    if feature.winsorise is None:
        return None, None
    low, high = (ends.get((feature.column, round(share * THOUSAND))) for share in feature.winsorise)
    return low, high


def quantiles(
    customers: DataFrame, features: Sequence[FeatureConfig], within: Column
) -> dict[str, dict[tuple[str, int], float]]:
    """Exact order statistics of the transformed values that winsorising and medians ask for, per thousandth, by group.

    Args:
        customers: with the features' columns; read twice where something is asked for.
        features: as configured.
        within: group that they are taken in, STRING.
    """
    requests, wanted = list[QuantileRequest](), []
    for feature in features:
        if feature.winsorise is None and feature.missing != "median":
            continue
        value = transformed(feature.column, feature.transform)
        steps = [THOUSAND // 2] if feature.missing == "median" else []
        steps += [round(share * THOUSAND) for share in feature.winsorise or ()]
        mine = tuple(step for step in steps if 0 < step < THOUSAND)
        present = value.isNotNull()
        requests.append(QuantileRequest(feature.column, value, THOUSAND, present, within, grid=False, wanted=mine))
        wanted += [(feature.column, step) for step in mine]
    found: dict[str, dict[tuple[str, int], float]] = {}
    ranks = exact_ranks(customers, requests) if requests else {}
    for column, step in wanted:
        for group, kept in groupby(ranks[column], key=lambda rank: rank.within):
            found.setdefault(group, {})[column, step] = order_statistic(list(kept), step, THOUSAND)
    return found
