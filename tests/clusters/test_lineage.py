"""Ids, names and lineage of refits, on customers whose groups are known."""

from __future__ import annotations

import numpy as np
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.assign import assigned
from rfm_spark.capabilities.clusters.driver import squared_distances
from tests.clusters.worlds import as_frame, islands, model_of, trained


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


def test_customers_who_change_places_do_not_change_ids(spark: SparkSession) -> None:
    """As many as before lie everywhere, but two in five of each cluster have moved on to the next one."""
    customers, group = islands(3)
    frame = as_frame(spark, customers)
    model = trained(frame).model
    labels = assigned(frame, model).select("customer_id", "cluster_id")
    each = int(0.4 * np.bincount(group).min())
    movers = [np.flatnonzero(group == g)[:each] for g in range(3)]
    now = customers.copy()
    values = [column for column in customers.columns if column != "customer_id"]
    now.loc[np.concatenate(movers), values] = customers.loc[np.concatenate(movers[1:] + movers[:1]), values].to_numpy()
    refit = trained(as_frame(spark, now), model, labels)
    assert [event.event for event in refit.lineage] == ["survived"] * 3
    assert [event.overlap for event in refit.lineage] == [1.0] * 3
    assert (refit.model.ids, refit.model.names) == (model.ids, model.names)


def test_split_and_merged_groups_are_in_the_lineage(spark: SparkSession) -> None:
    customers, _ = islands(3)
    frame = as_frame(spark, customers)
    whole = trained(frame).model
    coarse = model_of(whole.space, [whole.centres[0], whole.centres[1]])
    # Whichever of the two the third group is nearer to has it too.
    nearer = int(squared_distances(np.array(whole.centres[2:]), np.array(coarse.centres)).argmin()) + 1
    split = trained(frame, coarse, assigned(frame, coarse).select("customer_id", "cluster_id"))
    assert [event.old_ids for event in split.lineage if event.event == "split"] == [(nearer,)]
    fine = assigned(frame, whole).select("customer_id", "cluster_id")
    joined = trained(frame, whole, fine, k=2)
    assert "absorbed" in {event.event for event in joined.lineage}
    assert "disappeared" not in {event.event for event in joined.lineage}
