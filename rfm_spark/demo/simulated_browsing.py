"""Simulated browsing: who visits when, and what a visit consists of; all drawn from a generator that is handed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timezone

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Words = NDArray[np.object_]

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
MOMENT = "datetime64[us, UTC]"
FIRST_DAY, LAST_DAY = date(2017, 7, 1), date(2017, 12, 31)

# What a visitor does after the first page, in an in-house tracker's own words, and how often.
_STEPS = {
    "view": 0.36, "page": 0.13, "catalog": 0.10, "query": 0.10, "filter": 0.06, "sort": 0.03, "addToCart": 0.08,
    "play": 0.05, "tap": 0.04, "wishlist": 0.02, "scroll": 0.03,
}  # fmt: skip
_WITH_PRODUCT = ("view", "addToCart", "wishlist", "play")
_PRODUCTS = 800
_HOURS = np.array([1, 1, 1, 1, 1, 2, 3, 4, 5, 5, 5, 5, 6, 6, 5, 5, 6, 7, 8, 9, 10, 9, 6, 3], dtype=np.float64)
_SPONTANEOUS_PER_WEEK = 0.2
_CHANCE_BEFORE_ORDER = 0.24
_PLACED_ONLINE = 0.3
_MOST_BEFORE_ORDER = 7 * DAY


@dataclass(frozen=True)
class Intents:
    """What moves the households: how much they browse, and whether on a phone."""

    strength: Floats
    on_app: Flags


@dataclass(frozen=True)
class Visits:
    """Visits that are to be filled with events; one entry each.

    `owner` is the place of the household (or visitor) in its list, `at` the microsecond since 1970 at which the visit
    begins or, where `buys`, at which it ends with an order.
    """

    owner: Ints
    at: Ints
    buys: Flags
    app: Flags


def micros(day: date) -> int:
    """The first microsecond of a day in UTC, counted from 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp()) * SECOND


def moments(at: Ints) -> pd.Series[pd.Timestamp]:
    """Microseconds since 1970 as a column of UTC timestamps."""
    return pd.Series(at.astype("datetime64[us]")).dt.tz_localize("UTC")


def random_moments(draw: np.random.Generator, first: date, last: date, count: int) -> Ints:
    """Moments from the first to the last day, both included, mostly in the evening."""
    days = draw.integers(0, (last - first).days + 1, count)
    hours = draw.choice(24, count, p=_HOURS / _HOURS.sum())
    return np.asarray(micros(first) + days * DAY + hours * HOUR + draw.integers(0, HOUR, count), dtype=np.int64)


def intents(draw: np.random.Generator, count: int) -> Intents:
    """A latent intent for each household; about one in eight never goes online."""
    online = draw.random(count) < 0.88
    return Intents(strength=draw.gamma(1.2, 1 / 1.2, count) * online, on_app=draw.random(count) < 0.4)


def household_visits(draw: np.random.Generator, who: Intents, owners: Ints, ordered: Ints) -> Visits:
    """Visits out of the blue, and the ones that lead to an order; the more the stronger the intent.

    Args:
        draw: the generator.
        who: intents of the households.
        owners: household of each order.
        ordered: moment of each order, microseconds since 1970.
    """
    weeks = ((LAST_DAY - FIRST_DAY).days + 1) / 7
    idle = np.repeat(np.arange(len(who.strength)), draw.poisson(who.strength * weeks * _SPONTANEOUS_PER_WEEK))
    idle_at = random_moments(draw, FIRST_DAY, LAST_DAY, len(idle))
    leads = draw.random(len(owners)) < 1 - np.exp(-_CHANCE_BEFORE_ORDER * who.strength[owners])
    drawn, drawn_at = owners[leads], ordered[leads]
    buys = draw.random(len(drawn)) < _PLACED_ONLINE
    pause = np.minimum(HOUR + draw.exponential(1.5 * DAY, len(drawn)), _MOST_BEFORE_ORDER).astype(np.int64)
    ahead = np.where(buys, draw.integers(SECOND, 60 * SECOND, len(drawn)), pause)
    owner = np.concatenate([idle, drawn])
    return Visits(
        owner=owner,
        at=np.concatenate([idle_at, drawn_at - ahead]),
        buys=np.concatenate([np.zeros(len(idle), dtype=np.bool_), buys]),
        app=draw.random(len(owner)) < np.where(who.on_app[owner], 0.8, 0.05),
    )


