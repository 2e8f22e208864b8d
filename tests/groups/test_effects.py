"""Effects of two groups against scipy and single values, their intervals in simulations, and false alarms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import brunnermunzel, chi2_contingency, fisher_exact

from rfm_spark.capabilities.groups.differences import Counted, Sides, difference_rows
from rfm_spark.capabilities.groups.effects import cliffs_delta, risk_difference
from tests.effort import amount, only_in_full

values = st.lists(st.integers(0, 12), min_size=2, max_size=40)


def counts(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    every = np.unique(np.concatenate([first, second]))
    found = [np.array([(side == value).sum() for value in every], dtype=np.int64) for side in (first, second)]
    return found[0], found[1]


@given(values, values)
def test_delta_is_that_of_all_pairs(first: list[int], second: list[int]) -> None:
    a, b = np.array(first, dtype=float), np.array(second, dtype=float)
    found = cliffs_delta(*counts(a, b))
    pairs = np.sign(a[:, None] - b[None, :])
    assert found.value == pytest.approx(pairs.mean(), abs=1e-12)
    assert -1 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1


@given(values, values)
def test_p_value_is_that_of_brunner_and_munzel(first: list[int], second: list[int]) -> None:
    a, b = np.array(first, dtype=float), np.array(second, dtype=float)
    rows, columns = np.sign(a[:, None] - b[None, :]).mean(axis=1), np.sign(a[:, None] - b[None, :]).mean(axis=0)
    assume(rows.var() + columns.var() > 0)
    assert cliffs_delta(*counts(a, b)).p_value == pytest.approx(brunnermunzel(a, b).pvalue, rel=1e-9, abs=1e-12)


def test_groups_that_do_not_overlap() -> None:
    found = cliffs_delta(np.array([5, 0]), np.array([0, 20]))
    assert (found.value, found.low) == (-1, -1)
    # Feng and Cliff: (n - z²) / (n + z²) of the smaller group; here 5 and 1.96².
    assert found.high == pytest.approx(-(5 - 3.8415) / (5 + 3.8415), abs=1e-4)
    # Of 53,130 ways to draw 5 of 25, two are as far apart.
    assert found.p_value == pytest.approx(2 / 53130)


def test_groups_that_are_alike() -> None:
    found = cliffs_delta(np.array([4]), np.array([9]))
    assert (found.value, found.p_value) == (0, 1)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # Newcombe 1998, table II, method 10: 56/70 and 48/80, 9/10 and 3/10, 5/56 and 0/29.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
    ],
)
def test_intervals_of_shares_are_those_newcombe_printed(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    found = risk_difference(first, second)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_p_value_of_shares_is_that_of_chi_squared_or_of_fisher(a: int, b: int, c: int, d: int) -> None:
    table = [[a, b], [c, d]]
    few = chi2_contingency(table, correction=False).expected_freq.min() < 5
    expected = fisher_exact(table).pvalue if few else chi2_contingency(table, correction=False).pvalue
    assert risk_difference((a, a + b), (c, c + d)).p_value == pytest.approx(expected, rel=1e-9)


def covered(simulations: int, seed: int) -> tuple[float, float]:
    """Share of simulations in which the interval has the planted difference: of numbers, and of shares."""
    random = np.random.default_rng(seed)
    # Of exponential values with means 1 and 2 the first is higher with chance 1/3: delta is -1/3.
    hits = [0, 0]
    for _ in range(simulations):
        a, b = random.exponential(1, 60), random.exponential(2, 80)
        found = cliffs_delta(*counts(a, b))
        hits[0] += found.low <= -1 / 3 <= found.high
        shares = risk_difference((int(random.binomial(60, 0.3)), 60), (int(random.binomial(80, 0.45)), 80))
        hits[1] += shares.low <= -0.15 <= shares.high
    return hits[0] / simulations, hits[1] / simulations


def test_intervals_cover_what_was_planted() -> None:
    for share in covered(amount(1000, 4000), 5):
        assert 0.93 <= share <= 0.97


def flagged(runs: int, seed: int) -> tuple[float, float]:
    """Share of columns that are called different, of groups that are the same; and of runs with any."""
    random = np.random.default_rng(seed)
    found, columns, any_found = 0, 0, 0
    for _ in range(runs):
        counted = []
        for at in range(20):
            a, b = random.poisson(3, 50).astype(float), random.poisson(3, 70).astype(float)
            sides = [dict(zip(*map(list, np.unique(side, return_counts=True)), strict=True)) for side in (a, b)]
            every = {value: value for side in sides for value in side}
            counted.append(Counted(f"c{at}", True, (sides[0], sides[1]), every))
        rows = difference_rows(Sides(counted), ("a", "b"), None)
        found, columns = found + sum(row["differs"] for row in rows), columns + len(rows)
        any_found += any(row["differs"] for row in rows)
    return found / columns, any_found / runs


def test_of_groups_that_do_not_differ_few_columns_are_flagged() -> None:
    share, runs = flagged(200, 11)
    assert share <= 0.05
    assert runs <= 0.1


@pytest.mark.parametrize(
    ("sizes", "rate"), [((8, 400), 0.01), ((10, 1000), 0.005), ((50, 5000), 0.002), ((60, 90), 0.3)]
)
def test_rare_values_in_groups_of_unequal_size_raise_no_alarm(sizes: tuple[int, int], rate: float) -> None:
    random = np.random.default_rng(13)
    runs = 200
    alarms = 0
    for _ in range(runs):
        columns = []
        for at in range(20):
            yes = [int(random.binomial(size, rate)) for size in sizes]
            sides = [{"true": one, "false": size - one} for one, size in zip(yes, sizes, strict=True)]
            columns.append(Counted(f"c{at}", False, (sides[0], sides[1]), {}))
        alarms += any(row["differs"] for row in difference_rows(Sides(columns), ("a", "b"), None))
    assert alarms / runs <= 0.1


@only_in_full
def test_false_alarms_are_as_rare_as_they_are_said_to_be() -> None:
    assert flagged(2000, 12)[1] <= 0.065
