"""Six worlds, each with its verdict; the champion against a refit; words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from sklearn.metrics import adjusted_rand_score

from rfm_spark.capabilities.clusters.assign import assigned
from rfm_spark.capabilities.clusters.config import ClustersConfig
from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.refit import REGRET, Check, check_champion
from rfm_spark.capabilities.clusters.train import Stamp, train
from rfm_spark.capabilities.drift.clusters import cluster_figures
from rfm_spark.capabilities.drift.distributions import Distribution, distributions
from rfm_spark.capabilities.drift.figures import Figure, all_at_once, column_figures
from rfm_spark.capabilities.drift.verdict import Verdict, asks_for_a_refit, verdict
from rfm_spark.core.counting import CountedCustomers, Wanted

N = 60_000
NUMBERS = ("recency_days", "frequency", "monetary")
CENTRES = np.array([[2.0, 4.5, 9.0], [5.5, 1.0, 3.0], [4.0, 3.0, 6.0], [2.0, 1.0, 3.5], [5.5, 4.5, 8.5]])
EVEN = (0.2, 0.2, 0.2, 0.2, 0.2)
Points = NDArray[np.float64]


def islands(shares: tuple[float, ...] = EVEN, centres: Points = CENTRES, seed: int = 1) -> Points:
    """Customers in log space, exactly so many per group."""
    draws = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(shares)), (np.array(shares) * N).round().astype(int))
    return centres[group] + draws.normal(0, 0.25, (len(group), 3))


def cloud(seed: int, halved: bool = False) -> Points:
    points = np.random.default_rng(seed).normal([4, 2, 6], [1.0, 0.7, 1.2], (N, 3))
    if halved:
        points[:, 2] -= np.log(2)
    return points


def with_centre(at: int, *place: float) -> Points:
    found = CENTRES.copy()
    found[at] = place
    return found


# The model's customers, today's, what fires, and what to do.
WORLDS: dict[str, tuple[str, Points, tuple[str, ...], str]] = {
    "no change": ("islands", islands(seed=2), (), "keep"),
    "mix 20 to 35 %": ("islands", islands((0.35, *[0.1625] * 4), seed=2), ("population",), "keep"),
    "one cluster moved": (
        "islands",
        islands(centres=with_centre(2, 4.0, 3.0, 7.0), seed=2),
        ("population", "cluster"),
        "refit",
    ),
    "one replaced": (
        "islands",
        islands(centres=with_centre(1, 0.5, 8.0, 6.0), seed=2),
        ("population", "boundaries", "cluster"),
        "refit",
    ),
    "continuous without change": ("cloud", cloud(2), (), "keep"),
    "spend halved": ("cloud", cloud(2, halved=True), ("population",), "keep"),
}


def frame_of(spark: SparkSession, points: Points) -> DataFrame:
    made = pd.DataFrame(np.expm1(np.maximum(points, 0)), columns=list(NUMBERS))
    made.insert(0, "customer_id", [f"c{i:06d}" for i in range(len(made))])
    return spark.createDataFrame(made)


@dataclass(frozen=True)
class Trained:
    """A model and how its customers were spread."""

    model: ClusterModel
    reference: Mapping[str, Distribution]


def spread_of(frame: DataFrame) -> dict[str, Distribution]:
    counted = CountedCustomers(frame, Wanted(numbers=NUMBERS))
    return {one.feature: one for one in distributions(counted, NUMBERS, ())}


@pytest.fixture(scope="module")
def trained(session: SparkSession) -> dict[str, Trained]:
    found = {}
    for name, points in (("islands", islands()), ("cloud", cloud(1))):
        frame = frame_of(session, points).persist()
        model = train(frame, ClustersConfig(k=5), Stamp("v1", "shop", "run", "2024-06-30")).model
        found[name] = Trained(model, spread_of(frame))
        frame.unpersist()
    return found


def validated(spark: SparkSession, before: Trained, points: Points) -> tuple[Verdict, Check, list[Figure]]:
    frame = frame_of(spark, points).persist()
    check = check_champion(frame, before.model, 42)
    today = spread_of(frame)
    frame.unpersist()
    figures = all_at_once([*column_figures(before.reference, today, "training"), *cluster_figures(before.model, check)])
    return verdict(figures), check, figures


@pytest.mark.parametrize("name", WORLDS)
def test_each_world_gets_its_verdict(spark: SparkSession, trained: dict[str, Trained], name: str) -> None:
    model, points, fired, advice = WORLDS[name]
    found, check, figures = validated(spark, trained[model], points)
    assert (found.fired, found.advice) == (fired, advice)
    assert sum(check.sizes) == len(points)
    events = {event.event for event in check.events} - {"survived"}
    if name == "one replaced":
        assert {"disappeared", "split"} <= events
        assert "a refit lies" in found.sentence
    if name == "one cluster moved":
        spreads = {f.subject: f for f in figures if f.metric == "spread" and f.severity != "none"}
        assert len(spreads) == 1
        assert "times as wide as in training" in found.sentence
    if not fired:
        assert found.severity == "none"
        assert found.sentence.startswith("nothing drifted")


def test_permuted_ids_are_no_drift(spark: SparkSession, trained: dict[str, Trained]) -> None:
    before = trained["islands"]
    order = [3, 0, 4, 1, 2]
    model = before.model
    shuffled = replace(
        model,
        centres=tuple(model.centres[at] for at in order),
        spread=tuple(model.spread[at] for at in order),
        sizes=tuple(model.sizes[at] for at in order),
    )
    found, check, _ = validated(spark, replace(before, model=shuffled), islands(seed=2))
    assert (check.ari, found.severity) == (1.0, "none")
    frame = frame_of(spark, islands(seed=2)[::20])
    labels = [assigned(frame, one).orderBy("customer_id").toPandas()["cluster_id"] for one in (model, shuffled)]
    assert list(labels[0]) != list(labels[1])
    assert adjusted_rand_score(*labels) == 1.0


def test_another_sample_of_few_customers_has_no_other_borders(spark: SparkSession) -> None:
    draws = np.random.default_rng(8)
    samples = [draws.normal([4, 2, 6], [1.0, 0.7, 1.2], (300, 3)) for _ in range(2)]
    frame = frame_of(spark, samples[0]).persist()
    model = train(frame, ClustersConfig(k=5), Stamp("v1", "shop", "run", "2024-06-30")).model
    before = Trained(model, spread_of(frame))
    frame.unpersist()
    found, check, _ = validated(spark, before, samples[1])
    # A refit always lies closer to its own sample; so would those of other samples.
    assert check.regret > REGRET
    assert check.regret_limit > check.regret
    assert "boundaries" not in found.fired


def test_only_drift_of_the_clusters_themselves_asks_for_a_refit() -> None:
    assert asks_for_a_refit([("regret", "major"), ("psi", "major"), ("verdict", "major")])
    assert asks_for_a_refit([("spread", "moderate")])
    assert not asks_for_a_refit([("psi", "major"), ("regret", "none"), ("spread", "none")])
    assert not asks_for_a_refit([("regret", "major"), ("volume", "major")])
    assert not asks_for_a_refit([("spread", "major"), ("missing_rate", "moderate")])


def test_a_source_that_lost_values_is_looked_at_first() -> None:
    full = Distribution("monetary", (5000, 5000), (100, 200))
    holes = Distribution("monetary", (4000, 3000), (100, 200), missing=3000)
    found = verdict(column_figures({"monetary": full}, {"monetary": holes}, "previous"))
    assert found.advice == "look at the source"
    assert "30.0% of monetary have no value" in found.sentence


def test_small_changes_and_too_few_customers_are_told_apart() -> None:
    figure = Figure("psi", "monetary", "previous", 0.02, 0.01, "changed", 1e-9)
    assert verdict([figure]).severity == "changed"
    assert "small changes that are no chance in monetary" in verdict([figure]).sentence
    few = verdict([replace(figure, severity="insufficient")])
    assert (few.severity, few.fired) == ("insufficient", ())
    assert "too few customers" in few.sentence


def test_tiers_of_tied_customers_raise_no_alarm() -> None:
    """A fifth pay nothing, and then some more: all of them are in another tenth, and monetary says how many more."""
    tiers = ("top_100", "top_90", "top_10")
    before = Distribution("value_tier", (0, 2000, 8000), labels=tiers, is_category=True)
    now = Distribution("value_tier", (2200, 0, 7800), labels=tiers, is_category=True)
    figures = column_figures({"value_tier": before}, {"value_tier": now}, "previous")
    assert [figure.severity for figure in figures if figure.metric == "psi"] == ["major"]
    assert verdict(figures).severity == "none"
    segments = column_figures({"segment": replace(before, feature="segment")}, {"segment": now}, "previous")
    assert verdict(segments).severity == "major"
