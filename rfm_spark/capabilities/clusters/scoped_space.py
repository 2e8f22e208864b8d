"""Feature spaces of several scopes at once: every customer gets a place in the space of their own scope."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.features import Feature, FeatureSpace, is_missing, placed
from rfm_spark.core.parts import PART, by_part
from rfm_spark.core.table import ALL, SCOPE_COLUMN


def among(customers: DataFrame, scopes: Sequence[str]) -> DataFrame:
    """Customers under the scopes whose clusters they shape: their own, and where `ALL` is among these that as well.

    Args:
        customers: with scope.
        scopes: that have clusters of their own, or are to get some.

    Returns:
        The customers, each of them up to twice, with their scope among these.
    """
    own = [scope for scope in scopes if scope != ALL]
    if ALL not in scopes:
        return customers.where(F.col(SCOPE_COLUMN).isin(own))
    mine = F.when(F.col(SCOPE_COLUMN).isin(own), F.array(F.lit(ALL), SCOPE_COLUMN)).otherwise(F.array(F.lit(ALL)))
    return customers.withColumn(SCOPE_COLUMN, F.explode(mine))


@dataclass(frozen=True)
class ScopedSpace:
    """The spaces of parts, with an axis for every column that is a feature of one of them.

    Where a part has no such feature, all its customers are at 0 on that axis: distances are those without it.

    Attributes:
        spaces: of the parts, in their order.
        part: of a customer, of `part_of`; the column `PART` where None.
    """

    spaces: tuple[FeatureSpace, ...]
    part: Column | None = None

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """A column per axis, in an order that is that of every part."""
        order: TopologicalSorter[str] = TopologicalSorter()
        for space in self.spaces:
            for at, name in enumerate(space.columns):
                order.add(name, *space.columns[max(at - 1, 0) : at])
        return tuple(order.static_order())

    @cached_property
    def axes(self) -> tuple[tuple[int, ...], ...]:
        """Of each part the axes that its features are on."""
        at = {name: axis for axis, name in enumerate(self.columns)}
        return tuple(tuple(at[name] for name in space.columns) for space in self.spaces)

    def coordinates(self) -> list[Column]:
        """One value per axis, of customers with their part."""
        return [self._coordinate(mine) for mine in self._features]

    def imputed(self) -> Column:
        """Names of the features of their part whose value was missing, ARRAY<STRING>; null without a part."""
        named = []
        for name, mine in zip(self.columns, self._features, strict=True):
            missing = is_missing(name, next(feature.transform for feature in mine if feature is not None))
            if None in mine:
                missing = missing & (by_part([float(feature is not None) for feature in mine]) > 0)
            named.append(F.when(missing, F.lit(name)))
        found = F.filter(F.array(*named), lambda name: name.isNotNull()) if named else F.array().cast("array<string>")
        return F.when(F.col(PART).isNotNull(), found)

    def on_axes(self, part: int, values: Sequence[float]) -> list[float]:
        """A point of a part with a value per axis."""
        found = [0.0] * len(self.columns)
        for axis, value in zip(self.axes[part], values, strict=True):
            found[axis] = value
        return found

    @cached_property
    def _features(self) -> list[list[Feature | None]]:
        known = [{feature.column: feature for feature in space.features} for space in self.spaces]
        return [[mine.get(name) for mine in known] for name in self.columns]

    def _coordinate(self, mine: Sequence[Feature | None]) -> Column:
        def of(value: Callable[[Feature], float | None], otherwise: float) -> Column:
            found = [None if feature is None else value(feature) for feature in mine]
            return by_part([otherwise if one is None else one for one in found], self.part)

        def end(value: Callable[[Feature], float | None], otherwise: float) -> Column | None:
            some = any(feature is not None and value(feature) is not None for feature in mine)
            return of(value, otherwise) if some else None

        first = next(feature for feature in mine if feature is not None)
        return placed(
            first.column,
            first.transform,
            (end(lambda feature: feature.low, -math.inf), end(lambda feature: feature.high, math.inf)),
            of(lambda feature: feature.fill, 0.0),
            (of(lambda feature: feature.mean, 0.0), of(lambda feature: feature.scale, 1.0)),
            of(lambda feature: math.sqrt(feature.weight), 0.0),
        )
