"""Rates against their own past: worked cases, scipy's tests, and simulated runs with and without a fall."""

from __future__ import annotations

import importlib
from datetime import date, timedelta
from math import log, sqrt

import numpy as np
import pytest

from rfm_spark.capabilities.drift.artefacts import Rate
from rfm_spark.capabilities.drift.figures import Figure, all_at_once
from rfm_spark.capabilities.drift.rates import Count, change, rate_figures, rate_warnings
from rfm_spark.capabilities.drift.verdict import verdict
from rfm_spark.capabilities.engagement.message_rates import MESSAGE_RATES, rates_of_messages
from rfm_spark.capabilities.events.visit_rates import VISIT_RATES, rates_of_visits
from tests.effort import amount

stats = importlib.import_module("scipy.stats")
LAST = date(2024, 6, 27)
CLICKS = next(one for one in MESSAGE_RATES if one.name == "click_to_open_rate")


def rate_of(days: np.ndarray, of: str = "email") -> Rate:
    """Of rows (cases, out of), the last one on the last day."""
    first = LAST - timedelta(days=len(days) - 1)
    dated = {first + timedelta(days=at): (int(part), int(whole)) for at, (part, whole) in enumerate(days)}
    return Rate(of, CLICKS, dated, LAST)


def steady(before: tuple[int, int], now: tuple[int, int]) -> Rate:
    return rate_of(np.array([before] * 28 + [now] * 7))


def test_a_fall_is_told_with_its_interval_and_where_to_look() -> None:
    rate = steady((490, 1000), (338, 1000))
    (week,) = rate_figures([rate], 0.2)
    assert (week.metric, week.subject, week.against, week.severity) == (
        "rate", "email.click_to_open_rate", "past", "moderate",
    )  # fmt: skip
    assert week.value == pytest.approx(338 / 490)
    assert week.threshold == 0.8
    expected = stats.contingency.relative_risk(338 * 7, 7000, 490 * 28, 28000).confidence_interval(0.95)
    assert f"ratio {expected.low:.2f} to {expected.high:.2f} at 95%" in week.detail
    assert rate_warnings([week, week], [rate]) == [
        "rates: clicks per open of email fell by 31% at unchanged volume, from 49.00% of 28,000 to 33.80% of 7,000 "
        "(7 days up to 2024-06-27 against 28 up to 2024-06-20; ratio 0.67 to 0.71 at 95%); look at links and "
        "tracking, then at content"
    ]
    said = verdict(all_at_once([week]))
    assert (said.fired, said.severity) == (("rates",), "moderate")
    assert (
        "people answer otherwise: clicks per open of email fell by 31% at unchanged volume (moderate)" in said.sentence
    )


@pytest.mark.parametrize(
    ("before", "now", "severity"),
    [
        ((490, 1000), (490, 1000), "none"),
        # A fifth and more is moderate, a half is major; the same factors upwards.
        ((490, 1000), (400, 1000), "changed"),
        ((490, 1000), (390, 1000), "moderate"),
        ((490, 1000), (240, 1000), "major"),
        ((490, 1000), (620, 1000), "moderate"),
        ((200, 1000), (0, 1000), "major"),
        # Ten of hundreds: nobody can tell.
        ((1, 10), (0, 10), "insufficient"),
        ((0, 1000), (0, 1000), None),
    ],
)
def test_how_grave_a_change_is(before: tuple[int, int], now: tuple[int, int], severity: str | None) -> None:
    figures = rate_figures([steady(before, now)], 0.2)
    assert [one.severity for one in figures] == ([severity] if severity else [])


def test_a_larger_smallest_fall_is_asked_for() -> None:
    (week,) = rate_figures([steady((490, 1000), (338, 1000))], 0.4)
    assert week.severity == "changed"
    assert week.threshold == pytest.approx(0.6)


