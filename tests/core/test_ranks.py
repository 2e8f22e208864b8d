"""Cells, and the ranks and quantiles by group that are found with them, against numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.core.cells import fine_cell, shallow_cell
from rfm_spark.core.counting import CountedCustomers, Wanted
from rfm_spark.core.distribution import QuantileRequest, exact_ranks, ranks_and_moments
from rfm_spark.core.stats import BILLIONTH, exact_moments

TINY = 5e-324
HARD = [-math.inf, -1e300, -250.0, -1.0, -0.999, -0.2, -1e-9, -TINY, 0.0, TINY, 1e-300, 1e-9, 2e-9, 0.2, 0.9926, 0.995,
        1.0, 1.0007, 2.0, 249.0, 250.0, 1e15, 1e300, 1.7976931348623157e308, math.inf, math.nan]  # fmt: skip


def test_cells_ascend_with_the_value_from_the_smallest_double_to_what_is_no_number(spark: SparkSession) -> None:
    drawn = np.random.default_rng(3)
    finite = [*HARD[:-1], *drawn.normal(0, 1, 400), *drawn.lognormal(4, 3, 400), *range(300)]
    values = [*sorted(map(float, finite)), math.nan]
    frame = spark.createDataFrame([(i, float(value)) for i, value in enumerate(values)], "i INT, v DOUBLE")
    v = F.col("v")
    rows = frame.orderBy("i").select(fine_cell(v), fine_cell(v, 23), shallow_cell(fine_cell(v))).collect()
    for at in (0, 1):
        cells = [row[at] for row in rows]
        assert cells == sorted(cells)
    own = {value: row[0] for value, row in zip(values, rows, strict=True)}
    assert len({own[float(n)] for n in range(250)}) == 250
    # Rates of a billionth are told apart, and every shallow cell is that of the tables of distributions.
    assert own[0.0] < own[TINY] < own[1e-300] < own[1e-9] < own[2e-9]
    shown = [(value, row[2]) for value, row in zip(values, rows, strict=True) if math.isfinite(value)]
    assert all(cell == round(math.copysign(math.log1p(abs(value)) * 256, value)) for value, cell in shown)
    assert frame.select(fine_cell(F.lit(None).cast("double"))).first() == (None,)


def test_quantiles_by_group_are_those_of_numpy_with_missing_values_ties_and_tiny_rates(spark: SparkSession) -> None:
    drawn = np.random.default_rng(5)
    rows: list[tuple[int, float | None, float]] = []
    for i in range(900):
        money = 20.0 if drawn.random() < 0.4 else round(float(drawn.lognormal(3, 1)) - 8, 2)
        rows.append((i % 3, None if i % 7 == 0 or i % 3 == 2 else money, float(drawn.random()) * 1e-9))
    frame = spark.createDataFrame(rows, "g INT, money DOUBLE, rate DOUBLE")
    counts = CountedCustomers(frame, Wanted(quarters={"g": ("money", "rate")}))
    found = counts.quarters("g")
    wanted = {}
    for group in range(3):
        for at, name in ((1, "money"), (2, "rate")):
            values = [value for row in rows if row[0] == group and (value := row[at]) is not None]
            if values:
                wanted[str(group), name] = tuple(np.quantile(values, [0.25, 0.5, 0.75], method="inverted_cdf"))
    assert found == wanted
    assert ("2", "money") not in found


@pytest.mark.parametrize("value", ["v", "IF(v > 8, v, NULL)"])
def test_moments_of_the_passes_that_ranks_take_are_those_of_a_pass_of_their_own(
    spark: SparkSession, value: str
) -> None:
    frame = spark.createDataFrame([(float(v),) for v in (3, 3, 3, 9, 9.01, 9.02, 1e6)], "v DOUBLE")
    request = QuantileRequest("v", F.col("v"), 3, F.lit(True), F.lit(""))
    columns = {"v": (F.log1p(F.expr(value)), BILLIONTH)}
    ranks, moments = ranks_and_moments(frame, [request], columns)
    assert moments == {"v": {"": exact_moments(frame, columns)["v"]}}
    assert ranks == exact_ranks(frame, [request])
    assert [(rank.value, rank.below, rank.ties) for rank in ranks["v"]] == [
        (3.0, 0, 3), (9.0, 3, 1), (9.01, 4, 1), (9.02, 5, 1), (1e6, 6, 1),
    ]  # fmt: skip


def test_only_the_steps_that_are_asked_for_are_looked_for(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(float(v),) for v in range(100)], "v DOUBLE")
    request = QuantileRequest("v", F.col("v"), 100, F.lit(True), F.lit(""), grid=False, wanted=(5, 50))
    assert [rank.value for rank in exact_ranks(frame, [request])["v"]] == [4.0, 49.0]
    assert exact_ranks(frame.where("v < 0"), [request]) == {"v": []}


def test_one_pass_counts_what_passes_of_their_own_would(spark: SparkSession) -> None:
    rows = [
        ("a", True, 1, 0.1, 1.0), ("a", False, 1, 0.2, math.nan), ("b", None, 2, 0.3, math.inf),
        ("b", True, 1, None, 1.0), ("a", True, 1, 0.4, None),
    ]  # fmt: skip
    frame = spark.createDataFrame(rows, "s STRING, yes BOOLEAN, k INT, money DOUBLE, x DOUBLE")
    cents = F.col("money").cast("decimal(18,2)")
    wanted = Wanted(("s", "yes"), {"both": ("k", "s")}, ("x",), {"s": ("money",)}, {"cents": cents})
    counts = CountedCustomers(frame, wanted)
    assert {one.of[0]: (one.customers, str(one.sums["cents"])) for one in counts.values("s")} == {
        "a": (3, "0.70"), "b": (2, "0.30"),
    }  # fmt: skip
    assert {one.of[0]: one.customers for one in counts.values("yes")} == {"True": 3, "False": 1, None: 1}
    assert {one.of: one.customers for one in counts.crossed("both")} == {("1", "a"): 3, ("2", "b"): 1, ("1", "b"): 1}
    assert counts.cells("x") == {round(math.log(2) * 256): 2, None: 3}
    assert counts.quarters("s") == {("a", "money"): (0.1, 0.2, 0.4), ("b", "money"): (0.3, 0.3, 0.3)}
