"""Which start wins, what reseeding changes, and how k is decided; on points, without Spark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest
from pyspark.sql import DataFrame

from benchmarks.planted import blobs, normal
from rfm_spark.capabilities.clusters import fit as module
from rfm_spark.capabilities.clusters.cells import DRAWN, Cells
from rfm_spark.capabilities.clusters.driver import Partition, Points, kmeans
from rfm_spark.capabilities.clusters.features import FeatureSpace
from rfm_spark.capabilities.clusters.fit import fit, reseeding_floor
from rfm_spark.capabilities.clusters.stability import SAMPLE, sample_halves
from rfm_spark.capabilities.clusters.train import Shape, feature_warnings, shaped
from tests.clusters.worlds import config


def cells_of(points: Points) -> Cells:
    # Only MLlib reads the frame, and no test here asks it.
    return Cells(cast(DataFrame, None), points, np.ones(len(points)), 0.1)


def rectangle(longer: float) -> Points:
    """Four corners: cut across the longer side the inertia is 1, along it (1 + longer)²."""
    return np.array([[0.0, 0.0], [0.0, 1.0], [1 + longer, 0.0], [1 + longer, 1.0]])


def along(longer: float) -> Points:
    return np.array([[(1 + longer) / 2, 0.0], [(1 + longer) / 2, 1.0]])


# Squared, the longer side costs twice as much: 0.08 % or 0.12 % more inertia.
@pytest.mark.parametrize(("longer", "origin"), [(0.0004, "champion"), (0.0006, "driver")])
def test_the_champions_start_is_preferred_within_a_thousandth(longer: float, origin: str) -> None:
    found = fit(cells_of(rectangle(longer)), 2, 42, champion=along(longer), mllib=False)
    assert found.origin == origin
    assert found.inertia == pytest.approx((1 + longer) ** 2 if origin == "champion" else 1.0)
    assert found.restart_spread == pytest.approx((1 + longer) ** 2 - 1)


def test_mllibs_start_comes_before_the_drivers_and_after_the_champions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_mllib", lambda cells, k, seed: [along(0.0004)])
    cells = cells_of(rectangle(0.0004))
    assert fit(cells, 2, 42).origin == "mllib"
    assert fit(cells, 2, 42, champion=along(0.0004)).origin == "champion"


def test_the_floor_is_the_lowest_of_several_reseedings(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = cells_of(rectangle(0.0))
    across = kmeans(cells.points, 2, 1, at=np.array([[0.0, 0.5], [1.0, 0.5]]))
    other = kmeans(cells.points, 2, 1, at=along(0.0))
    asked: list[int] = []

    def restarts(points: Points, weights: Points, k: int, seed: int) -> list[Partition]:
        asked.append(seed)
        return [other if len(asked) == 3 else across]

    monkeypatch.setattr(module, "restarts", restarts)
    assert reseeding_floor(cells, across.centres, 42) == pytest.approx(-0.5)
    assert asked == [52, 62, 72, 82, 92]


def made_of(monkeypatch: pytest.MonkeyPatch, points: Points, **given: Any) -> Shape:
    def nothing(cells: Cells, k: int, seed: int) -> Sequence[Points]:
        return []

    monkeypatch.setattr(module, "_mllib", nothing)
    return shaped(cells_of(points), FeatureSpace(()), config(**given), None)


def test_a_fallback_that_turns_out_stable_is_chosen_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    made = made_of(monkeypatch, blobs(3, 1)[::2], k_range=[5, 6], fallback_k=3)
    assert (made.decided, len(made.centres), made.warnings) == ("auto", 3, ())
    assert [(row.k, row.chosen) for row in made.scan if row.is_stable] == [(3, True)]


def test_an_unstable_fallback_is_no_part_of_what_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    made = made_of(monkeypatch, normal(2)[::2], k_range=[3, 4], fallback_k=7)
    assert (made.decided, len(made.centres)) == ("no_stable_k", 7)
    assert "for no k from 3 to 4 are there" in made.warnings[0]


def test_features_that_separate_nobody_are_named() -> None:
    """Whether all have one value or none has any."""
    assert feature_warnings(FeatureSpace((), ("monetary",))) == [
        "clusters: monetary tells no two customers apart and was dropped"
    ]
    (both,) = feature_warnings(FeatureSpace((), ("monetary", "frequency")))
    assert "monetary, frequency tell no two customers apart and were dropped" in both


def test_customers_drawn_to_stand_for_others_are_in_one_half_once() -> None:
    points = np.arange(2.0 * SAMPLE).reshape(-1, 1)
    for halves in sample_halves(points, np.full(len(points), 20.5), 3):
        together = np.concatenate([halves.first, halves.second]).ravel()
        assert len(set(together)) == len(together) == SAMPLE
    drawn = Cells(cast(DataFrame, None), points, np.full(len(points), 20.5), 0.0, DRAWN)
    assert drawn.counts.sum() == len(points)