@pytest.mark.parametrize(("before", "after", "days", "latest"), [(0.49, 0.30, 14, 14), (0.162, 0.114, 30, 30)])
def test_a_fall_of_weeks_is_noticed_while_it_goes_on_or_soon_after(
    before: float, after: float, days: int, latest: int
) -> None:
    rng = np.random.default_rng(2)
    path = np.concatenate([np.full(90, before), np.linspace(before, after, days), np.full(30, after)])
    # Mailings differ by a tenth beside chance.
    whole = rng.poisson(700, len(path))
    part = rng.binomial(whole, path * np.exp(rng.normal(0, 0.1, len(path))))
    rows = np.stack([part, whole], axis=1)

    def alarmed(day: int) -> bool:
        return bool(alarms(rate_figures([rate_of(rows[day + 7 : day + 91])], 0.2)))

    noticed = [day for day in range(days + 30) if alarmed(day)]
    assert days // 2 <= noticed[0] <= latest


@pytest.mark.parametrize(("part", "whole"), [(30, 200), (4, 200), (190, 200), (1200, 9000)])
def test_p_values_of_days_that_differ_by_chance_are_those_of_the_score_test(part: int, whole: int) -> None:
    now = Count(round(part * 7 * 0.75), whole * 7)
    found = change([Count(part, whole)] * 28, now)
    table = [[now.part, now.whole - now.part], [part * 28, (whole - part) * 28]]
    assert found.p_value == pytest.approx(stats.chi2_contingency(table, correction=True).pvalue)


def test_days_that_differ_by_more_than_chance_widen_the_interval() -> None:
    days = [Count(100 if day % 2 else 300, 1000) for day in range(28)]
    calm, wild = change([Count(200, 1000)] * 28, Count(1200, 7000)), change(days, Count(1200, 7000))
    assert calm.p_value is not None
    assert wild.p_value is not None
    assert calm.p_value < 1e-6 < 0.05 < wild.p_value
    assert wild.lower < calm.lower < calm.upper < wild.upper


def drawn(rng: np.random.Generator, volume: float, rate: float, fall: float = 0.0) -> np.ndarray:
    whole = rng.poisson(volume, 84)
    shares = np.full(84, rate)
    shares[-7:] *= 1 - fall
    return np.stack([rng.binomial(whole, shares), whole], axis=1)


def alarms(figures: list[Figure]) -> int:
    return sum(one.severity in ("moderate", "major") for one in all_at_once(figures))


SHARES = (0.5, 0.16, 0.16, 0.05, 0.02, 0.003)


@pytest.mark.parametrize("volume", [2, 20, 200, 5000])
def test_without_a_change_at_most_one_run_in_a_hundred_alarms(volume: int) -> None:
    rng, runs = np.random.default_rng(4), 300
    worlds = ([rate_of(drawn(rng, volume, share)) for share in SHARES] for _ in range(runs))
    assert sum(bool(alarms(rate_figures(rates, 0.2))) for rates in worlds) <= 0.01 * runs


def contents(world: str, rng: np.random.Generator, spread: float) -> np.ndarray:
    """Factors of a rate by day: a mailing has a content of its own, which may last."""
    if world == "weeks":
        return np.repeat(np.exp(rng.normal(0, spread, 12)), 7)
    days = rng.normal(0, 1, 84)
    if world == "days that resemble the day before":
        for day in range(1, 84):
            days[day] = 0.7 * days[day - 1] + sqrt(1 - 0.49) * days[day]
    return np.exp(spread * days)


@pytest.mark.parametrize("world", ["days", "one mailing a week", "weeks", "days that resemble the day before"])
@pytest.mark.parametrize(("volume", "spread"), [(300, 0.2), (5000, 0.3)])
def test_contents_that_differ_are_no_change(world: str, volume: int, spread: float) -> None:
    rng, runs, alarmed = np.random.default_rng(8), amount(60, 200), 0
    for _ in range(runs):
        rates = []
        for share in (0.5, 0.2, 0.1, 0.03):
            whole = rng.poisson(volume, 84)
            if world == "one mailing a week":
                whole = np.where(np.arange(84) % 7 == 3, 7 * whole, 0)
            part = rng.binomial(whole, np.minimum(share * contents(world, rng, spread), 1))
            rates.append(rate_of(np.stack([part, whole], axis=1)))
        alarmed += bool(alarms(rate_figures(rates, 0.2)))
    # As often as one in a hundred would do in 19 of 20 such simulations.
    assert alarmed <= stats.binom(runs, 0.01).ppf(0.95)


