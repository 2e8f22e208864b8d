"""Models with a part for each scope: every part is bitwise what its scope alone would get."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters import cells as cells_module
from rfm_spark.capabilities.clusters.assign import assigned
from rfm_spark.capabilities.clusters.cells import DRAWN, GRID, customer_cells
from rfm_spark.capabilities.clusters.driver import squared_distances
from rfm_spark.capabilities.clusters.features import Feature, FeatureSpace
from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.refit import check_champion, check_whole
from rfm_spark.capabilities.clusters.scoped_cells import cells_by_scope
from rfm_spark.capabilities.clusters.scoping import Scoping, scope_sizes
from rfm_spark.capabilities.clusters.train import train
from rfm_spark.capabilities.clusters.train_scopes import WholeTraining, train_whole
from rfm_spark.capabilities.clusters.whole import WholeModel
from tests.clusters.worlds import STAMP, as_frame, config, islands, kinds, model_of, table

# Who is in which scope: two of different customers, one of others all alike but in recency, one with three customers.
SIZES = {"DE": 700, "FR": 400, "IT": 150, "LI": 3}


def people() -> pd.DataFrame:
    """Customers of the scopes, each in a world of its own."""
    flat = table(range(1, 151), [4] * 150, [10.0] * 150)
    worlds = [islands(3, 700, 1)[0], kinds(400, 5), flat, kinds(3, 6)]
    made = pd.concat(worlds, ignore_index=True)
    made["customer_id"] = [f"c{i:06d}" for i in range(len(made))]
    made["scope"] = np.repeat(list(SIZES), list(SIZES.values()))
    return made


def frame_of(spark: SparkSession, customers: pd.DataFrame) -> DataFrame:
    scopes = spark.createDataFrame(customers[["customer_id", "scope"]])
    joined = as_frame(spark, customers.drop(columns="scope")).join(scopes, "customer_id")
    return joined.localCheckpoint()


def alike(model: ClusterModel) -> ClusterModel:
    """A model without what tells whose it is, and with ids from 1."""
    ids = tuple(range(1, model.k + 1))
    return replace(model, ids=ids, last_id=model.k, scope="all", also_of=(), parent_version=None)


def whole(frame: DataFrame, smallest: int = 50, **given: Any) -> WholeTraining:
    return train_whole(frame, config(**given), STAMP, Scoping(scope_sizes(frame), smallest))


FEATURES: dict[str, dict[str, Any]] = {
    "defaults": {"k_range": [2, 5]},
    "clipped": {
        "k": 3,
        "features": [
            "frequency",
            {"column": "monetary", "winsorise": [0.01, 0.95], "transform": "none", "weight": 2, "missing": "median"},
            "recency_days",
        ],
    },
}


@pytest.mark.parametrize("features", FEATURES)
def test_each_part_is_bitwise_the_model_of_its_scope_alone(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, features: str
) -> None:
    # Several customers to a cell, whose width is chosen on a sample.
    monkeypatch.setattr(cells_module, "MAX_CELLS", 250)
    monkeypatch.setattr(cells_module, "SAMPLE", 300)
    frame = frame_of(spark, people())
    made = whole(frame, **FEATURES[features])
    assert made.model is not None
    assert [part.scope for part in made.model.parts] == ["DE", "FR", "IT", "all"]
    assert made.model.parts[-1].also_of == ("LI",)
    for part in made.parts:
        mine = frame if part.model.scope == "all" else frame.where(F.col("scope") == part.model.scope)
        alone = train(mine, config(**FEATURES[features]), STAMP)
        assert alike(part.model) == alone.model, part.model.scope
        assert [row.inertia for row in part.scan] == [row.inertia for row in alone.scan]
        both = assigned(mine, alone.model).select("customer_id", F.col("cluster_id").alias("other"), "cluster_distance")
        ours = assigned(mine.withColumn("scope", F.lit(part.model.scope)), made.model)
        placed = ours.join(both, ["customer_id", "cluster_distance"]).toPandas()
        assert len(placed) == part.model.customers
        assert (placed["cluster_id"] - placed["other"] == part.model.ids[0] - 1).all()
    ids = made.model.ids
    assert ids == tuple(range(1, made.model.k + 1))
    assert {part.last_id for part in made.model.parts} == {len(ids)}
    assert "monetary" in " ".join(made.warnings)
    assert "of IT: " in " ".join(made.warnings)
    assert any("are put into clusters of all customers: LI (3)" in warning for warning in made.warnings)


def test_customers_drawn_are_those_of_the_scope_alone(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells_module, "MAX_CELLS", 250)
    axes = [f"x{i}" for i in range(8)]
    frame = spark.range(1_200).select(
        F.col("id").cast("string").alias("customer_id"),
        F.when(F.col("id") < 900, "A").otherwise("B").alias("scope"),
        *(F.randn(10 + i).alias(name) for i, name in enumerate(axes)),
    ).localCheckpoint()  # fmt: skip
    spaces = {
        scope: FeatureSpace(tuple(Feature(name, "none", None, None, 0.0, 0.0, 1.0) for name in names))
        for scope, names in (("A", axes), ("B", axes[2:4]))
    }
    kinds_of = {}
    for scope, cells in cells_by_scope(frame, spaces, scope_sizes(frame)):
        kinds_of[scope] = cells.kind
        with customer_cells(frame.where(F.col("scope") == scope), spaces[scope]) as alone:
            assert (cells.width, cells.kind) == (alone.width, alone.kind)
            assert cells.points.tobytes() == np.ascontiguousarray(alone.points).tobytes()
            assert cells.weights.tobytes() == alone.weights.tobytes()
            assert [row["features"] for row in cells.frame.collect()] == [
                row["features"] for row in alone.frame.collect()
            ]
    assert kinds_of == {"A": DRAWN, "B": GRID}


def test_customers_go_to_the_nearest_centre_of_their_own_scope(spark: SparkSession) -> None:
    customers = people()
    frame = frame_of(spark, customers)
    draws = np.random.default_rng(3)
    spaces: dict[str, list[tuple[Any, ...]]] = {
        "DE": [
            ("frequency", "none", None, 20.0, 0.0, 3.0, 2.0, 4.0),
            ("recency_days", "log1p", 1.0, None, 0.5, 2, 1.5),
        ],
        "FR": [("recency_days", "log1p", None, None, 0.0, 1.0, 0.5)],
        "all": [("frequency", "none", None, None, 0.0, 5.0, 9.0), ("monetary", "log1p", None, None, 1.0, 3.0, 2.0)],
    }
    parts, first = [], 1
    for scope, k in (("DE", 3), ("FR", 5), ("all", 2)):
        space = FeatureSpace(tuple(Feature(*one) for one in spaces[scope]))
        centres = draws.normal(size=(k, len(space.columns)))
        part = model_of(space, centres)
        ids = tuple(range(first, first + k))
        parts.append(replace(part, ids=ids, scope=scope, also_of=("LI",) if scope == "all" else ()))
        first += k
    model = WholeModel(tuple(parts))
    found = assigned(frame, model).toPandas().set_index("customer_id")
    by_scope = {"DE": parts[0], "FR": parts[1], "LI": parts[2]}
    for scope, part in by_scope.items():
        mine = customers[customers["scope"] == scope]
        points = np.column_stack([_placed(mine, feature) for feature in part.space.features])
        distances = np.sqrt(squared_distances(points, np.array(part.centres)))
        theirs = found.loc[mine["customer_id"]]
        nearest = distances.argmin(axis=1)
        assert (theirs["cluster_id"] == np.array(part.ids)[nearest]).all()
        assert (theirs["cluster_name"] == np.array(part.names)[nearest]).all()
        assert theirs["cluster_distance"].to_numpy(float) == pytest.approx(distances.min(axis=1), rel=1e-9)
        assert theirs["second_distance"].to_numpy(float) == pytest.approx(np.sort(distances)[:, 1], rel=1e-9)
    strangers = found.loc[customers[customers["scope"] == "IT"]["customer_id"]]
    given = ["cluster_id", "cluster_name", "cluster_distance", "second_distance", "cluster_imputed", "model_version"]
    assert strangers[given].isna().all().all()
    again = WholeModel.from_rows([part.as_row() for part in reversed(model.parts)])
    assert again == model


def _placed(customers: pd.DataFrame, feature: Feature) -> Any:
    raw = customers[feature.column].to_numpy(dtype=float)
    value = np.log1p(np.maximum(raw, 0)) if feature.transform == "log1p" else raw
    clipped = np.clip(value, -np.inf if feature.low is None else feature.low, feature.high)
    return (clipped - feature.mean) / feature.scale * np.sqrt(feature.weight)


def test_parts_are_checked_as_champions_of_their_scope(spark: SparkSession) -> None:
    frame = frame_of(spark, people())
    made = whole(frame, k=3)
    assert made.model is not None
    dearer = F.when((F.col("scope") == "FR") & (F.col("recency_days") < 40), F.col("monetary") * 9)
    moved = frame.withColumn("monetary", F.coalesce(dearer, "monetary")).localCheckpoint()
    found = {check.scope: check for check in check_whole(moved, made.model, scope_sizes(moved), 42)}
    assert set(found) == {"DE", "FR", "IT", "all"}
    for scope in ("DE", "FR"):
        part = made.model.part(scope)
        assert part is not None
        assert found[scope] == check_champion(moved.where(F.col("scope") == scope), part, 42)
    assert found["FR"].regret > 0.02 > found["DE"].regret


def test_ids_live_on_within_their_scope(spark: SparkSession) -> None:
    frame = frame_of(spark, people())
    first = whole(frame, k=3).model
    assert first is not None
    labels = assigned(frame, first).select("customer_id", "cluster_id").localCheckpoint()
    # FR has become small, LI has grown large, and one of three in DE is new to it.
    scope = F.col("scope")
    later = frame.withColumn(
        "scope",
        F.when((scope == "FR") & (F.col("customer_id") >= "c000710"), F.lit("LI"))
        .when((scope == "IT") & (F.col("recency_days") <= 10), F.lit("DE"))
        .otherwise(scope),
    ).localCheckpoint()
    made = train_whole(later, config(k=3), replace(STAMP, version="v2"), Scoping(scope_sizes(later), 50), first, labels)
    assert made.model is not None
    before, now = first.part("DE"), made.model.part("DE")
    assert before is not None
    assert now is not None
    assert (now.ids, now.names) == (before.ids, before.names)
    grown = made.model.part("LI")
    assert grown is not None
    assert min(grown.ids) > first.last_id
    assert made.model.part("FR") is None
    fr = first.part("FR")
    assert fr is not None
    assert [event.old_ids for event in made.gone["FR"]] == [(cluster,) for cluster in fr.ids]
    assert len(set(made.model.ids)) == made.model.k
    assert made.model.parent_version == first.version
    assert made.model.places["FR"] == made.model.places["all"]
