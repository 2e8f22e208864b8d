"""Silences of streams: chances worked by hand, and simulated streams that nothing is wrong with."""

from __future__ import annotations

import importlib
from datetime import date, timedelta
from math import comb

import numpy as np
import pytest

from rfm_spark.capabilities.drift.silence import chance_of_silence, longest_pause, no_chance
from rfm_spark.capabilities.drift.tracking import tracking_health

stats = importlib.import_module("scipy.stats")
AS_OF = date(2024, 6, 30)


def dated(rows: list[int] | np.ndarray) -> dict[date, int]:
    """Rows by day, the last one on as_of."""
    return {AS_OF - timedelta(days=len(rows) - 1 - at): int(count) for at, count in enumerate(rows) if count}


def test_rows_at_random_are_silent_as_gamma_and_poisson_say() -> None:
    # One row in each of 28 days, and none in the three since: the predictive distribution is negative binomial.
    chance = chance_of_silence(dated([1] * 28 + [0] * 3), AS_OF)
    assert chance == pytest.approx(stats.nbinom(28, 28 / 31).pmf(0))


def test_pauses_that_were_seen_go_on() -> None:
    # 90 days of thousands of rows, with pauses of 1, 2 and 3 days: six silent days, after three of them another one.
    awake = [True] * 90
    for day in (20, 40, 41, 60, 61, 62):
        awake[day] = False
    silent = 5
    chance = chance_of_silence(dated([5000 * has for has in awake] + [0] * silent), AS_OF)
    goes_on = stats.betabinom(silent - 1, 3 + 0.5, 3 + 0.5).pmf(silent - 1)
    assert chance == pytest.approx(6.5 / 91 * goes_on)
    assert longest_pause(awake) == 3
    # No longer than before: nothing to judge.
    assert chance_of_silence(dated([5000 * has for has in awake] + [0] * 3), AS_OF) == 1


def test_what_was_not_sent_is_not_missed() -> None:
    answers = dated([50] * 60 + [0] * 6)
    assert chance_of_silence(answers, AS_OF, dated([500] * 60 + [0] * 6)) == 1
    # Sent on the last day alone: the answers may come tomorrow.
    assert chance_of_silence(answers, AS_OF, dated([500] * 60 + [0] * 5 + [500])) == 1
    # Three of 30 that are sent a day are answered: of nine sent since none is, which is often so.
    few = dated([3] * 60 + [0] * 6)
    sent = dated([30] * 60 + [3, 3, 3, 0, 0, 0])
    assert chance_of_silence(few, AS_OF, sent) == pytest.approx(comb(1809 - 180, 9) / comb(1809, 9))


@pytest.mark.parametrize(
    ("rows", "days"),
    [
        ([50] * 90, 2),
        # Silent each weekend, which does not count.
        ([50 * (day % 7 < 5) for day in range(89)], 4),
        ([50 * (day % 2) for day in range(90)], 4),
    ],
)
def test_what_stops_is_noticed_soon_among_forty(rows: list[int], days: int) -> None:
    def validated(silent: int) -> bool:
        return no_chance([chance_of_silence(dated([*rows, *[0] * silent]), AS_OF), *[1.0] * 39])[0]

    assert [validated(silent) for silent in (days - 1, days, days + 10)] == [False, True, True]


def simulated(world: str, rng: np.random.Generator, days: int) -> np.ndarray:
    """Rows per day of a stream that nothing is wrong with."""
    if world == "rows at random":
        return np.asarray(rng.poisson(10 ** rng.uniform(-1.5, 2.5), days))
    rows: np.ndarray = rng.poisson(200, days) + 1
    if world == "weekdays":
        return np.where((np.arange(days) + rng.integers(7)) % 7 < 5, rows, 0)
    if world == "weekly mailings":
        return np.where((np.arange(days) + rng.integers(7)) % 7 == 0, rows, 0)
    if world == "mailings at random":
        return np.where(rng.random(days) < rng.uniform(0.1, 0.9), rows, 0)
    mean_on, mean_off = rng.uniform(2, 12), rng.uniform(1, 6)
    awake, on = np.zeros(days, dtype=bool), bool(rng.random() < mean_on / (mean_on + mean_off))
    for day in range(days):
        awake[day] = on
        on ^= bool(rng.random() < 1 / (mean_on if on else mean_off))
    return np.where(awake, rows, 0)


WORLDS = ("rows at random", "weekdays", "weekly mailings", "mailings at random", "campaigns and pauses")


@pytest.mark.parametrize("days", [36, 60, 97])
@pytest.mark.parametrize("world", WORLDS)
def test_at_most_one_run_in_a_hundred_warns_without_cause(world: str, days: int) -> None:
    rng, runs = np.random.default_rng(20240630), 200
    worlds = ([dated(simulated(world, rng, days)) for _ in range(40)] for _ in range(runs))
    warned = (any(no_chance([chance_of_silence(one, AS_OF) for one in streams if one])) for streams in worlds)
    # Of campaigns and pauses 0.7 % of 1,500 runs do, of the other worlds fewer; two hundred vary by more.
    assert sum(warned) <= stats.binom(runs, 0.007).ppf(0.95)


def test_mailings_that_pause_are_not_called_stopped() -> None:
    """A tracker that stops beside mailings that pause, five days where three were the longest of five weeks."""
    rng = np.random.default_rng(7)
    mailed = 400 * (rng.random(86) < 0.6)
    mailed[-9:] = [400, 0, 0, 0, 400, 400, 0, 400, 400]
    sent = [*mailed.tolist(), *[0] * 5]
    series = {("email", kind): dated([int(n * share) for n in sent]) for kind, share in (
        ("delivered", 1.0), ("opened", 0.3), ("clicked", 0.05), ("unsubscribed", 0.005),
    )}  # fmt: skip
    found = tracking_health("messages", series, AS_OF, AS_OF - timedelta(days=90))
    assert {one.kind: one.status for one in found if one.kind != "delivered"} == dict.fromkeys(
        ("opened", "clicked", "unsubscribed"), "paused"
    )
    assert "stopped" not in [one.status for one in found]
    # Delivered every day, and nobody clicks any more.
    daily = {**series, ("email", "delivered"): dated([400] * 91), ("email", "clicked"): dated([20] * 86 + [0] * 5)}
    assert {one.kind for one in tracking_health("messages", daily, AS_OF, AS_OF - timedelta(days=90))
            if one.status == "stopped"} == {"clicked"}  # fmt: skip
