"""Assigning every customer to the nearest centre by native expressions, and measuring the result on all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.scoped_space import ScopedSpace
from rfm_spark.capabilities.clusters.whole import WholeModel
from rfm_spark.core.parts import PART, by_part, with_part
from rfm_spark.core.stats import ExactSum

AnyModel = ClusterModel | WholeModel


@dataclass(frozen=True)
class Quality:
    """A model on all customers.

    Attributes:
        customers: how many.
        inertia: sum of squared distances to the nearest centre.
        silhouette: mean squared-Euclidean silhouette; None for fewer than two clusters with customers.
        spread: mean squared distance to the centre, per cluster; 0 where it has no customer.
        sizes: customers per cluster.
    """

    customers: int
    inertia: float
    silhouette: float | None
    spread: tuple[float, ...]
    sizes: tuple[int, ...] = ()


def assigned(customers: DataFrame, model: AnyModel) -> DataFrame:
    """Add the nearest cluster.

    Args:
        customers: with the columns of the model's features, and scope where it has parts.
        model: centres, ids and names. One with parts assigns the customers of a scope by the part of that scope, and
            nobody of a scope that none of its parts is for: the columns are null then.

    Returns:
        The frame with cluster_id INT, cluster_name STRING, cluster_distance and second_distance DOUBLE (Euclidean, in
        feature space; second_distance null for a single cluster), cluster_imputed ARRAY<STRING> (features whose value
        was missing) and model_version.
    """
    if isinstance(model, WholeModel):
        if model.is_parted:
            return _assigned_by_part(customers, model)
        (model,) = model.parts
    coordinates = {f"_x{i}": point for i, point in enumerate(model.space.coordinates())}
    squares = {f"_d{i}": _squared(centre) for i, centre in enumerate(model.centres)}
    at = F.col("_at")
    given = {
        "cluster_id": F.get(F.lit(list(model.ids)), at).cast("int"),
        "cluster_name": F.get(F.array(*(F.lit(name) for name in model.names)), at),
        "cluster_imputed": model.space.imputed(),
        "model_version": F.lit(model.version),
    }
    return _nearest(customers, coordinates, squares, given)


def _assigned_by_part(customers: DataFrame, model: WholeModel) -> DataFrame:
    space = ScopedSpace(tuple(part.space for part in model.parts))
    coordinates = {f"_x{i}": point for i, point in enumerate(space.coordinates())}
    squares = distances_by_part(space, [part.centres for part in model.parts])
    names = F.array(*(F.array(*(F.lit(name) for name in part.names)) for part in model.parts))
    most = max(part.k for part in model.parts)
    # One position of the nearest centre is another id in each part.
    ids = [by_part([part.ids[at] if at < part.k else 0 for part in model.parts]) for at in range(most)]
    given = {
        "cluster_id": F.coalesce(*(F.when(F.col("_at") == at, mine) for at, mine in enumerate(ids))).cast("int"),
        "cluster_name": F.get(F.get(names, F.col(PART)), F.col("_at")),
        "cluster_imputed": space.imputed(),
        "model_version": F.when(F.col(PART).isNotNull(), F.lit(model.version)),
    }
    return _nearest(with_part(customers, model.places), coordinates, squares, given).drop(PART)


def distances_by_part(space: ScopedSpace, centres: Sequence[Sequence[Sequence[float]]]) -> dict[str, Column]:
    """Squared distances to the centres of a customer's part, null beyond its last one, as `_d0` and so on.

    Args:
        space: of the parts, whose coordinates are in `_x0` and so on
        centres: of each part.
    """
    placed = [[space.on_axes(at, centre) for centre in mine] for at, mine in enumerate(centres)]
    nowhere = [0.0] * len(space.columns)
    found = {}
    for i in range(max(len(mine) for mine in placed)):
        here = [mine[i] if i < len(mine) else nowhere for mine in placed]
        squares = [_square(F.col(f"_x{axis}") - by_part([c[axis] for c in here])) for axis in range(len(nowhere))]
        is_there = by_part([float(i < len(mine)) for mine in placed]) > 0
        found[f"_d{i}"] = F.when(F.col(PART).isNotNull() & is_there, reduce(Column.__add__, squares, F.lit(0.0)))
    return found


def _nearest(
    customers: DataFrame, coordinates: Mapping[str, Column], squares: Mapping[str, Column], given: Mapping[str, Column]
) -> DataFrame:
    placed = customers.withColumns(dict(coordinates)) if coordinates else customers
    measured = placed.withColumns(dict(squares))
    # Doubles and comparisons only, since sorting an array of structs takes several times as long; the first of equal
    # distances is that of the lowest id.
    nearest = measured.withColumn("_d", F.array_min(F.array(*(F.col(d) for d in squares))))
    position = F.coalesce(*(F.when(F.col(d) == F.col("_d"), F.lit(i)) for i, d in enumerate(squares)))
    others = F.array_min(F.array(*(F.when(F.col("_at") != i, F.col(d)) for i, d in enumerate(squares))))
    return (
        nearest.withColumn("_at", position)
        .withColumns(
            {
                "cluster_id": given["cluster_id"],
                "cluster_name": given["cluster_name"],
                "cluster_distance": F.sqrt("_d"),
                "second_distance": F.sqrt(others),
                "cluster_imputed": given["cluster_imputed"],
                "model_version": given["model_version"],
            }
        )
        .drop("_at", "_d", *coordinates, *squares)
    )


def measured_on(customers: DataFrame, model: ClusterModel) -> Quality:
    """Inertia, silhouette and spread over all customers, in two passes of native expressions.

    The silhouette needs no pairs: the mean squared distance of x to the members of a cluster is |x − c|² plus the mean
    of |y − c|² over its members y, for c their mean.

    Args:
        customers: with the space's columns; read twice, so persisted.
        model: with at least one feature.
    """
    points = assigned(customers, model).select(
        "cluster_id",
        "cluster_distance",
        *(point.alias(f"x{i}") for i, point in enumerate(model.space.coordinates())),
    )
    axes = [f"x{i}" for i in range(len(model.space.features))]
    if not axes:
        count = customers.count()
        return Quality(count, 0.0, None, (0.0,) * model.k, (count,) * model.k)
    members = measured_clusters(points, axes)
    found = quality_of(model, members)
    if len(members) < 2:
        return found
    distances = {}
    for cluster, mine in members.items():
        away = reduce(Column.__add__, (_square(F.col(a) - F.lit(c)) for a, c in zip(axes, mine.centre, strict=True)))
        distances[cluster] = (away + F.lit(mine.within), mine.customers)
    score = ExactSum("score")
    summed = score.of(_silhouettes(points, distances).agg(*score.columns(F.col("score"))).collect()[0])
    return replace(found, silhouette=summed / found.customers)


@dataclass(frozen=True)
class Measured:
    """The customers of a cluster: how many, their squared distances, their mean, and their variance around it."""

    customers: int
    squares: float
    centre: tuple[float, ...]
    within: float


def measured_clusters(points: DataFrame, axes: Sequence[str]) -> dict[int, Measured]:
    """What each cluster with customers is like, from exact sums in one pass.

    Args:
        points: cluster_id, cluster_distance, and the axes.
        axes: columns with the coordinates, at least one.
    """
    squares, norms = ExactSum("squares"), ExactSum("norms")
    places = {axis: ExactSum(axis) for axis in axes}
    rows = (
        points.groupBy("cluster_id")
        .agg(
            F.count(F.lit(1)).alias("n"),
            *squares.columns(_square(F.col("cluster_distance"))),
            *norms.columns(reduce(Column.__add__, (_square(F.col(axis)) for axis in axes))),
            *(column for axis, place in places.items() for column in place.columns(F.col(axis))),
        )
        .collect()
    )
    found = {}
    for row in rows:
        n = int(row["n"])
        centre = tuple(place.of(row) / n for place in places.values())
        within = norms.of(row) / n - sum(c * c for c in centre)
        found[int(row["cluster_id"])] = Measured(n, squares.of(row), centre, max(within, 0.0))
    return found


def quality_of(model: ClusterModel, members: Mapping[int, Measured]) -> Quality:
    """The quality of a model, from its clusters with customers; the silhouette takes another pass."""
    mine = {cluster: members[cluster] for cluster in sorted(model.ids) if cluster in members}
    return Quality(
        customers=sum(one.customers for one in mine.values()),
        inertia=sum(one.squares for one in mine.values()),
        silhouette=None,
        spread=tuple(mine[i].squares / mine[i].customers if i in mine else 0.0 for i in model.ids),
        sizes=tuple(mine[i].customers if i in mine else 0 for i in model.ids),
    )


def _silhouettes(points: DataFrame, distances: dict[int, tuple[Column, int]]) -> DataFrame:
    """Column `score`, from the mean squared distance to each cluster and its size, step by step."""
    mine = F.col("cluster_id")
    measured = points.withColumns({f"_d{i}": distance for i, (distance, _) in distances.items()})
    # A customer is not compared with themselves; alone in their cluster they score 0.
    inside = F.coalesce(
        *(F.when(mine == i, F.col(f"_d{i}") * F.lit(n / (n - 1) if n > 1 else 0.0)) for i, (_, n) in distances.items())
    )
    outside = F.array_min(F.array(*(F.when(mine != i, F.col(f"_d{i}")) for i in distances)))
    alone = mine.isin([i for i, (_, n) in distances.items() if n == 1])
    larger = F.greatest("_inside", "_outside")
    score = F.when(alone | (larger == 0), F.lit(0.0)).otherwise((F.col("_outside") - F.col("_inside")) / larger)
    return measured.withColumns({"_inside": inside, "_outside": outside}).select(score.alias("score"))


def crossed_models(customers: DataFrame, first: AnyModel, second: AnyModel) -> dict[tuple[int, int], int]:
    """How many customers each pair of clusters of two models has, in one pass without a join.

    Args:
        customers: with the columns of both spaces.
        first: gives the first ids of the pairs.
        second: gives the second ones.
    """
    rows = _by_both(customers, first, second).groupBy("_first", "_second").count().collect()
    return {(row["_first"], row["_second"]): row["count"] for row in rows}


def crossed_since(
    before: DataFrame,
    customers: DataFrame,
    first: AnyModel,
    second: AnyModel,
    within: Mapping[int, str] | None = None,
) -> tuple[dict[tuple[int, int], int], dict[int, float]]:
    """The same of those only who were customers before, and how many of these there still are.

    Both models assign today's customers: where one was before tells how they moved, not how the models differ.

    Args:
        before: customer_id, cluster_id of an earlier date, under the ids of `first`.
        customers: customer_id and the columns of both spaces.
        first: gives the first ids of the pairs.
        second: gives the second ones.
        within: scope by id of `first`: who is in another scope now than before is no longer there. None for one scope.

    Returns:
        Counts per pair of ids, and per earlier id the share of its customers who are still there.
    """
    known = before.where(F.col("cluster_id").isNotNull()).select("customer_id", F.col("cluster_id").alias("_was"))
    now = _by_both(customers, first, second).select("customer_id", "_first", "_second")
    rows = known.join(now, "customer_id", "left").groupBy("_was", "_first", "_second").count().collect()
    counts: dict[tuple[int, int], int] = {}
    there: dict[int, int] = {}
    earlier: dict[int, int] = {}
    for row in rows:
        was, customers_here = row["_was"], int(row["count"])
        earlier[was] = earlier.get(was, 0) + customers_here
        is_there = within is None or within.get(was) == within.get(row["_first"])
        if row["_first"] is not None and is_there:
            pair = row["_first"], row["_second"]
            counts[pair] = counts.get(pair, 0) + customers_here
            there[was] = there.get(was, 0) + customers_here
    return counts, {was: there.get(was, 0) / n for was, n in earlier.items()}


def _by_both(customers: DataFrame, first: AnyModel, second: AnyModel) -> DataFrame:
    by_first = assigned(customers, first).withColumn("_first", F.col("cluster_id"))
    return assigned(by_first, second).withColumnRenamed("cluster_id", "_second")


def _squared(centre: tuple[float, ...]) -> Column:
    return reduce(Column.__add__, (_square(F.col(f"_x{i}") - F.lit(x)) for i, x in enumerate(centre)), F.lit(0.0))


def _square(value: Column) -> Column:
    return value * value
