"""Cells: as fine as allowed, the same from any layout, and customers drawn where cells would hide too much."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters import cells as module
from rfm_spark.capabilities.clusters.cells import DRAWN, GRID, Cells, Sample, customer_cells
from rfm_spark.capabilities.clusters.driver import Points, nearest
from rfm_spark.capabilities.clusters.features import Feature, FeatureSpace
from rfm_spark.capabilities.clusters.fit import fit
from rfm_spark.capabilities.clusters.refit import check_champion
from tests.clusters.worlds import model_of

WIDE = 8


def space_of(d: int) -> FeatureSpace:
    return FeatureSpace(tuple(Feature(f"x{i}", "none", None, None, 0.0, 0.0, 1.0) for i in range(d)))


def two_groups(spark: SparkSession, n: int, d: int) -> DataFrame:
    """Half of the customers at −1 and half at +1 in the first feature, sd 0.25; the others are independent normals."""
    side = (F.col("id") % 2).cast("double") * 2 - 1
    return spark.range(n, numPartitions=2).select(
        F.col("id").cast("string").alias("customer_id"),
        (side + 0.25 * F.randn(1)).alias("x0"),
        *(F.randn(10 + i).alias(f"x{i}") for i in range(1, d)),
    )


def found_sides(frame: DataFrame, cells: Cells, d: int) -> float:
    """Share of all customers whom the two clusters found on the cells put on their own side."""
    rows = frame.select("customer_id", *(f"x{i}" for i in range(d))).toPandas()
    labels = nearest(rows.iloc[:, 1:].to_numpy(), fit(cells, 2, 42, mllib=False).centres)
    agreement = float((labels == rows["customer_id"].astype(int) % 2).mean())
    return max(agreement, 1 - agreement)


def test_groups_in_one_of_many_features_are_not_merged_into_coarse_cells(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CELLS", 1_500)
    frame = two_groups(spark, 12_000, WIDE).persist()
    with customer_cells(frame, space_of(WIDE)) as cells:
        assert (cells.kind, len(cells.points), cells.width) == (DRAWN, 1_500, 0.0)
        assert cells.weights == pytest.approx(np.full(1_500, 12_000 / 1_500))
        assert found_sides(frame, cells, WIDE) > 0.99
        check = check_champion(frame, model_of(space_of(WIDE), fit(cells, 2, 42, mllib=False).centres), 42)
    # Of the customers drawn: figures of drift must not take them for all.
    assert sum(check.sizes) == 1_500
    assert check.regret == pytest.approx(0, abs=1e-6)
    assert check.ari == 1.0
    frame.unpersist()


def test_few_features_stay_on_a_grid(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CELLS", 1_500)
    frame = two_groups(spark, 6_000, 2).persist()
    with customer_cells(frame, space_of(2)) as cells:
        assert cells.kind == GRID
        assert cells.weights.sum() == 6_000
        assert found_sides(frame, cells, 2) > 0.99
    frame.unpersist()


@pytest.mark.parametrize("d", [2, WIDE])
def test_cells_are_bitwise_the_same_from_any_layout(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, d: int
) -> None:
    """Several customers to a cell, the width chosen on a sample and too fine at first; or customers drawn."""
    monkeypatch.setattr(module, "MAX_CELLS", 300)
    monkeypatch.setattr(module, "SAMPLE", 1_000)
    tried: list[float] = []
    finest, grid = Sample.finest_width, module._grid
    monkeypatch.setattr(Sample, "finest_width", lambda look, widest: finest(look, widest) / 1.5)

    def noted(customers: DataFrame, space: FeatureSpace, width: float) -> DataFrame:
        tried.append(width)
        return grid(customers, space, width)

    monkeypatch.setattr(module, "_grid", noted)
    frame = two_groups(spark, 4_000, d).persist()
    found = []
    for layout in (frame, frame.orderBy(F.rand(3)).repartition(5)):
        with customer_cells(layout, space_of(d)) as cells:
            centres = fit(cells, 3, 42).centres
            arrays = [part.tobytes() for part in (cells.points, cells.weights, centres)]
            found.append((arrays, cells.width, cells.kind))
            assert len(cells.points) <= 300
    assert found[0] == found[1]
    _, width, kind = found[0]
    if d == WIDE:
        assert (kind, tried) == (DRAWN, [])
    else:
        assert kind == GRID
        assert len(tried) > 2
        assert tried[0] < width == tried[-1]
    frame.unpersist()


def clouds(n: int, d: int) -> Points:
    return np.random.default_rng(n).normal(size=(n, d))


@pytest.mark.parametrize("width", [0.5, 1.0, 3.0])
def test_what_cells_hide_is_the_sum_of_squares_around_their_means(width: float) -> None:
    points = clouds(5_000, 3)
    look = Sample(points, np.arange(5_000) % 2 == 0, 5_000)
    cells: dict[bytes, list[Points]] = {}
    for point in points:
        cells.setdefault(np.round(point / width).astype(int).tobytes(), []).append(point)
    inside = sum(((np.array(cell) - np.mean(cell, axis=0)) ** 2).sum() for cell in cells.values())
    assert look.hidden(width) == pytest.approx(inside / ((points - points.mean(axis=0)) ** 2).sum(), rel=1e-9)
    assert look.cells(width) == len(cells)


def test_what_cells_hide_of_all_is_told_from_a_sample() -> None:
    points = clouds(100_000, 6)
    all_of_them = Sample(points, np.arange(100_000) % 2 == 0, 100_000)
    some = Sample(points[:20_000], np.arange(20_000) % 2 == 0, 100_000)
    width = all_of_them.finest_width(4.0)
    assert some.hidden(width) == pytest.approx(all_of_them.hidden(width), rel=0.15)
    assert Sample(points[:1], np.array([True]), 1).hidden(1.0) == 0.0
