"""Cut points and scores, against the inverse ECDF written out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from chispa import assert_df_equality
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.rfm.config import Bins, Cuts, Scoring
from rfm_spark.capabilities.rfm.cuts import (
    CutSet,
    as_rows,
    fixed_cuts,
    from_rows,
    nearest_group,
    quantile_cuts,
    unseen_groups,
    with_scores,
)
from rfm_spark.core.distribution import GROUPED, QuantileRequest, exact_ranks

SCHEMA = "customer_id INT, recency_days INT, frequency BIGINT, monetary DECIMAL(18,2)"
NAMES = {"r": "recency_days", "f": "frequency", "m": "monetary"}
Customer = tuple[int, int, int, Decimal]


def drawn(seed: int, n: int) -> list[Customer]:
    """Customers with many ties, silent ones and negative money among them."""
    rng = np.random.default_rng(seed)
    recency, frequency = rng.integers(0, 120, n), np.minimum(rng.geometric(0.4, n) - 1, 12)
    money = np.where(rng.random(n) < 0.3, 20.0, np.round(rng.lognormal(3, 1, n) - 5, 2))
    return [
        (i, int(r), int(f), Decimal(str(m)).quantize(Decimal("0.01")))
        for i, (r, f, m) in enumerate(zip(recency, frequency, money, strict=True))
    ]


def frame_of(spark: SparkSession, customers: Sequence[Customer]) -> DataFrame:
    return spark.createDataFrame(list(customers), SCHEMA)


def inverse_ecdf(values: Sequence[float], bins: int) -> tuple[float, ...]:
    ordered = sorted(values)
    return tuple(ordered[-(-j * len(ordered) // bins) - 1] for j in range(1, bins)) if ordered else ()


def score(measure: str, value: float, frequency: int, cuts: Sequence[float], bins: int) -> int:
    above = sum(cut < value for cut in cuts)
    if measure == "r":
        return bins - above
    return 1 + above if frequency > 0 else 1


def by_hand(
    customers: Sequence[Customer], bins: Bins
) -> tuple[dict[str, tuple[float, ...]], dict[int, tuple[int, ...]]]:
    active = [c for c in customers if c[2] > 0]
    cuts = {
        "r": inverse_ecdf([float(c[1]) for c in customers], bins.r),
        "f": inverse_ecdf([float(c[2]) for c in active], bins.f),
        "m": inverse_ecdf([float(c[3]) for c in active], bins.m),
    }
    scores = {
        c[0]: tuple(score(m, float(c[i]), c[2], cuts[m], getattr(bins, m)) for i, m in enumerate("rfm", 1))
        for c in customers
    }
    return cuts, scores


def scores_of(frame: DataFrame, cut_sets: Sequence[CutSet]) -> dict[int, tuple[int, ...]]:
    rows = with_scores(frame, cut_sets).select("customer_id", "r_score", "f_score", "m_score").collect()
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


@pytest.mark.parametrize("bins", range(2, 11))
def test_cuts_are_the_inverse_ecdf_and_scores_count_the_cuts_below(spark: SparkSession, bins: int) -> None:
    customers = drawn(bins, 40 + 37 * bins)
    scoring = Scoring(bins=Bins(r=bins, f=max(2, bins - 1), m=bins))
    frame = frame_of(spark, customers).persist()
    cut_sets, _ = quantile_cuts(frame, scoring)
    cuts, scores = by_hand(customers, scoring.bins)
    assert {c.measure: c.cuts for c in cut_sets} == cuts
    assert scores_of(frame, cut_sets) == scores
    for cut_set in cut_sets:
        column = "rfm".index(cut_set.measure)
        given_to = [c[0] for c in customers if cut_set.measure == "r" or c[2] > 0]
        assert cut_set.distinct_scores == len({scores[customer][column] for customer in given_to})
    assert max(s[0] for s in scores.values()) == bins
    money = [float(c[3]) for c in customers if c[2] > 0]
    if bins in (2, 4, 8):
        # Shares that are exact in binary, so that numpy's n · q has no noise.
        shares = [j / bins for j in range(1, bins)]
        assert cuts["m"] == tuple(np.quantile(money, shares, method="inverted_cdf"))


def test_ranks_of_many_small_groups_are_exact_whatever_the_cells(spark: SparkSession) -> None:
    groups: list[list[tuple[float, bool]]] = []

    @settings(max_examples=120, database=None)
    @given(
        st.lists(st.tuples(st.sampled_from([-3.5, 0.0, 0.1, 1.0, 2.0, 1e12]), st.booleans()), min_size=1, max_size=30)
    )
    def collect(group: list[tuple[float, bool]]) -> None:
        groups.append(group)

    collect()
    rows = [(f"{number:03d}", value, counts) for number, group in enumerate(groups) for value, counts in group]
    frame = spark.createDataFrame(rows, "g STRING, v DOUBLE, counts BOOLEAN").persist()
    request = QuantileRequest("v", F.col("v"), 5, F.col("counts"), F.col("g"))
    plain = exact_ranks(frame, [request])["v"]
    # Joined cells part nothing but negative numbers, zero and positive ones.
    for coarse in (GROUPED, 45):
        assert exact_ranks(frame, [replace(request, coarse=coarse)])["v"] == plain
    assert len({rank.within for rank in plain}) > 60
    for number, group in enumerate(groups):
        ranks = {rank.value: rank for rank in plain if rank.within == f"{number:03d}"}
        everyone, chosen = np.array([v for v, _ in group]), np.array([v for v, counts in group if counts])
        assert set(inverse_ecdf(list(chosen), 5)) <= set(ranks)
        for value, rank in ranks.items():
            assert (rank.below, rank.ties, rank.n) == ((chosen < value).sum(), (chosen == value).sum(), chosen.size)
            assert (rank.all_below, rank.all_ties) == ((everyone < value).sum(), (everyone == value).sum())
            assert rank.all_n == everyone.size


def test_equal_values_get_equal_scores_and_larger_ones_never_less(spark: SparkSession) -> None:
    customers = drawn(3, 300)
    frame = frame_of(spark, customers).persist()
    cut_sets, _ = quantile_cuts(frame, Scoring())
    table = with_scores(frame, cut_sets).toPandas().astype({"monetary": float})
    for short, name in NAMES.items():
        active = table if short == "r" else table[table.frequency > 0]
        spread = active.groupby(name)[f"{short}_score"].agg(["min", "max"])
        assert (spread["min"] == spread["max"]).all()
        assert spread["min"].is_monotonic_decreasing if short == "r" else spread["min"].is_monotonic_increasing
    silent = table[table.frequency == 0]
    assert len(silent) > 20
    assert (silent[["f_score", "m_score"]] == 1).all().all()
    for number in (0, 1, 50, 299):
        for cut_set in cut_sets:
            value = float(table[NAMES[cut_set.measure]][number])
            told = score(cut_set.measure, value, int(table.frequency[number]), cut_set.cuts, cut_set.bins)
            assert told == table[f"{cut_set.measure}_score"][number]


@pytest.mark.parametrize("frequency", [0, 1])
def test_a_single_customer_and_equal_customers_have_scores(spark: SparkSession, frequency: int) -> None:
    for n in (1, 7):
        frame = frame_of(spark, [(i, 10, frequency, Decimal("5.00")) for i in range(n)])
        cut_sets, ranks = quantile_cuts(frame, Scoring())
        assert set(scores_of(frame, cut_sets).values()) == {(5, 1, 1)}
        assert [c.distinct_scores for c in cut_sets] == [1, 1, 1]
        assert cut_sets[0].cuts == (10.0,) * 4
        assert cut_sets[1].cuts == ((1.0,) * 4 if frequency else ())
        assert [(r.value, r.all_ties, r.all_n) for r in ranks["m"]] == [(5.0, n, n)]


def test_nobody_has_no_cuts(spark: SparkSession) -> None:
    frame = frame_of(spark, [])
    cut_sets, ranks = quantile_cuts(frame, Scoring())
    assert [(c.cuts, c.distinct_scores) for c in cut_sets] == [((), 1)] * 3
    assert ranks == {"r": [], "f": [], "m": []}
    assert scores_of(frame, cut_sets) == {}


def test_duplicate_cuts_are_kept_and_the_scores_that_occur_counted(spark: SparkSession) -> None:
    counts = [1] * 60 + [2] * 30 + [3] * 10
    frame = frame_of(spark, [(i, i, f, Decimal(1)) for i, f in enumerate(counts)])
    cut_set = quantile_cuts(frame, Scoring())[0][1]
    assert (cut_set.cuts, cut_set.distinct_scores) == ((1.0, 1.0, 1.0, 2.0), 3)
    assert {s[1] for s in scores_of(frame, [*quantile_cuts(frame, Scoring())[0]]).values()} == {1, 4, 5}


def test_nested_cuts_are_taken_within_the_outer_scores(spark: SparkSession) -> None:
    customers = drawn(21, 500)
    bins = Bins(r=3, f=4, m=2)
    frame = frame_of(spark, customers).persist()
    cut_sets, _ = quantile_cuts(frame, Scoring(bins=bins, nested=True))
    table = pd.DataFrame(customers, columns=["id", "r", "f", "m"]).astype({"m": float})
    r_cuts = inverse_ecdf(list(table.r), 3)
    table["rs"] = [score("r", r, 1, r_cuts, 3) for r in table.r]
    expected: dict[tuple[str, str], tuple[float, ...]] = {("r", ""): r_cuts}
    for measure, outer, wide in (("f", ["rs"], 4), ("m", ["rs", "fs"], 2)):
        scored: dict[int, int] = {}
        for key, group in table.groupby(outer):
            cuts = inverse_ecdf(list(group[group.f > 0][measure]), wide)
            within = ",".join(f"{name[0]}={value}" for name, value in zip(outer, key, strict=True))
            expected[measure, within] = cuts
            for customer, value, frequency in zip(group.id, group[measure], group.f, strict=True):
                scored[customer] = score(measure, value, frequency, cuts, wide)
        table[f"{measure}s"] = [scored[customer] for customer in table.id]
    assert {(c.measure, c.within): c.cuts for c in cut_sets} == expected
    assert len(expected) > 10
    wanted = {row.id: (row.rs, row.fs, row.ms) for row in table.itertuples()}
    assert scores_of(frame, cut_sets) == wanted
    stored = from_rows(row.asDict() for row in spark.createDataFrame(as_rows(cut_sets)).collect())
    assert set(stored) == set(cut_sets)
    assert scores_of(frame, stored) == wanted


@pytest.mark.parametrize(
    ("within", "nearest"),
    [
        ("r=2", "r=2"), ("r=3", "r=2"), ("r=5", "r=4"), ("r=1", "r=2"),
        ("r=2,f=2", "r=2,f=1"), ("r=2,f=4", "r=2,f=5"), ("r=3,f=5", "r=2,f=5"), ("r=4,f=5", "r=4,f=1"),
    ],
)  # fmt: skip
def test_the_nearest_group_is_by_the_outer_score_first_and_the_lower_of_two(within: str, nearest: str) -> None:
    known = ["r=4", "r=2"] if "," not in within else ["r=4,f=1", "r=2,f=5", "r=2,f=1"]
    assert nearest_group(within, known) == nearest


def test_a_group_that_frozen_cuts_never_saw_is_scored_by_its_nearest(spark: SparkSession) -> None:
    cuts = [
        ("r", "", (10, 20)), ("f", "r=1", (1, 2)), ("f", "r=3", (5, 9)), ("f", "r=2", ()), ("m", "r=1,f=3", (50, 60)),
        ("m", "r=3,f=1", (100, 900)),
    ]  # fmt: skip
    frozen = [CutSet(m, within, "frozen", 3, tuple(map(float, limits)), 3) for m, within, limits in cuts]
    # Recency 15 is r=2, in which nobody had bought: r=1 is as near as r=3, and the lower one.
    customers = [
        (1, 15, 3, Decimal(55)), (2, 5, 10, Decimal(999_999)), (3, 5, 5, Decimal(500)), (4, 30, 1, Decimal(1)),
        (5, 15, 0, Decimal(999)),
    ]  # fmt: skip
    frame = frame_of(spark, customers)
    assert scores_of(frame, frozen) == {1: (2, 3, 2), 2: (3, 3, 3), 3: (3, 1, 2), 4: (1, 1, 1), 5: (2, 1, 1)}
    unseen = unseen_groups(with_scores(frame, frozen), frozen)
    assert unseen == {"r=2": 1, "r=1,f=1": 1, "r=2,f=3": 1, "r=3,f=3": 1}
    assert unseen_groups(with_scores(frame, frozen[:1]).withColumn("f_score", F.lit(1)), frozen[:1]) == {}


def test_fixed_cuts_are_the_business_ones(spark: SparkSession) -> None:
    cuts = Cuts(r=(30, 90), f=(1, 3), m=(99.99, 500))
    cut_sets = fixed_cuts(Scoring(method="fixed", bins=Bins(r=3, f=3, m=3), cuts=cuts))
    customers = [
        (1, 30, 1, Decimal("99.99")), (2, 31, 2, Decimal("100.00")), (3, 91, 4, Decimal("500.01")),
        (4, 90, 0, Decimal("900.00")),
    ]  # fmt: skip
    wanted = {1: (3, 1, 1), 2: (2, 2, 2), 3: (1, 3, 3), 4: (2, 1, 1)}
    assert scores_of(frame_of(spark, customers), cut_sets) == wanted
    assert {c.method for c in cut_sets} == {"fixed"}


def test_frozen_cuts_score_other_customers_by_the_old_limits(spark: SparkSession) -> None:
    old, new = drawn(1, 200), [(i, r + 40, f * 2, m * 3) for i, r, f, m in drawn(2, 150)]
    cut_sets, _ = quantile_cuts(frame_of(spark, old), Scoring())
    frozen = from_rows(as_rows(cut_sets), method="frozen")
    cuts, _ = by_hand(old, Bins())
    assert {(c.measure, c.method): c.cuts for c in frozen} == {(m, "frozen"): cuts[m] for m in "rfm"}
    wanted = {c[0]: tuple(score(m, float(c[i]), c[2], cuts[m], 5) for i, m in enumerate("rfm", 1)) for c in new}
    assert scores_of(frame_of(spark, new), frozen) == wanted


def test_cuts_and_scores_are_the_same_from_any_layout(spark: SparkSession) -> None:
    frame = frame_of(spark, drawn(5, 400)).persist()
    first, ranks = quantile_cuts(frame, Scoring())
    for layout in (frame.repartition(1), frame.repartition(3), frame.orderBy(F.rand(3)).repartition(7)):
        again, again_ranks = quantile_cuts(layout, Scoring())
        assert (again, again_ranks) == (first, ranks)
    assert_df_equality(with_scores(layout, again), with_scores(frame, first), ignore_row_order=True)