@pytest.mark.parametrize(("volume", "rate"), [(200, 0.16), (1000, 0.02), (60, 0.49), (2000, 0.16)])
@pytest.mark.parametrize("fall", [0.2, 0.3, 0.5])
def test_falls_are_found_with_the_power_of_theory(volume: int, rate: float, fall: float) -> None:
    rng, runs = np.random.default_rng(11), 400
    found = 0
    for _ in range(runs):
        figures = rate_figures([rate_of(drawn(rng, volume, rate, fall))], 0.2)
        found += any(one.against == "past" for one in figures if one.severity in ("moderate", "major"))
    power = theory(volume * 28, volume * 7, rate, fall)
    # Where days or weeks look unlike by chance, the test asks for more.
    assert power - 0.2 <= found / runs <= power + 0.05


def theory(past: int, now: int, rate: float, fall: float) -> float:
    """Power of the score test of two shares at 0.001 (Fleiss, Levin and Paik 2003, 4.2), and of seeing a fifth."""
    less = rate * (1 - fall)
    pooled = (past * rate + now * less) / (past + now)
    null = sqrt(pooled * (1 - pooled) * (1 / past + 1 / now))
    error = sqrt(rate * (1 - rate) / past + less * (1 - less) / now)
    each = (1 / past + 1 / now) / 2
    significant = stats.norm.cdf((rate - less - each - stats.norm.ppf(1 - 0.0005) * null) / error)
    log_error = sqrt((1 - rate) / (rate * past) + (1 - less) / (less * now))
    return float(min(significant, stats.norm.cdf((log(0.8) - log(1 - fall)) / log_error)))


def test_fates_of_messages_become_rates_by_day() -> None:
    # 40 not opened, 30 opened, 20 opened and clicked, ten redeemed without an open; all three days old but five.
    rows = [("email", (3 << 4) + bits, count) for bits, count in ((0, 40), (1, 30), (1 + 2 + 4, 20), (4 + 8, 10))]
    rows.append(("email", (4 << 4) + 0, 5))
    rates = {rate.definition.name: rate for rate in rates_of_messages(rows, date(2024, 6, 30), 3)}
    assert {name: rate.days[LAST] for name, rate in rates.items()} == {
        "open_rate": (50, 100), "click_rate": (20, 100), "click_to_open_rate": (20, 50), "response_rate": (30, 100),
        "conversion_rate": (10, 100),
    }  # fmt: skip
    assert rates["open_rate"].days[LAST - timedelta(days=1)] == (0, 5)
    assert {rate.last_day for rate in rates.values()} == {LAST}
    only_clicks = rates_of_messages(rows[:3], date(2024, 6, 30), 3)
    assert "response_rate" not in [rate.definition.name for rate in only_clicks]


def test_visits_become_rates_by_day() -> None:
    # Bits: ordered 1, viewed 2, put into the cart after a view 4, has a cart 8, ordered from it 16.
    rows = [(0, 0, 50), (0, 2, 30), (0, 2 + 4 + 8, 10), (0, 1 + 2 + 4 + 8 + 16, 8), (0, 1, 2), (1, 2, 7)]
    rates = {rate.definition.name: rate.days for rate in rates_of_visits(rows, LAST)}
    assert {name: days[LAST] for name, days in rates.items()} == {
        "view_to_cart_rate": (18, 48), "cart_to_order_rate": (8, 18), "conversion_rate": (10, 100),
    }  # fmt: skip
    assert rates["view_to_cart_rate"][LAST - timedelta(days=1)] == (0, 7)
    assert rates_of_visits([], LAST) == []
    assert {one.name for one in VISIT_RATES} == set(rates)