def walked(draw: np.random.Generator, visits: Visits) -> pd.DataFrame:
    """The events of visits, those that would leave the simulated days left out with their whole visit.

    Returns:
        Columns visit (place in `visits`), owner, at (microseconds since 1970), action, channel, product (or None).
    """
    lengths = np.where(draw.random(len(visits.at)) < 0.18, 1, 1 + draw.geometric(1 / 7, len(visits.at)))
    lengths = np.where(visits.buys, np.maximum(lengths, 4), lengths)
    visit = np.repeat(np.arange(len(lengths)), lengths)
    firsts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    place = np.arange(len(visit)) - firsts[visit]
    pauses = np.where(place == 0, 0, np.clip(draw.lognormal(np.log(25), 1.0, len(visit)), 2, 1200) * SECOND)
    along = np.cumsum(pauses.astype(np.int64))
    along -= along[firsts][visit]
    durations = along[firsts + lengths - 1]
    at = np.where(visits.buys, visits.at - durations, visits.at)[visit] + along
    action = _actions(draw, visit, place, (lengths[visit] - 1 - place), visits.buys[visit])
    rows = pd.DataFrame({"visit": visit, "owner": visits.owner[visit], "at": at, "action": action})
    rows["channel"] = np.where(visits.app[visit], "app", "web")
    rows["product"] = _products(draw, action)
    inside = (rows["at"] >= micros(FIRST_DAY)) & (rows["at"] < micros(LAST_DAY) + DAY)
    return rows[inside.groupby(rows["visit"]).transform("all")].reset_index(drop=True)


def contacts(
    draw: np.random.Generator, who: Intents, channel: str, rate: float, words: dict[str, float]
) -> pd.DataFrame:
    """Single events outside of web and app, `rate` per household on average; columns as of `walked`."""
    owner = np.repeat(np.arange(len(who.strength)), draw.poisson(rate * (0.3 + 0.7 * who.strength)))
    action = draw.choice(np.array(list(words), dtype=object), len(owner), p=list(words.values()))
    return pd.DataFrame(
        {
            "visit": np.arange(len(owner)),
            "owner": owner,
            "at": random_moments(draw, FIRST_DAY, LAST_DAY, len(owner)),
            "action": action,
            "channel": channel,
            "product": _products(draw, action),
        }
    )


def travel_times(draw: np.random.Generator, app: Flags) -> Ints:
    """How long events take to arrive, in microseconds; a phone without a net sends them hours later."""
    soon = draw.integers(SECOND // 5, 20 * SECOND, len(app))
    offline = app & (draw.random(len(app)) < 0.03)
    return np.where(offline, draw.integers(HOUR, 9 * HOUR, len(app)), soon).astype(np.int64)


def _actions(draw: np.random.Generator, visit: Ints, place: Ints, to_go: Ints, buys: Flags) -> Words:
    steps = np.array(list(_STEPS), dtype=object)
    action = draw.choice(steps, len(visit), p=np.array(list(_STEPS.values())))
    entry = draw.choice(np.array(["home", "catalog", "view"], dtype=object), len(visit), p=[0.5, 0.2, 0.3])
    action = np.where(place == 0, entry, action)
    seen = pd.Series(action == "view").groupby(visit).cummax().to_numpy()
    # Nobody puts into the cart what they have not looked at.
    action = np.where((action == "addToCart") & ~seen, "view", action)
    for remaining, word in ((2, "view"), (1, "addToCart"), (0, "purchase")):
        action = np.where(buys & (to_go == remaining), word, action)
    return np.asarray(action, dtype=np.object_)


def _products(draw: np.random.Generator, action: Words) -> Words:
    numbers = (_PRODUCTS * draw.random(len(action)) ** 2.5).astype(np.int64)
    names = np.array([f"p{number:04d}" for number in range(_PRODUCTS)], dtype=np.object_)[numbers]
    names[~np.isin(action, _WITH_PRODUCT)] = None
    return names
