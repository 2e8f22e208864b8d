"""Clusters in runs: the champion stays, a worse one is challenged, a refit keeps ids, old runs can be scored again."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.assign import assigned
from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.models import Decision, ModelRow, Models, champion_of
from rfm_spark.capabilities.clusters.names import insight
from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.runs import RunRow
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from tests.effort import only_in_full
from tests.helpers import AS_OF, Stages, config_for, purchases, run_tiny, write_source

DAY = timedelta(days=1)
ON = {"enabled": True, "k": 3}


def settings(folder: Path, **clusters: object) -> Config:
    return config_for(folder, clusters={**ON, **clusters}, quality={"max_staleness_days": None})


@pytest.fixture(scope="module")
def world(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Runs of three days: trained, kept, refitted on demand."""
    folder = tmp_path_factory.mktemp("clusters")
    write_source(session, folder / "source", purchases(40))
    config = settings(folder)
    ids = [run_tiny(session, config, AS_OF).run_id, run_tiny(session, config, AS_OF + DAY).run_id]
    ids.append(run_tiny(session, config, AS_OF + 2 * DAY, refit=True).run_id)
    return folder, ids


def versions(spark: SparkSession, folder: Path) -> dict[str, str | None]:
    runs = Ledger(Store(spark, LakeLocation(root=str(folder / "lake")))).complete()
    return {run.run_id: run.model_version for run in runs}


def test_the_champion_assigns_later_runs_until_a_refit(spark: SparkSession, world: tuple[Path, list[str]]) -> None:
    folder, (first, second, third) = world
    found = versions(spark, folder)
    assert (found[first], found[second], found[third]) == (first, first, third)
    location = LakeLocation(root=str(folder / "lake"))
    kept = Models(Store(spark, location), "tiny").get(third)
    assert kept.parent_version == first
    scanned = {row["run_id"] for row in Store(spark, location).read("cluster_scan").select("run_id").collect()}
    assert first in scanned
    assert third in scanned


def test_the_lineage_is_how_both_models_divide_the_customers_of_the_day(
    spark: SparkSession, world: tuple[Path, list[str]]
) -> None:
    folder, (first, _, third) = world
    location = LakeLocation(root=str(folder / "lake"))
    store = Store(spark, location)
    now = of_run(spark, location, "segments", third)
    parent = ClusterModel.from_row(Models(store, "tiny").get(first).row)
    by_parent = assigned(now.select("customer_id", *parent.space.columns), parent).toPandas()
    by_refit = now.toPandas().set_index("customer_id")["cluster_id"].reindex(by_parent["customer_id"])
    common = pd.crosstab(by_parent["cluster_id"].to_numpy(), by_refit.to_numpy())
    events = store.read("cluster_lineage").where(F.col("model_version") == third).orderBy("old_ids").collect()
    assert {row["parent_version"] for row in events} == {first}
    assert [(row["event"], row["old_ids"], row["new_ids"]) for row in events] == [
        ("survived", [i], [i]) for i in parent.ids
    ]
    for row in events:
        (i,) = row["old_ids"]
        both = common.loc[i, i]
        assert row["overlap"] == both / (common.loc[i].sum() + common[i].sum() - both)


def test_repeats_are_no_ops_also_of_the_run_that_trained(spark: SparkSession, world: tuple[Path, list[str]]) -> None:
    folder, ids = world
    config = settings(folder)
    for at, run_id in enumerate(ids):
        again = run_tiny(spark, config, AS_OF + at * DAY, refit=at == 2)
        assert (again.run_id, again.repeated) == (run_id, True)


def test_stored_models_score_published_runs_again_exactly(spark: SparkSession, world: tuple[Path, list[str]]) -> None:
    folder, ids = world
    location = LakeLocation(root=str(folder / "lake"))
    models = Models(Store(spark, location), "tiny")
    columns = ["customer_id", "cluster_id", "cluster_name", "cluster_distance", "second_distance", "model_version"]
    for run_id, version in versions(spark, folder).items():
        assert version is not None
        published = of_run(spark, location, "segments", run_id)
        model = ClusterModel.from_row(models.get(version).row)
        bare = published.drop(*columns[1:], "cluster_imputed")
        again = assigned(bare, model).select(columns)
        assert again.exceptAll(published.select(columns)).count() == 0
        assert published.count() == 40
    assert len(ids) == 3


