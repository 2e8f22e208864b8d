"""Moments: population mean and standard deviation, against numpy, from any layout."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from rfm_spark.core.stats import BILLIONTH, HUNDREDTH, ExactSum, Moments, exact_moments, mean_of, mean_parts


def wanted() -> dict[str, tuple[Column, int]]:
    return {
        "days": (F.col("days"), 1),
        "money": (F.col("money"), HUNDREDTH),
        "log": (F.log1p(F.col("money").cast("double")), BILLIONTH),
    }


def test_moments_are_those_of_the_population_and_bitwise_the_same_from_any_layout(spark: SparkSession) -> None:
    drawn = np.random.default_rng(7)
    days = [int(d) for d in drawn.integers(0, 900, 500)]
    pounds = [round(float(m), 2) for m in drawn.lognormal(5, 2, 500)]
    frame = spark.createDataFrame(list(zip(days, pounds, strict=True)), "days INT, raw DOUBLE")
    frame = frame.select("days", F.col("raw").cast("decimal(18,2)").alias("money"))
    found = exact_moments(frame, wanted())
    shown = {"days": np.array(days, dtype=float), "money": np.array(pounds), "log": np.log1p(pounds)}
    for name, values in shown.items():
        assert found[name].n == 500
        assert found[name].mean == pytest.approx(np.mean(values), rel=1e-9)
        assert found[name].sd == pytest.approx(np.std(values), rel=1e-9)
    for layout in (frame.repartition(1), frame.repartition(7), frame.orderBy("money")):
        assert exact_moments(layout, wanted()) == found


def test_nothing_and_one_value_have_no_spread(spark: SparkSession) -> None:
    one = spark.createDataFrame([(12,)], "days INT")
    days = {"days": (F.col("days"), 1)}
    assert exact_moments(one, days) == {"days": Moments(1, 12.0, 0.0)}
    assert exact_moments(one.where("days < 0"), days) == {"days": Moments(0, 0.0, 0.0)}


def test_equal_cents_have_a_spread_of_exactly_zero(spark: SparkSession) -> None:
    frame = spark.range(0, 97).select(F.lit("0.10").cast("decimal(18,2)").alias("money"))
    assert exact_moments(frame, {"money": (F.col("money"), HUNDREDTH)})["money"] == Moments(97, 0.1, 0.0)


def test_exact_sums_are_those_of_the_trillionths_from_any_layout(spark: SparkSession) -> None:
    """Where sums of doubles lose the small ones to the large, and depend on the order."""
    draws = np.random.default_rng(3)
    values = [1e9, -1e9, 1e-12, -1e-12, 0.0, *(float(x) for x in draws.normal(0, 10.0 ** draws.integers(-9, 4, 400)))]
    rows = [(i % 3, value) for i, value in enumerate(values)] + [(0, None)]
    frame = spark.createDataFrame(rows, "part INT, value DOUBLE")
    exact = ExactSum("value")
    found = []
    for layout in (frame, frame.orderBy(F.rand(5)).repartition(7)):
        summed = layout.groupBy("part").agg(*exact.columns(F.col("value"))).withColumn("sum", exact.column)
        found.append({row["part"]: (exact.of(row), row["sum"]) for row in summed.collect()})
    assert found[0] == found[1]
    for part in range(3):
        mine = [value for own, value in rows if own == part and value is not None]
        wanted = sum(math.floor(value * 1e12) for value in mine) / 1e12
        by_driver, by_spark = found[0][part]
        assert by_driver == by_spark == pytest.approx(wanted, abs=len(mine) * 1e-12)
    nobody = frame.where("part > 9").agg(*exact.columns(F.col("value"))).collect()[0]
    assert exact.of(nobody) == 0.0


def test_a_mean_of_tiny_rates_and_of_large_amounts_keeps_ten_digits_from_any_layout(spark: SparkSession) -> None:
    draws = np.random.default_rng(11)
    tiny = [float(x) for x in draws.uniform(1e-10, 9e-10, 300)]
    large = [round(float(x), 2) for x in draws.uniform(-1e12, 1e12, 300)]
    rows = [*zip(tiny, large, strict=True), (None, None)]
    frame = spark.createDataFrame(rows, "tiny DOUBLE, large DOUBLE")
    sums = [F.sum(part) for name in ("tiny", "large") for part in mean_parts(F.col(name))]
    found = []
    for layout in (frame, frame.orderBy(F.rand(2)).repartition(7)):
        row = layout.agg(*sums).collect()[0]
        found.append((mean_of(*row[:3]), mean_of(*row[3:])))
    assert found[0] == found[1]
    by_fractions = [float(sum(map(Fraction, values)) / len(values)) for values in (tiny, large)]
    assert found[0] == pytest.approx(by_fractions, rel=1e-10, abs=0)
