"""The index, its scale, its false alarms and its power; by published formulas, simulation and scipy."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from rfm_spark.capabilities.drift.distributions import Counts, Distribution, in_same_bins, w1
from rfm_spark.capabilities.drift.figures import (
    Figure,
    all_at_once,
    column_figures,
    is_alarm,
    share_figure,
    volume_figure,
)
from rfm_spark.capabilities.drift.psi import discovered, index, psi, worst
from tests.drift.samples import distribution_of

stats = importlib.import_module("scipy.stats")
SIGMA = 1.5


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threadpool_limits(limits=1):
        yield


def spend(seed: int, n: int, factor: float = 1.0) -> Distribution:
    return distribution_of("monetary", factor * np.random.default_rng(seed).lognormal(4, SIGMA, n))


@pytest.mark.parametrize(("factor", "analytic"), [(1.5, 0.070), (0.5, 0.203), (1 / 3, 0.505)])
def test_a_shift_of_log_normal_spend_has_the_analytic_index(factor: float, analytic: float) -> None:
    # Deciles of N(0, 1) against a mean moved by ln(factor) / sigma.
    cuts = stats.norm.ppf(np.arange(1, 10) / 10)
    expected = np.full(10, 0.1)
    actual = np.diff(stats.norm.cdf(cuts, loc=math.log(factor) / SIGMA), prepend=0, append=1)
    assert ((actual - expected) * np.log(actual / expected)).sum() == pytest.approx(analytic, abs=0.001)
    found = [psi(*in_same_bins(spend(2 * i, 100_000), spend(2 * i + 1, 100_000, factor))) for i in range(5)]
    assert np.mean([one.value for one in found]) == pytest.approx(analytic, rel=0.1)
    assert {one.severity for one in found} == {{0.070: "changed", 0.203: "moderate", 0.505: "major"}[analytic]}
    moved = [w1(spend(2 * i, 100_000), spend(2 * i + 1, 100_000, factor)) or 0.0 for i in range(5)]
    assert np.mean(moved) == pytest.approx(abs(math.log(factor)) / SIGMA, rel=0.05)


@pytest.mark.parametrize("n", [100, 1_000, 10_000, 50_000])
def test_without_a_change_at_most_one_run_in_a_hundred_alarms(n: int) -> None:
    draws = np.random.default_rng(n)
    alarms = 0
    for _ in range(1000):
        # What binning by the reference's own deciles gives, whatever the continuous distribution.
        sides = {name: _two_samples(draws, n) for name in ("recency_days", "frequency", "monetary")}
        figures = [_figure(name, *counts) for name, counts in sides.items()]
        alarms += any(is_alarm(figure) for figure in all_at_once(figures))
    assert alarms <= 10


def _two_samples(draws: np.random.Generator, n: int) -> tuple[Counts, Counts]:
    # What lies between order statistics of a uniform sample is a sum of its spacings.
    between = draws.gamma([n / 10] * 9 + [n / 10 + 1])
    return np.full(10, n // 10), draws.multinomial(n, between / between.sum())


def _figure(name: str, reference: Counts, actual: Counts) -> Figure:
    found = psi(reference, actual)
    return Figure("psi", name, "previous", found.value, found.threshold, found.severity, found.p_value)


def test_few_customers_are_no_evidence_either_way() -> None:
    assert psi(*_two_samples(np.random.default_rng(1), 100)).severity == "insufficient"
    assert psi(*_two_samples(np.random.default_rng(1), 10_000)).severity == "none"
    assert psi(np.array([0, 0]), np.array([5, 5])).severity == "insufficient"
    assert psi(np.array([7, 0]), np.array([9, 0])).severity == "none"


def test_thresholds_are_scipys() -> None:
    reference, actual = np.full(10, 1000), np.array([1300, 700, *[1000] * 8])
    kappa = 2 / 10_000
    found = psi(reference, actual)
    assert found.threshold == pytest.approx(kappa * stats.chi2.ppf(0.999, 9), rel=1e-9)
    assert found.p_value == pytest.approx(stats.chi2.sf(found.value / kappa, 9), rel=1e-9)
    shares = [(side + 0.5) / (side.sum() + 5) for side in (reference, actual)]
    assert found.value == pytest.approx(stats.entropy(shares[1], shares[0]) + stats.entropy(shares[0], shares[1]))
    assert index(reference, reference) == 0


@pytest.mark.parametrize("limit", [0.1, 0.25])
def test_severities_begin_where_the_true_index_is_surely_above(limit: float) -> None:
    n = 20_000
    surely = (2 / n) * stats.ncx2.ppf(0.99, 1, limit / (2 / n))
    below, above = (_tilted(n, surely * by) for by in (0.99, 1.01))
    named = {0.1: ("changed", "moderate"), 0.25: ("moderate", "major")}[limit]
    assert (psi(*below).severity, psi(*above).severity) == named


def _tilted(n: int, value: float) -> tuple[Counts, Counts]:
    """Two bins whose index is just this large."""
    low, high = 0.5, 1.0
    for _ in range(60):
        share = (low + high) / 2
        low, high = (share, high) if 2 * (share - 0.5) * math.log(share / (1 - share)) / 2 < value else (low, share)
    return np.array([n // 2, n - n // 2]), np.array([round(n * low), n - round(n * low)])


def test_one_enormous_order_changes_no_verdict() -> None:
    for n in (200, 2_000, 50_000):
        values = np.random.default_rng(n).lognormal(4, SIGMA, n)
        before = {"monetary": distribution_of("monetary", np.random.default_rng(n + 1).lognormal(4, SIGMA, n))}
        calm, shaken = (
            column_figures(before, {"monetary": distribution_of("monetary", found)}, "previous")
            for found in (values, np.append(values, 1e9))
        )
        assert [figure.severity for figure in shaken] == [figure.severity for figure in calm]


def test_bins_are_deciles_with_point_masses_and_missing_values_apart() -> None:
    values = np.concatenate([np.zeros(3000), np.random.default_rng(5).lognormal(4, 1, 7000)])
    reference = distribution_of("monetary", values, missing=500)
    counts = reference.binned(reference.edges)
    assert counts[-1] == 500
    assert 3000 in counts
    assert counts.sum() == reference.customers == 10_500
    assert all(count == 0 or count >= 10_000 / 40 for count in counts[:-1])
    lost = distribution_of("monetary", values, missing=4000)
    figures = {f.metric: f for f in column_figures({"monetary": reference}, {"monetary": lost}, "previous")}
    assert figures["missing_rate"].value == pytest.approx(4000 / 14_000)
    assert figures["missing_rate"].severity in ("moderate", "major")
    assert figures["zero_rate"].value == pytest.approx(3000 / 14_000)


def test_w1_is_scipys_on_the_raw_log_values() -> None:
    draws = np.random.default_rng(9)
    first, second = draws.lognormal(3, 1, 4000), draws.lognormal(3.4, 0.8, 5000)
    logs = np.log1p(first), np.log1p(second)
    wanted = stats.wasserstein_distance(*logs) / logs[0].std()
    found = w1(distribution_of("m", first), distribution_of("m", second))
    assert found == pytest.approx(wanted, abs=0.005)
    assert w1(distribution_of("m", np.ones(5)), distribution_of("m", np.ones(7))) is None


def test_false_discoveries_are_held_down_as_scipy_does() -> None:
    p_values = [1e-9, 0.0004, 0.002, 0.03, 0.5]
    adjusted = stats.false_discovery_control(p_values)
    assert discovered(p_values) == [bool(q <= 0.005) for q in adjusted] == [True, True, True, False, False]
    assert discovered([]) == []


def test_shares_and_volumes() -> None:
    same = share_figure("cluster_id", {"1": 500, "2": 500}, {"2": 498, "1": 502}, "training")
    moved = share_figure("cluster_id", {"1": 50_000, "2": 50_000}, {"1": 80_000, "3": 20_000}, "training")
    assert (same.severity, moved.severity) == ("none", "major")
    assert "points" in moved.detail
    assert volume_figure("customers", 1000, 1010).severity == "none"
    assert volume_figure("customers", 1000, 700).severity == "moderate"
    assert volume_figure("customers", 1000, 2500).severity == "major"
    # As large a step of a few is chance.
    assert volume_figure("customers", 10, 7).severity == "none"
    assert volume_figure("customers", 10, 0).severity == "major"
    assert worst(["none", "major", "changed"]) == "major"
