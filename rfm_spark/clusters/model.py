"""Fitting KMeans and assigning every customer to the nearest centre."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.clusters.features import FeatureSpace, cells
from rfm_spark.core.session import persisted

MAX_ITERATIONS = 200
RESTARTS = 3


@dataclass(frozen=True)
class ClusterModel:
    """Everything needed to assign customers.

    Attributes:
        version: of the model.
        space: how customers become points.
        centres: by cluster_id from 1, best customers first.
        names: by cluster_id from 1.
        inertia: sum of squared distances on the cells.
        trained_on: run whose customers it was trained on.
    """

    version: str
    space: FeatureSpace
    centres: tuple[tuple[float, ...], ...]
    names: tuple[str, ...]
    inertia: float
    trained_on: str

    def as_row(self) -> Mapping[str, object]:
        """The row of table `cluster_models`."""
        space, dimensions = self.space, len(self.space.columns)
        return {
            "model_version": self.version,
            "features": list(space.columns),
            "transforms": ["log1p"] * dimensions,
            "means": list(space.means),
            "scales": list(space.scales),
            "weights": [1.0] * dimensions,
            "centres": [list(centre) for centre in self.centres],
            "names": list(self.names),
            "k": len(self.centres),
            "origin": "mllib",
            "inertia": self.inertia,
            "trained_on": self.trained_on,
            "parent_version": None,
        }


def fit(customers: DataFrame, space: FeatureSpace, k: int, seed: int) -> tuple[tuple[tuple[float, ...], ...], float]:
    """MLlib KMeans on weighted cells; the same customers give bitwise the same centres from any layout.

    Args:
        customers: with the space's columns.
        space: of `feature_space`, with at least one column.
        k: clusters wanted; fewer come out when there are fewer distinct cells.
        seed: of the first start; the others count on from it.

    Returns:
        Centres, best customers first (low recency, high frequency and money), and the inertia on the cells.
    """
    from pyspark.ml.clustering import KMeans
    from pyspark.ml.functions import array_to_vector

    names = [f"x{i}" for i in range(1, len(space.columns) + 1)]
    # The initialisation draws by partition and row: one partition, sorted, so that it always draws the same.
    ordered = cells(customers, space).coalesce(1).sortWithinPartitions(*names)
    with persisted(ordered.select(array_to_vector(F.array(*names)).alias("features"), "weight")) as grid:
        distinct = grid.count()
        if distinct <= k:
            points = [tuple(float(x) for x in row["features"]) for row in grid.collect()]
            return _ordered(points, space), 0.0
        kmeans = KMeans(k=k, weightCol="weight", maxIter=MAX_ITERATIONS, solver="row")
        # One start in several ends in a poor optimum; the best of a few is kept, the first among equals.
        starts = [kmeans.copy({kmeans.seed: seed + i}) for i in range(RESTARTS)]
        # Each fit is a long row of tiny jobs on one partition: side by side they take little more than one.
        with ThreadPoolExecutor(max_workers=RESTARTS) as pool:
            models = list(pool.map(lambda start: start.fit(grid), starts))
        best = min(models, key=lambda model: float(model.summary.trainingCost))
        centres = [tuple(float(x) for x in centre) for centre in best.clusterCenters()]
        return _ordered(centres, space), float(best.summary.trainingCost)


def assigned(customers: DataFrame, model: ClusterModel) -> DataFrame:
    """Add the nearest cluster by native expressions.

    Args:
        customers: with the space's columns.
        model: centres and names.

    Returns:
        The frame with cluster_id INT, cluster_name STRING, cluster_distance and second_distance DOUBLE (Euclidean, in
        feature space; second_distance null for a single cluster) and model_version.
    """
    coordinates = {f"_x{i}": point for i, point in enumerate(model.space.coordinates())}
    placed = customers.withColumns(coordinates) if coordinates else customers
    squares = {f"_d{i}": _squared(centre) for i, centre in enumerate(model.centres, 1)}
    measured = placed.withColumns(squares)
    names = F.array(*(F.lit(name) for name in model.names))
    # Structs compare by distance first, then by id: a tie goes to the lower id.
    ranked = F.array_sort(
        F.array(*(F.struct(F.col(d).alias("d"), F.lit(i).alias("id")) for i, d in enumerate(squares, 1)))
    )
    best, second = F.get(F.col("_ranked"), F.lit(0)), F.get(F.col("_ranked"), F.lit(1))
    return (
        measured.withColumn("_ranked", ranked)
        .withColumns(
            {
                "cluster_id": best.getField("id"),
                "cluster_name": F.get(names, best.getField("id") - F.lit(1)),
                "cluster_distance": F.sqrt(best.getField("d")),
                "second_distance": F.sqrt(second.getField("d")),
                "model_version": F.lit(model.version),
            }
        )
        .drop("_ranked", *coordinates, *squares)
    )


def _squared(centre: tuple[float, ...]) -> Column:
    parts = [F.pow(F.col(f"_x{i}") - F.lit(value), F.lit(2.0)) for i, value in enumerate(centre)]
    return reduce(Column.__add__, parts, F.lit(0.0))


def _ordered(centres: list[tuple[float, ...]], space: FeatureSpace) -> tuple[tuple[float, ...], ...]:
    def worth(centre: tuple[float, ...]) -> tuple[float, tuple[float, ...]]:
        signs = [-1.0 if column == "recency_days" else 1.0 for column in space.columns]
        return -sum(sign * x for sign, x in zip(signs, centre, strict=True)), centre

    return tuple(sorted(centres, key=worth))
