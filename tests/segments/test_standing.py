"""Percentiles, tiers, z-scores, codes and weights, against scipy, numpy and pandas."""

from __future__ import annotations

import importlib
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.rfm.config import Bins, RfmConfig, Scoring, Weights
from rfm_spark.capabilities.rfm.cuts import quantile_cuts
from rfm_spark.capabilities.rfm.percentiles import DIRECT, Lookup, percentile, with_percentiles
from rfm_spark.capabilities.rfm.scores import scored_customers, z_values
from rfm_spark.capabilities.segments.load import load_rule_map
from rfm_spark.capabilities.segments.summary import named, segment_sizes
from rfm_spark.core.counting import CountedCustomers, Wanted
from rfm_spark.core.distribution import QuantileRequest, exact_ranks
from rfm_spark.core.stats import exact_moments
from rfm_spark.core.typical import MEASURED_AS, measure_sums

# Without type stubs, so not by an import statement.
rankdata = importlib.import_module("scipy.stats").rankdata

SCHEMA = "customer_id INT, recency_days INT, frequency BIGINT, monetary DECIMAL(18,2)"
COLUMNS = {"r": "recency_days", "f": "frequency", "m": "monetary"}


def customers(n: int, seed: int) -> list[tuple[int, int, int, Decimal]]:
    rng = np.random.default_rng(seed)
    money = [Decimal(str(round(m, 2))) for m in rng.lognormal(4, 1.2, n) - 10]
    recency, frequency = rng.integers(0, 400, n), rng.geometric(0.3, n) - 1
    rows = zip(recency, frequency, money, strict=True)
    return [(i, int(r), int(f), m) for i, (r, f, m) in enumerate(rows)]


def scored(frame: DataFrame, rfm: RfmConfig) -> DataFrame:
    kept = frame.persist()
    cut_sets, ranks = quantile_cuts(kept, rfm.scoring)
    moments = {measure: {"": one} for measure, one in exact_moments(kept, z_values(rfm.z_log)).items()}
    return scored_customers(kept, rfm, cut_sets, ranks, moments)


def by_customer(frame: DataFrame) -> pd.DataFrame:
    return frame.toPandas().astype({"monetary": float}).sort_values("customer_id").reset_index(drop=True)


def percentiles(values: pd.Series[Any], *, lower_is_better: bool = False) -> NDArray[np.float64]:
    """100 × (share strictly worse + half the share tied): the mean rank less a half."""
    shares: NDArray[np.float64] = 100 * (rankdata(values, method="average") - 0.5) / len(values)
    return 100 - shares if lower_is_better else shares


def test_percentiles_of_many_values_are_near_and_monotone(spark: SparkSession) -> None:
    rng = np.random.default_rng(4)
    n = 6000
    data = {
        "days": rng.integers(0, 3500, n).tolist(),
        "big": (rng.integers(-50, 4000, n) * 1_000_003 + 7).tolist(),
        "real": np.where(rng.random(n) < 0.2, 1.5, rng.lognormal(3, 2, n)).tolist(),
    }
    kinds = "days INT, big BIGINT, real DOUBLE"
    frame = spark.createDataFrame(list(zip(*data.values(), strict=True)), kinds).persist()
    requests = [QuantileRequest(name, F.col(name), 5, F.lit(True), F.lit("")) for name in data]
    ranks = exact_ranks(frame, requests)
    lookups = {f"{name}_pct": Lookup(name, ranks[name], lower_is_better=name == "days") for name in data}
    table = with_percentiles(frame, lookups).toPandas()
    assert list(table.columns) == [*data, *lookups]
    for name in data:
        assert table[name].nunique() > 1000
        assert (abs(table[name]).max() <= DIRECT) == (name == "days")
        exact = percentiles(table[name], lower_is_better=name == "days")
        assert np.abs(table[f"{name}_pct"] - exact).max() <= 0.1
        ordered = table.sort_values(name)
        steps = ordered[f"{name}_pct"].diff().dropna()
        assert (steps <= 0).all() if name == "days" else (steps >= 0).all()
        assert (ordered.groupby(name)[f"{name}_pct"].nunique() == 1).all()
        told = [percentile(value, lookups[f"{name}_pct"]) for value in table[name][:20]]
        assert told == table[f"{name}_pct"][:20].tolist()


def frame_of(spark: SparkSession, rows: list[tuple[int, int, int, Decimal]]) -> DataFrame:
    return spark.createDataFrame(rows, SCHEMA)


@pytest.mark.parametrize("log", [False, True])
def test_percentiles_are_exact_and_z_scores_use_the_population_deviation(spark: SparkSession, log: bool) -> None:
    table = by_customer(scored(frame_of(spark, customers(400, 9)), RfmConfig(z_log=log)))
    named: list[list[str]] = [[] for _ in table.index]
    for measure, column in COLUMNS.items():
        values = table[column].to_numpy(dtype=float)
        shown = np.log1p(np.maximum(values, 0)) if log else values
        z = (shown - shown.mean()) / shown.std(ddof=0)
        assert table[f"{measure}_z"].to_numpy() == pytest.approx(z, abs=1e-6)
        exact = percentiles(table[column], lower_is_better=measure == "r")
        assert table[f"{measure}_pct"].to_numpy() == pytest.approx(exact, abs=1e-9)
        for at in np.flatnonzero(np.abs(z) > 3):
            named[at].append(column)
    assert [list(found) for found in table.outliers] == named
    assert any(named)


