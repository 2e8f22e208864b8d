"""Faults planted in the simulated company's rows, of kinds that the checks know, with their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from rfm_spark.demo.saas_lives import LAST_DAY
from rfm_spark.demo.simulated_browsing import DAY, HOUR, Ints, Words, micros

# Of the last day: events further back are not looked at by a run.
READ_DAYS = 90
_REPEATED, _BACKWARDS, _TAKEN_BACK, _UNUSED, _UNKNOWN, _BEFORE = 12, 6, 9, 4, 5, 7
_EVENTS_OF_UNKNOWN = 12


@dataclass(frozen=True)
class Dirt:
    """How many faults were planted.

    Attributes:
        repeated_rows: rows of subscriptions that are there twice.
        ends_before_start: subscriptions that end before they start.
        same_day_changes: changes of plan that were taken back on their day.
        usage_before_start: accounts that used the product before their subscription only.
        without_usage: accounts with a running subscription and no event in READ_DAYS.
        unknown_accounts: accounts with events, and in no other table.
        without_subscription: accounts with events in READ_DAYS and no subscription, unknown ones among them; the
            others are trials, no fault.
    """

    repeated_rows: int
    ends_before_start: int
    same_day_changes: int
    usage_before_start: int
    without_usage: int
    unknown_accounts: int
    without_subscription: int


def with_dirt(
    draw: np.random.Generator, customers: pd.DataFrame, subscriptions: pd.DataFrame, events: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, Dirt]:
    """Subscriptions and events with faults in them, of which only late starts change what accounts pay.

    Args:
        draw: the generator.
        customers: account_id and signed_up_on of all.
        subscriptions: account_id, subscription_id, plan, started_on, ended_on, price and billing.
        events: account_id, at (microseconds), action, feature, session.
    """
    subscribed = set(subscriptions["account_id"])
    late = _late_starts(draw, customers, subscribed, events)
    chosen = draw.choice(len(subscriptions), _REPEATED + _BACKWARDS + _TAKEN_BACK, replace=False)
    again, backwards, back = np.split(chosen, np.cumsum([_REPEATED, _BACKWARDS]))
    rows = pd.concat(
        [subscriptions, late, subscriptions.iloc[again], _backwards(subscriptions.iloc[backwards]),
         _taken_back(subscriptions.iloc[back])], ignore_index=True,
    )  # fmt: skip
    unused = _unused(draw, subscriptions)
    since = micros(LAST_DAY - timedelta(days=READ_DAYS + 10))
    kept = events[~(events["account_id"].isin(unused) & (events["at"] >= since))]
    every = pd.concat([kept, _of_unknown(draw)], ignore_index=True).sort_values("at", kind="stable", ignore_index=True)
    recent = set(every.loc[every["at"] >= micros(LAST_DAY - timedelta(days=READ_DAYS)), "account_id"])
    dirt = Dirt(
        repeated_rows=_REPEATED,
        ends_before_start=_BACKWARDS,
        same_day_changes=_TAKEN_BACK,
        usage_before_start=_BEFORE,
        without_usage=_UNUSED,
        unknown_accounts=_UNKNOWN,
        without_subscription=len(recent - subscribed - set(late["account_id"])),
    )
    return rows, every, dirt


def _late_starts(
    draw: np.random.Generator, customers: pd.DataFrame, subscribed: set[str], events: pd.DataFrame
) -> pd.DataFrame:
    """Subscriptions, bought in the last days, of accounts that tried the product weeks before and never came back."""
    last = events.groupby("account_id")["at"].max()
    tried = last[~last.index.isin(subscribed)]
    recently = tried[tried.between(micros(LAST_DAY - timedelta(days=75)), micros(LAST_DAY - timedelta(days=20)))]
    accounts = draw.choice(recently.index.to_numpy(dtype=np.object_), _BEFORE, replace=False)
    start = pd.Timestamp(LAST_DAY) - pd.to_timedelta(draw.integers(1, 12, _BEFORE), unit="D")
    plans = customers.set_index("account_id").loc[accounts, "plan"].to_numpy()
    return pd.DataFrame(
        {
            "account_id": accounts, "subscription_id": [f"L{number:04d}" for number in range(_BEFORE)], "plan": plans,
            "started_on": start, "ended_on": pd.NaT, "price": 59, "billing": "month",
        }
    )  # fmt: skip


def _backwards(rows: pd.DataFrame) -> pd.DataFrame:
    ids = [f"B{number:04d}" for number in range(len(rows))]
    return rows.assign(subscription_id=ids, ended_on=rows["started_on"] - pd.Timedelta(days=30))


def _taken_back(rows: pd.DataFrame) -> pd.DataFrame:
    """Another plan from the same day on, that ends on it."""
    return rows.assign(plan="enterprise", price=990, billing="month", ended_on=rows["started_on"])


def _unused(draw: np.random.Generator, subscriptions: pd.DataFrame) -> Words:
    """Accounts that have paid for long and do not log in any more."""
    long_ago = pd.Timestamp(LAST_DAY) - pd.Timedelta(days=200)
    runs = subscriptions["ended_on"].isna() & (subscriptions["started_on"] < long_ago)
    accounts = subscriptions.loc[runs & (subscriptions["plan"] == "enterprise"), "account_id"].unique()
    return np.asarray(draw.choice(accounts, _UNUSED, replace=False), dtype=np.object_)


def _of_unknown(draw: np.random.Generator) -> pd.DataFrame:
    count = _UNKNOWN * _EVENTS_OF_UNKNOWN
    days: Ints = draw.integers(1, 50, count)
    names = np.array([f"X{number:04d}" for number in range(_UNKNOWN)], dtype=np.object_)
    return pd.DataFrame(
        {
            "account_id": np.repeat(names, _EVENTS_OF_UNKNOWN),
            "at": micros(LAST_DAY) - days * DAY + draw.integers(8 * HOUR, 18 * HOUR, count),
            "action": "page_view",
            "feature": None,
            "session": [f"x{number:04d}" for number in range(count)],
        }
    )
