"""Clusters: the same centres from any layout, the nearest centre for everyone, profiles as pandas counts them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.clusters.features import FeatureSpace, cells, feature_space, feature_values
from rfm_spark.clusters.model import ClusterModel, assigned, fit
from rfm_spark.clusters.profiles import cluster_names, cluster_profiles
from rfm_spark.core.stats import exact_moments

# Without type stubs, so not by an import statement.
KMeans = importlib.import_module("sklearn.cluster").KMeans

FEATURES = ("recency_days", "frequency", "monetary")
SCHEMA = "customer_id INT, recency_days INT, frequency BIGINT, monetary DECIMAL(18,2)"
K = 5
Points = NDArray[np.float64]
Row = tuple[int, int, int, Decimal]


def sample(n: int = 2000) -> list[Row]:
    """Customers of five kinds, a few with money below zero."""
    rng = np.random.default_rng(2024)
    kind = rng.integers(0, 5, n)
    recency = np.array([5, 40, 150, 300, 20])[kind] * rng.lognormal(0, 0.5, n)
    frequency = 1 + rng.poisson(np.array([30, 8, 2, 1, 1])[kind])
    money = frequency * rng.lognormal(np.array([3, 4, 3, 2, 5])[kind], 0.4) - 3
    rows = zip(recency, frequency, money, strict=True)
    return [(i, int(r), int(f), Decimal(str(round(float(m), 2)))) for i, (r, f, m) in enumerate(rows)]


def standardised(rows: list[Row]) -> Points:
    values = np.array([[float(x) for x in row[1:]] for row in rows])
    logged = np.log1p(np.maximum(values, 0))
    shown: Points = (logged - logged.mean(axis=0)) / logged.std(axis=0)
    return shown


def squared_distances(points: Points, centres: tuple[tuple[float, ...], ...]) -> Points:
    found: Points = ((points[:, None, :] - np.array(centres)[None, :, :]) ** 2).sum(axis=2)
    return found


def space_of(frame: DataFrame) -> FeatureSpace:
    return feature_space(exact_moments(frame, feature_values(FEATURES)), FEATURES)


def model_of(space: FeatureSpace, centres: tuple[tuple[float, ...], ...], inertia: float = 0.0) -> ClusterModel:
    return ClusterModel("v1", space, centres, cluster_names(centres, space), inertia, "run")


@dataclass(frozen=True)
class World:
    rows: list[Row]
    frame: DataFrame
    model: ClusterModel


@pytest.fixture(scope="module")
def world(session: SparkSession) -> World:
    rows = sample()
    frame = session.createDataFrame(rows, SCHEMA)
    space = space_of(frame)
    return World(rows, frame, model_of(space, *fit(frame, space, K, 42)))


def test_features_are_standardised_logs(spark: SparkSession, world: World) -> None:
    space = world.model.space
    logged = np.log1p(np.maximum([[float(x) for x in row[1:]] for row in world.rows], 0))
    assert (space.columns, space.dropped) == (FEATURES, ())
    assert space.means == pytest.approx(tuple(logged.mean(axis=0)), abs=1e-8)
    assert space.scales == pytest.approx(tuple(logged.std(axis=0)), abs=1e-8)
    points = world.frame.orderBy("customer_id").select(*space.coordinates()).toPandas().to_numpy()
    assert np.abs(points - standardised(world.rows)).max() < 1e-7


def test_cells_weigh_every_customer_once(spark: SparkSession, world: World) -> None:
    grid = cells(world.frame, world.model.space).toPandas()
    points = standardised(world.rows)
    assert 100 < len(grid) < len(world.rows)
    assert grid.weight.sum() == len(world.rows)
    centre = (grid[["x1", "x2", "x3"]].to_numpy() * grid[["weight"]].to_numpy()).sum(axis=0) / len(world.rows)
    assert centre == pytest.approx(points.mean(axis=0), abs=1e-6)


def test_the_same_customers_give_bitwise_the_same_centres_from_any_layout(spark: SparkSession, world: World) -> None:
    for layout in (world.frame.repartition(1), world.frame.orderBy(F.rand(5)).repartition(7)):
        space = space_of(layout)
        assert space == world.model.space
        assert fit(layout, space, K, 42) == (world.model.centres, world.model.inertia)


def test_inertia_is_near_the_best_that_scikit_learn_finds(spark: SparkSession, world: World) -> None:
    points = standardised(world.rows)
    best = KMeans(K, n_init=20, random_state=0).fit(points).inertia_
    ours = squared_distances(points, world.model.centres).min(axis=1).sum()
    assert len(world.model.centres) == K
    assert ours <= 1.05 * best
    # Cells leave out only what lies inside them.
    assert world.model.inertia == pytest.approx(ours, rel=0.02)


def test_everyone_is_assigned_to_the_nearest_centre(spark: SparkSession, world: World) -> None:
    table = assigned(world.frame, world.model).orderBy("customer_id").toPandas()
    assert list(table.columns) == [
        "customer_id", *FEATURES, "cluster_id", "cluster_name", "cluster_distance", "second_distance", "model_version",
    ]  # fmt: skip
    distances = np.sqrt(squared_distances(standardised(world.rows), world.model.centres))
    assert (table.cluster_id == distances.argmin(axis=1) + 1).all()
    ordered = np.sort(distances, axis=1)
    assert np.abs(table.cluster_distance - ordered[:, 0]).max() < 1e-6
    assert np.abs(table.second_distance - ordered[:, 1]).max() < 1e-6
    assert (table.cluster_name == [world.model.names[i - 1] for i in table.cluster_id]).all()
    assert set(table.cluster_id) == set(range(1, K + 1))


def test_better_customers_have_lower_ids_and_names_are_unique(world: World) -> None:
    worth = [-recency + frequency + money for recency, frequency, money in world.model.centres]
    assert worth == sorted(worth, reverse=True)
    assert len(set(world.model.names)) == K
    space = FeatureSpace(FEATURES, (0.0,) * 3, (1.0,) * 3)
    alike = ((-2.0, 1.0, 1.0), (-2.1, 1.1, 1.1), (0.0, 0.0, 0.0), (-2.2, 1.2, 1.2), (0.1, 0.0, 0.0))
    names = cluster_names(alike, space)
    assert len(set(names)) == 5
    assert all("very recent" in names[i] for i in (0, 1, 3))
    assert all("average" in names[i] for i in (2, 4))


def test_a_constant_feature_is_dropped_and_named(spark: SparkSession) -> None:
    rows = [(i, i % 50, 1, Decimal(i)) for i in range(100)]
    frame = spark.createDataFrame(rows, SCHEMA)
    space = space_of(frame)
    assert (space.columns, space.dropped) == (("recency_days", "monetary"), ("frequency",))
    centres, _ = fit(frame, space, 3, 42)
    assert {len(centre) for centre in centres} == {2}


def test_fewer_distinct_customers_than_k_are_their_own_clusters(spark: SparkSession) -> None:
    kinds = [(1, 20, Decimal(900)), (100, 2, Decimal(50)), (300, 1, Decimal(10))]
    frame = spark.createDataFrame([(i, *kinds[i % 3]) for i in range(30)], SCHEMA)
    space = space_of(frame)
    centres, inertia = fit(frame, space, K, 42)
    assert (len(centres), inertia) == (3, 0.0)
    table = assigned(frame, model_of(space, centres)).toPandas()
    assert table.cluster_distance.max() < 1e-6
    assert [set(table[table.customer_id % 3 == kind].cluster_id) for kind in range(3)] == [{1}, {2}, {3}]


def test_customers_without_any_difference_are_one_cluster(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(i, 3, 2, Decimal(5)) for i in range(4)], SCHEMA)
    space = space_of(frame)
    assert (space.columns, space.dropped) == ((), FEATURES)
    table = assigned(frame, model_of(space, ((),))).toPandas()
    assert set(table.cluster_id) == {1}
    assert set(table.cluster_distance) == {0.0}
    assert table.second_distance.isna().all()


def test_a_customer_between_two_centres_goes_to_the_lower_id(spark: SparkSession) -> None:
    space = FeatureSpace(("frequency",), (0.0,), (1.0,))
    frame = spark.createDataFrame([(1, 0, 0, Decimal(0))], SCHEMA)
    row = assigned(frame, model_of(space, ((2.0,), (1.0,), (-1.0,)))).collect()[0]
    assert (row["cluster_id"], row["cluster_distance"], row["second_distance"]) == (2, 1.0, 1.0)


def test_profiles_are_those_of_pandas(spark: SparkSession, world: World) -> None:
    frame = assigned(world.frame, world.model).persist()
    raw = frame.toPandas().astype({"monetary": float})
    profiles = cluster_profiles(frame, world.model.centres, world.model.space).toPandas().set_index("cluster_id")
    assert sorted(profiles.index) == sorted(raw.cluster_id.unique())
    assert profiles.share.sum() == pytest.approx(1)
    for cluster, group in raw.groupby("cluster_id"):
        row = profiles.loc[cluster]
        assert (row["name"], row.customers) == (group.cluster_name.iloc[0], len(group))
        assert float(row.revenue) == pytest.approx(group.monetary.sum(), abs=1e-6)
        assert row.share == pytest.approx(len(group) / len(raw))
        assert row.revenue_share == pytest.approx(group.monetary.sum() / raw.monetary.sum())
        for column, name in zip(FEATURES, ("recency", "frequency", "monetary"), strict=True):
            assert row[f"mean_{name}"] == pytest.approx(group[column].mean())
            assert row[f"median_{name}"] == np.quantile(group[column], 0.5, method="inverted_cdf")
    assert isinstance(profiles, pd.DataFrame)
    assert profiles.insight.str.len().min() > 20