def test_profiles_reconcile_with_segments(spark: SparkSession, world: tuple[Path, list[str]]) -> None:
    folder, ids = world
    location = LakeLocation(root=str(folder / "lake"))
    segments = of_run(spark, location, "segments", ids[0]).toPandas()
    profiles = of_run(spark, location, "cluster_profiles", ids[0]).toPandas().set_index("cluster_id")
    assert set(profiles.index) == set(segments["cluster_id"])
    assert profiles["share"].sum() == pytest.approx(1)
    logged = np.log1p(segments[["recency_days", "frequency", "monetary"]].astype(float).clip(lower=0))
    z = (logged - logged.mean()) / logged.std(ddof=0)
    for cluster, group in segments.groupby("cluster_id"):
        row = profiles.loc[cluster]
        assert (row["customers"], row["revenue"]) == (len(group), group["monetary"].sum())
        assert dict(row["segments"]) == group["segment"].value_counts().to_dict()
        share, revenue_share = len(group) / len(segments), row["revenue"] / segments["monetary"].sum()
        assert row["share"] == share
        assert row["revenue_share"] == pytest.approx(float(revenue_share))
        mine = z.loc[group.index].mean()
        assert {f["feature"]: f["z"] for f in row["features"]} == pytest.approx(mine.to_dict(), abs=1e-6)
        assert row["insight"] == insight(mine.to_dict(), share, float(revenue_share))
        for name, column in (("recency", "recency_days"), ("frequency", "frequency"), ("monetary", "monetary")):
            assert row[f"mean_{name}"] == pytest.approx(float(group[column].astype(float).mean()))
            assert row[f"median_{name}"] == sorted(group[column].astype(float))[-(-len(group) // 2) - 1]
        nearest = group.sort_values(["cluster_distance", "customer_id"])["customer_id"].head(3)
        assert list(row["medoids"]) == list(nearest)
        for feature in row["features"]:
            values = group[feature["feature"]].astype(float)
            assert feature["mean"] == pytest.approx(values.mean())
            ordered = sorted(values)
            assert feature["median"] == ordered[-(-len(ordered) // 2) - 1]
            assert feature["q1"] == ordered[-(-len(ordered) // 4) - 1]
            assert feature["q3"] == ordered[-(-3 * len(ordered) // 4) - 1]


@only_in_full
def test_another_configuration_trains_a_new_model_that_inherits(spark: SparkSession, tmp_path: Path) -> None:
    write_source(spark, tmp_path / "source", purchases(40))
    first = run_tiny(spark, settings(tmp_path), AS_OF)
    features = ["recency_days", "frequency", {"column": "monetary", "weight": 2}, "r_pct"]
    second = run_tiny(spark, settings(tmp_path, features=features), AS_OF + DAY)
    models = Models(Store(spark, LakeLocation(root=str(tmp_path / "lake"))), "tiny")
    model = models.get(second.run_id)
    assert model.parent_version == first.run_id
    assert model.row["features"] == ["recency_days", "frequency", "monetary", "r_pct"]
    assert model.row["transforms"] == ["log1p", "log1p", "log1p", "none"]
    assert set(model.row["cluster_ids"]) & set(models.get(first.run_id).row["cluster_ids"])


@only_in_full
def test_a_champion_far_from_todays_customers_is_challenged_not_replaced(spark: SparkSession, tmp_path: Path) -> None:
    write_source(spark, tmp_path / "source", purchases(40))
    config = settings(tmp_path)
    first = run_tiny(spark, config, AS_OF)
    later = run_tiny(spark, config, AS_OF + timedelta(days=150))
    challenger = f"{later.run_id}-challenger"
    assert versions(spark, tmp_path)[later.run_id] == first.run_id
    told = " ".join(later.warnings)
    assert f"a refit of model {first.run_id}, with as many clusters, would lie" in told
    assert f"{challenger} was trained, k = 3 (3 before): " in told
    models = Models(Store(spark, LakeLocation(root=str(tmp_path / "lake"))), "tiny")
    assert models.get(challenger).parent_version == first.run_id
    # The next night there is one already.
    next_one = run_tiny(spark, config, AS_OF + timedelta(days=151))
    assert f"{challenger} waits to be promoted" in " ".join(next_one.warnings)
    models.decide("promote", challenger, AS_OF + timedelta(days=152), datetime(2025, 1, 1, tzinfo=timezone.utc))
    promoted = run_tiny(spark, config, AS_OF + timedelta(days=152))
    found = versions(spark, tmp_path)
    assert found[promoted.run_id] == challenger
    assert found[next_one.run_id] == first.run_id
    assert run_tiny(spark, config, AS_OF + timedelta(days=151)).repeated


@only_in_full
def test_a_run_that_died_after_training_is_healed_with_the_same_ids(spark: SparkSession, tmp_path: Path) -> None:
    write_source(spark, tmp_path / "source", purchases(40))
    config = settings(tmp_path)
    with pytest.raises(RuntimeError, match="stopped"):
        run_tiny(spark, config, progress=Stages(fail_at="Changes"))
    done = run_tiny(spark, config)
    store = Store(spark, LakeLocation(root=str(tmp_path / "lake")))
    kept = Models(store, "tiny").all()
    assert [(model.version, model.row["cluster_ids"]) for model in kept] == [(done.run_id, [1, 2, 3])]
    used = store.read("segments").where(F.col("run_id") == done.run_id).select("cluster_id").distinct()
    assert {row["cluster_id"] for row in used.collect()} == {1, 2, 3}
    # Done again on purpose, the clusters are the same ones.
    forced = run_tiny(spark, config, force=True)
    assert Models(store, "tiny").get(forced.run_id).row["cluster_ids"] == [1, 2, 3]


def test_a_refit_of_nothing_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    write_source(spark, tmp_path / "source", purchases(4))
    with pytest.raises(ConfigError, match="clusters are off"):
        run_tiny(spark, config_for(tmp_path), refit=True)


def model(version: str, day: date) -> ModelRow:
    return ModelRow(version, None, version, day, ({},))


def ran(run_id: str, day: date, model_version: str, finished: int) -> RunRow:
    return RunRow(run_id, day, "tiny", "{}", None, 0, finished, model_version=model_version)


def test_the_champion_is_what_came_last_up_to_the_date() -> None:
    a, b, c = (AS_OF + days * DAY for days in (0, 10, 20))
    models = [model("A", a), model("B", b), model("C", b)]
    complete = [ran("A", a, "A", 1), ran("r", a + DAY, "A", 2), ran("B", b, "B", 3)]

    def champion(day: date, *decisions: Decision) -> str | None:
        found = champion_of(models, decisions, complete, day)
        return None if found is None else found.model.version

    assert champion(a - DAY) is None
    # What a run trained itself does not count for it: it would not repeat itself.
    assert champion(a) is None
    assert champion(a + DAY) == champion(b) == "A"
    assert champion(b + DAY) == champion(c) == "B"
    promoted = Decision("promote", "C", c, 9)
    assert champion(c - DAY, promoted) == "B"
    assert champion(c, promoted) == champion(c + DAY, promoted) == "C"
    pinned, freed = Decision("pin", "A", a, 10), Decision("unpin", None, a, 11)
    assert champion(c, promoted, pinned) == "A"
    assert champion(c, promoted, pinned, freed) == "C"
    # Pinned for ten days: what was champion before is it again afterwards, whoever assigned in between.
    complete.append(ran("s", c + DAY, "A", 12))
    since = Decision("pin", "A", c, 13), Decision("unpin", None, c + 10 * DAY, 14)
    days = [c - DAY, c, c + DAY, c + 9 * DAY, c + 10 * DAY]
    assert [champion(day, *since) for day in days] == ["B", "A", "A", "A", "B"]
    assert [champion(day, promoted, *since) for day in days] == ["B", "A", "A", "A", "C"]
    # A model whose run was never published is nobody's champion.
    assert champion_of(models, (), [], c) is None
