"""Simulated accounts of a company that sells software by the month: who subscribes, changes plan and leaves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rfm_spark.demo.simulated_browsing import Flags, Floats, Ints

Days = NDArray[np.datetime64]

PLANS = ("starter", "mid", "enterprise")
FEATURES = (
    "dashboards", "reports", "alerts", "imports", "exports", "sharing", "integrations", "api", "automation",
)  # fmt: skip
# What makes accounts of the mid plan stay, and what only looks like it since larger plans use it more.
CAUSE, DECOY = "automation", "api"
FIRST_DAY, LAST_DAY = date(2023, 1, 1), date(2024, 6, 30)
# Lives go on behind the last day, so that on it some are about to leave.
HORIZON = date(2024, 9, 30)

_NONE = -1
_GOES_ON = np.datetime64("2999-01-01")
_TRIAL_DAYS = 14
_SUBSCRIBES = 0.91
_FIRST_PLAN = (0.29, 0.64, 0.07)
_YEARLY = np.array([0.10, 0.12, 0.40])
_INDUSTRIES = ("retail", "software", "manufacturing", "health", "finance", "education")
# Shares of accounts that adopt a feature, by plan.
ADOPTED = np.array(
    [
        [0.90, 0.70, 0.40, 0.60, 0.55, 0.35, 0.20, 0.08, 0.20],
        [0.92, 0.80, 0.60, 0.70, 0.60, 0.50, 0.50, 0.35, 0.50],
        [0.95, 0.90, 0.80, 0.75, 0.70, 0.80, 0.85, 0.90, 0.85],
    ]
)
# Chance to leave at the end of a paid month: by plan, and whether the account adopts CAUSE.
_LEAVES = np.array([[0.055, 0.055], [0.078, 0.026], [0.010, 0.010]])
# A year is left as often as so many months, at its end.
_YEAR_AS_MONTHS = 4
# Of those who stay, a month: to a larger plan, to a smaller one, a pause, more seats.
_UP, _DOWN = np.array([0.014, 0.003, 0.0]), np.array([0.0, 0.006, 0.010])
_PAUSES, _GROWS = 0.005, 0.012
_COMES_BACK = 0.012
_BASE, _SEAT = np.array([19, 59, 250]), np.array([5, 8, 12])
_SEATS_FROM, _SEATS_TO = np.array([1, 4, 20]), np.array([4, 16, 70])


@dataclass(frozen=True)
class Lives:
    """What accounts did about their subscriptions; accounts are numbers.

    Attributes:
        signed_up: day of each account.
        industry: of each account.
        asked: plan that each signed up for (place in PLANS).
        subscribes: whether each ever subscribed.
        adopts: by account, plan and feature, whether it uses the feature while in the plan.
        versions: account, subscription, plan, yearly, seats, price (of the interval), began, ended (NaT while it goes
            on) and leaves (ended for good, not by a change or a pause); up to HORIZON.
        decisions: account, plan, at and left: each month's end at which somebody who pays by the month could leave.
    """

    signed_up: Days
    industry: NDArray[np.object_]
    asked: Ints
    subscribes: Flags
    adopts: Flags
    versions: pd.DataFrame
    decisions: pd.DataFrame


def simulated_lives(draw: np.random.Generator, count: int) -> Lives:
    """Invent the accounts of 2023-01-01 to 2024-06-30, and what they go on to do until HORIZON.

    Args:
        draw: the generator.
        count: accounts.
    """
    days = (LAST_DAY - FIRST_DAY).days
    # A fifth comes when the product starts; afterwards some come every day.
    ahead = np.where(draw.random(count) < 0.2, draw.integers(0, 28, count), draw.integers(0, days - 20, count))
    signed_up = np.datetime64(FIRST_DAY) + np.sort(ahead)
    asked = draw.choice(len(PLANS), count, p=_FIRST_PLAN)
    subscribes = draw.random(count) < _SUBSCRIBES
    inclined = draw.random((count, 1, len(FEATURES)))
    adopts = inclined < ADOPTED[None, :, :]
    years = _Years(draw, signed_up, asked, subscribes, adopts[:, :, FEATURES.index(CAUSE)])
    for month in range(1, 22):
        years.pass_month(month)
    industry = draw.choice(np.array(_INDUSTRIES, dtype=np.object_), count)
    return Lives(signed_up, industry, asked, subscribes, adopts, years.versions(), years.decisions())


class _Years:
    """Month by month of all accounts at once, each from its own first day on."""

    def __init__(
        self, draw: np.random.Generator, signed_up: Days, asked: Ints, subscribes: Flags, adopts: Flags
    ) -> None:
        count = len(asked)
        self._draw, self._adopts = draw, adopts
        first = signed_up + _TRIAL_DAYS
        self._month = first.astype("datetime64[M]")
        # A day that every month has.
        self._day = np.minimum((first - self._month.astype("datetime64[D]")).astype(np.int64), 27)
        self._plan, self._pays = asked.copy(), subscribes.copy()
        self._yearly = draw.random(count) < _YEARLY[asked]
        self._size = draw.random(count)
        self._extra = np.zeros(count, dtype=np.int64)
        self._since = np.zeros(count, dtype=np.int64)
        self._resumes = np.full(count, _NONE)
        self._left = np.zeros(count, dtype=np.bool_)
        self._number = np.where(subscribes, np.arange(count), _NONE)
        self._next = count
        self._open: dict[str, NDArray[np.generic]] = {}
        self._closed: list[pd.DataFrame] = []
        self._decided: list[pd.DataFrame] = []
        self._began = self._at(0)
        self._version_began = self._began.copy()

    def _at(self, month: int) -> Days:
        """The day on which each account's month begins."""
        return np.asarray((self._month + month).astype("datetime64[D]") + self._day, dtype="datetime64[D]")

    def pass_month(self, month: int) -> None:
        """Everybody whose month ends decides, and those who paused or left may come back."""
        at = self._at(month)
        inside = at <= np.datetime64(HORIZON)
        due = self._pays & inside & (~self._yearly | ((month - self._since) % 12 == 0))
        chance = _LEAVES[self._plan, self._adopts[np.arange(len(at)), self._plan].astype(np.int64)]
        chance = np.where(self._yearly, chance * _YEAR_AS_MONTHS, chance)
        leaves = due & (self._draw.random(len(at)) < chance)
        asked = due & ~self._yearly
        decided = {"account": np.flatnonzero(asked), "plan": self._plan[asked], "at": at[asked], "left": leaves[asked]}
        self._decided.append(pd.DataFrame(decided))
        self._close(leaves, at, leaves=True)
        self._left |= leaves
        self._change(due & ~leaves, at, month)
        self._return(inside & ~leaves, at, month)

    def _change(self, stays: Flags, at: Days, month: int) -> None:
        """Some of those who stay take another plan, more seats, or a pause."""
        up, down = _UP[self._plan], _DOWN[self._plan]
        ends = np.cumsum([up, down, np.full(len(at), _PAUSES), np.full(len(at), _GROWS)], axis=0)
        chance = self._draw.random(len(at))
        step = (chance >= ends).sum(axis=0)
        rises, falls, pauses, grows = (stays & (step == place) for place in range(4))
        self._close(rises | falls | pauses | grows, at, leaves=False)
        self._plan = self._plan + rises - falls
        self._extra = np.where(rises | falls, 0, self._extra + grows * self._draw.integers(1, 5, len(at)))
        self._resumes = np.where(pauses, month + self._draw.integers(1, 4, len(at)), self._resumes)
        self._pays = self._pays & ~pauses
        self._version_began = np.where(rises | falls | grows, at, self._version_began)

    def _return(self, can: Flags, at: Days, month: int) -> None:
        """Pauses end, and some who left come back with a new subscription."""
        resumes = can & (self._resumes == month)
        returns = can & self._left & (self._draw.random(len(at)) < _COMES_BACK)
        back = resumes | returns
        self._pays, self._left = self._pays | back, self._left & ~returns
        self._since = np.where(back, month, self._since)
        self._version_began = np.where(back, at, self._version_began)
        self._number = np.where(returns, self._next + np.cumsum(returns) - 1, self._number)
        self._next += int(returns.sum())

    def _close(self, ends: Flags, at: Days, *, leaves: bool) -> None:
        self._closed.append(self._rows(ends).assign(ended=at[ends], leaves=leaves))
        if leaves:
            self._pays = self._pays & ~ends

    def _rows(self, chosen: Flags) -> pd.DataFrame:
        span = _SEATS_TO[self._plan] - _SEATS_FROM[self._plan]
        seats = _SEATS_FROM[self._plan] + (self._size * span).astype(np.int64) + self._extra
        monthly = _BASE[self._plan] + seats * _SEAT[self._plan]
        # Who pays for a year gets two months of it for nothing.
        price = monthly * np.where(self._yearly, 10, 1)
        columns = {
            "account": np.arange(len(chosen)), "subscription": self._number, "plan": self._plan,
            "yearly": self._yearly, "seats": seats, "price": price, "began": self._version_began,
        }  # fmt: skip
        return pd.DataFrame({name: values[chosen] for name, values in columns.items()})

    def versions(self) -> pd.DataFrame:
        """All versions, those that go on behind HORIZON among them."""
        going_on = self._rows(self._pays).assign(ended=_GOES_ON, leaves=False)
        every = pd.concat([*self._closed, going_on], ignore_index=True)
        every["ended"] = every["ended"].where(every["ended"] != _GOES_ON)
        return every.sort_values(["account", "began"], kind="stable", ignore_index=True)

    def decisions(self) -> pd.DataFrame:
        """Who could leave when, and did."""
        return pd.concat(self._decided, ignore_index=True)


def adopted(lives: Lives, feature: str, accounts: Ints, plans: Ints) -> Flags:
    """Whether accounts use a feature in plans."""
    return np.asarray(lives.adopts[accounts, plans, FEATURES.index(feature)], dtype=np.bool_)


def share(of: Flags | Floats) -> float:
    """The mean of what may be nobody."""
    return float(np.mean(of)) if len(of) else 0.0
