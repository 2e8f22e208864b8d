"""A model with parts measured on the customers of all its scopes, in the passes that one scope takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.assign import Measured, Quality, assigned, measured_clusters, quality_of
from rfm_spark.capabilities.clusters.scoped_space import ScopedSpace
from rfm_spark.capabilities.clusters.whole import WholeModel
from rfm_spark.core.parts import PART, by_part, with_part
from rfm_spark.core.stats import ExactSum


def measured_parts(customers: DataFrame, model: WholeModel) -> list[Quality]:
    """Of each part what `assign.measured_on` finds for the customers of its scope alone.

    Args:
        customers: with scope, all of them among those of the parts, and the columns of the model; read twice.
        model: with parts.
    """
    space = ScopedSpace(tuple(part.space for part in model.parts))
    placed = with_part(assigned(customers, model), model.places)
    axes = [f"x{axis}" for axis in range(len(space.columns))]
    if not axes:
        # Nobody differs from anybody: one cluster each.
        axes, coordinates = ["x0"], [F.lit(0.0)]
    else:
        coordinates = space.coordinates()
    points = placed.select(
        PART, "cluster_id", "cluster_distance", *(c.alias(name) for name, c in zip(axes, coordinates, strict=True))
    )
    members = measured_clusters(points, axes)
    found = [quality_of(part, members) for part in model.parts]
    several = [at for at, part in enumerate(model.parts) if sum(i in members for i in part.ids) > 1]
    if not several:
        return found
    score = ExactSum("score")
    scored = _silhouettes(points.where(F.col(PART).isin(several)), model, members, axes)
    summed = {row[PART]: score.of(row) for row in scored.groupBy(PART).agg(*score.columns(F.col("score"))).collect()}
    return [
        replace(one, silhouette=summed[at] / one.customers) if at in summed else one for at, one in enumerate(found)
    ]


def _silhouettes(
    points: DataFrame, model: WholeModel, members: Mapping[int, Measured], axes: Sequence[str]
) -> DataFrame:
    """The part and `score`, as for one scope alone, of clusters by their place among those of the part."""
    parts = [[i for i in part.ids if i in members] for part in model.parts]
    nobody = Measured(0, 0.0, (0.0,) * len(axes), 0.0)
    places = [[members[mine[at]] if at < len(mine) else nobody for mine in parts] for at in range(max(map(len, parts)))]
    ids = [by_part([mine[at] if at < len(mine) else -1 for mine in parts]) for at in range(len(places))]
    mine, distances, inside, outside = F.col("cluster_id"), dict[str, Column](), list[Column](), list[Column]()
    for at, here in enumerate(places):
        squares = []
        for axis, name in enumerate(axes):
            away = F.col(name) - by_part([one.centre[axis] for one in here])
            squares.append(away * away)
        distance = reduce(Column.__add__, squares) + by_part([one.within for one in here])
        distances[f"_d{at}"] = F.when(by_part([one.customers for one in here]) > 0, distance)
        # A customer is not compared with themselves; alone in their cluster they score 0.
        others = [one.customers / (one.customers - 1) if one.customers > 1 else 0.0 for one in here]
        inside.append(F.when(mine == ids[at], F.col(f"_d{at}") * by_part(others)))
        outside.append(F.when(mine != ids[at], F.col(f"_d{at}")))
    alone = mine.isin([cluster for cluster, one in members.items() if one.customers == 1])
    larger = F.greatest("_inside", "_outside")
    score = F.when(alone | (larger == 0), F.lit(0.0)).otherwise((F.col("_outside") - F.col("_inside")) / larger)
    measured = points.withColumns(distances)
    judged = measured.withColumns({"_inside": F.coalesce(*inside), "_outside": F.array_min(F.array(*outside))})
    return judged.select(PART, score.alias("score"))
