"""Features: transforms, winsorising, stand-ins, weights, and cells that keep every customer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.cells import MAX_CELLS, customer_cells
from rfm_spark.capabilities.clusters.config import FeatureConfig
from rfm_spark.capabilities.clusters.features import feature_space
from tests.clusters.worlds import FEATURES, as_frame, config, kinds, standardised


def feature(**given: object) -> FeatureConfig:
    return FeatureConfig.model_validate(given)


def test_measures_are_standardised_logs_by_default(spark: SparkSession) -> None:
    customers = kinds()
    frame = as_frame(spark, customers)
    space = feature_space(frame, config().features)
    assert (space.columns, space.dropped) == (FEATURES, ())
    points = frame.orderBy("customer_id").select(*space.coordinates()).toPandas().to_numpy()
    assert np.abs(points - standardised(customers)).max() < 1e-7


def test_winsorising_draws_in_to_exact_order_statistics(spark: SparkSession) -> None:
    customers = kinds(777)
    asked = feature(column="monetary", transform="none", winsorise=[0.01, 0.95])
    space = feature_space(as_frame(spark, customers), [asked])
    money = customers["monetary"].to_numpy()
    low, high = np.quantile(money, [0.01, 0.95], method="inverted_cdf")
    assert (space.features[0].low, space.features[0].high) == (low, high)
    drawn = np.clip(money, low, high)
    assert space.features[0].mean == pytest.approx(drawn.mean(), abs=1e-8)
    assert space.features[0].scale == pytest.approx(drawn.std(), rel=1e-8)


@pytest.mark.parametrize(("stand_in", "fill"), [("mean", 23.0), ("median", 4.0), ("zero", 0.0)])
def test_a_missing_value_gets_the_stated_stand_in_and_is_named(spark: SparkSession, stand_in: str, fill: float) -> None:
    values = [1.0, 2.0, 4.0, 8.0, 100.0]
    odd = [None, float("nan"), float("inf"), float("-inf")]
    rows = [(f"c{i}", value) for i, value in enumerate([*values, *odd])]
    frame = spark.createDataFrame(rows, "customer_id STRING, monetary DOUBLE")
    logged = feature_space(frame, [feature(column="monetary", missing=stand_in)]).features[0]
    assert logged.missing == pytest.approx(4 / 9)
    assert logged.mean == pytest.approx(float(np.log1p(values).mean()))
    space = feature_space(frame, [feature(column="monetary", transform="none", missing=stand_in)])
    made = space.features[0]
    assert made.fill == pytest.approx(fill)
    assert made.missing == pytest.approx(4 / 9)
    assert made.mean == pytest.approx(float(np.mean(values)))
    assert made.scale == pytest.approx(float(np.std(values)))
    found = frame.select("customer_id", made.coordinate.alias("x"), space.imputed().alias("imputed")).collect()
    for row in found:
        is_odd = int(row["customer_id"][1:]) >= len(values)
        assert row["imputed"] == (["monetary"] if is_odd else [])
        if is_odd:
            assert row["x"] == pytest.approx((fill - np.mean(values)) / np.std(values))


def test_a_weight_stretches_a_feature_by_its_root(spark: SparkSession) -> None:
    frame = as_frame(spark, kinds(300))
    plain = feature_space(frame, [feature(column="frequency")])
    heavy = feature_space(frame, [feature(column="frequency", weight=4)])
    ratio = frame.select((heavy.features[0].coordinate / plain.features[0].coordinate).alias("ratio"))
    assert ratio.where(F.abs(F.col("ratio") - 2.0) > 1e-12).count() == 0


def test_an_extreme_order_neither_overflows_nor_hides_the_others(spark: SparkSession) -> None:
    frame = as_frame(spark, kinds(500)).withColumn(
        "monetary", F.when(F.col("customer_id") == "c000000", F.lit(1e9)).otherwise(F.col("monetary").cast("double"))
    )
    money = frame.select("monetary").toPandas()["monetary"].to_numpy()
    space = feature_space(frame, [feature(column="monetary", transform="none"), feature(column="frequency")])
    assert space.features[0].mean == pytest.approx(money.mean(), rel=1e-9)
    assert space.features[0].scale == pytest.approx(money.std(), rel=1e-9)


def test_tiny_rates_are_standardised_like_any_others(spark: SparkSession) -> None:
    rates = np.random.default_rng(5).uniform(0, 1e-6, 400)
    rows = [(f"c{i}", float(rate)) for i, rate in enumerate(rates)]
    frame = spark.createDataFrame(rows, "customer_id STRING, click_rate DOUBLE")
    (made,) = feature_space(frame, [feature(column="click_rate")]).features
    assert made.mean == pytest.approx(rates.mean(), rel=1e-9, abs=0)
    assert made.scale == pytest.approx(rates.std(), rel=1e-9, abs=0)


def test_a_constant_feature_is_dropped(spark: SparkSession) -> None:
    frame = as_frame(spark, kinds(50)).withColumn("frequency", F.lit(1))
    space = feature_space(frame, config().features)
    assert (space.columns, space.dropped) == (("recency_days", "monetary"), ("frequency",))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"features": ["colour"]}, "no numeric column"),
        ({"features": ["frequency", "frequency"]}, "name each feature once"),
        ({"features": [{"column": "frequency", "winsorise": [0.9, 0.1]}]}, "ascending shares"),
        ({"features": [{"column": "frequency", "winsorise": [0.00001, 0.9]}]}, "whole thousandths"),
        ({"features": [{"column": "frequency", "weight": 0}]}, "greater than 0"),
        ({"k": 1}, "from 2 to 50"),
        ({"k_range": [5, 2]}, "ascending"),
    ],
)
def test_options_that_cannot_work_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**given)


def test_cells_weigh_every_customer_once_and_are_as_fine_as_allowed(spark: SparkSession) -> None:
    draws = np.random.default_rng(3)
    frame = spark.range(40_000).select(
        F.col("id").cast("string").alias("customer_id"),
        *(F.exp(F.randn(int(draws.integers(1000))) + F.lit(3.0)).alias(name) for name in FEATURES),
    )
    frame = frame.persist()
    space = feature_space(frame, config().features)
    with customer_cells(frame, space) as cells:
        assert MAX_CELLS / 2 < len(cells.points) <= MAX_CELLS
        assert cells.weights.sum() == 40_000
        assert np.average(cells.points, axis=0, weights=cells.weights) == pytest.approx(np.zeros(3), abs=1e-6)
    frame.unpersist()


def test_few_customers_are_cells_of_their_own(spark: SparkSession) -> None:
    customers = kinds(400)
    frame = as_frame(spark, customers)
    space = feature_space(frame, config().features)
    with customer_cells(frame, space) as cells:
        apart = len(np.unique(standardised(customers).round(6), axis=0))
        assert len(cells.points) > 0.98 * apart
        assert math.isclose(cells.width, 2.0**-8)