def test_a_measure_that_is_the_same_for_all_has_z_zero_and_the_middle_percentile(spark: SparkSession) -> None:
    table = by_customer(scored(frame_of(spark, [(i, 3, 2, Decimal("0.10")) for i in range(11)]), RfmConfig()))
    assert (table[["r_z", "f_z", "m_z"]] == 0).all().all()
    assert (table[["r_pct", "f_pct", "m_pct"]] == 50).all().all()
    assert set(table.value_tier) == {"top_60"}
    assert set(table.rfm_code) == {"511"}


def test_value_tiers_are_tenths_of_money_and_codes_of_ten_bins_are_read_without_doubt(spark: SparkSession) -> None:
    rows = [(i, i, 1, Decimal(i)) for i in range(100)]
    ten = RfmConfig(scoring=Scoring(bins=Bins(r=10, f=10, m=5)))
    table = by_customer(scored(frame_of(spark, rows), ten))
    assert table.value_tier.tolist() == [f"top_{10 * (10 - i // 10)}" for i in range(100)]
    # Ten bins of recency: 1-0-5 and 10-5 must not read alike.
    assert (table.rfm_code[0], table.rfm_code[99]) == ("10-1-1", "1-1-5")
    parts = table.rfm_code.str.split("-", expand=True).astype(int)
    assert (parts.to_numpy() == table[["r_score", "f_score", "m_score"]].to_numpy()).all()


def test_the_weighted_score_is_the_weighted_mean_and_can_make_the_tiers(spark: SparkSession) -> None:
    weights = Weights(r=1, f=2, m=5)
    rfm = RfmConfig(weights=weights, value_tier_on="weighted", scoring=Scoring(bins=Bins(r=3, f=4, m=5)))
    table = by_customer(scored(frame_of(spark, customers(250, 12)), rfm))
    weighted = (table.r_score + 2 * table.f_score + 5 * table.m_score) / 8
    assert table.rfm_weighted.to_numpy() == pytest.approx(weighted.to_numpy(), abs=1e-12)
    below_top = np.minimum(np.floor((100 - percentiles(weighted.round(9))) / 10 + 1e-9) + 1, 10)
    assert table.value_tier.tolist() == [f"top_{int(tenth) * 10}" for tenth in below_top]
    codes = [f"{r}{f}{m}" for r, f, m in zip(table.r_score, table.f_score, table.m_score, strict=True)]
    assert table.rfm_code.tolist() == codes


def test_equal_weighted_scores_are_equal_though_made_of_different_parts(spark: SparkSession) -> None:
    rfm = RfmConfig(weights=Weights(r=0.1, f=0.2, m=0.3))
    table = by_customer(scored(frame_of(spark, customers(500, 13)), rfm))
    tenths = table.r_score + 2 * table.f_score + 3 * table.m_score
    assert table.groupby(tenths)["rfm_weighted"].nunique().max() == 1


def test_scores_percentiles_and_z_scores_are_bitwise_the_same_from_any_layout(spark: SparkSession) -> None:
    rfm = RfmConfig(z_log=True, value_tier_on="weighted")
    frame = frame_of(spark, customers(1500, 14))
    one, shuffled = (
        sorted(scored(layout, rfm).collect())
        for layout in (frame.repartition(1), frame.orderBy(F.rand(1)).repartition(7))
    )
    assert len(one) == 1500
    assert shuffled == one


def test_the_summary_of_segments_is_that_of_pandas(spark: SparkSession) -> None:
    rows = [(*row, ("champions", "loyal", "new")[row[0] % 3]) for row in customers(200, 15)]
    rule_map = load_rule_map("rf_grid")
    frame = spark.createDataFrame(rows, f"{SCHEMA}, segment STRING")
    sums = {"revenue": F.col("monetary"), **measure_sums()}
    quarters = {"segment": tuple(MEASURED_AS.values())}
    counts = CountedCustomers(frame, Wanted(("segment",), quarters=quarters, sums=sums))
    found = named(segment_sizes(counts), rule_map)
    table = pd.DataFrame(found).set_index("segment")
    raw = pd.DataFrame(rows, columns=["id", "recency", "frequency", "monetary", "segment"])
    raw["monetary"] = raw["monetary"].astype(float)
    groups = raw.groupby("segment")
    assert set(table.index) == {"champions", "loyal", "new"}
    for segment, group in groups:
        row = table.loc[str(segment)]
        assert (row.customers, row.customers_pct) == (len(group), pytest.approx(len(group) / 2))
        assert float(row.revenue) == pytest.approx(group.monetary.sum())
        assert row.revenue_pct == pytest.approx(100 * group.monetary.sum() / raw.monetary.sum())
        for name in ("recency", "frequency", "monetary"):
            assert row[f"mean_{name}"] == pytest.approx(group[name].mean())
            assert row[f"median_{name}"] == np.quantile(group[name], 0.5, method="inverted_cdf")
    outcomes = {outcome.name: outcome for outcome in rule_map.all_outcomes()}
    assert {name: (row.label, row.action) for name, row in table.iterrows()} == {
        name: (outcomes[name].label, outcomes[name].action) for name in table.index
    }
