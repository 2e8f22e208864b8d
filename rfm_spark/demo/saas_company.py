"""A simulated company that sells software by the month: its accounts, what they pay and use, and what was planted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd

from rfm_spark.demo.saas_dirt import Dirt, with_dirt
from rfm_spark.demo.saas_lives import CAUSE, DECOY, LAST_DAY, PLANS, Lives, adopted, share, simulated_lives
from rfm_spark.demo.saas_usage import simulated_usage
from rfm_spark.demo.simulated_browsing import Words, moments

ACCOUNTS = 3000
SEED = 20240630
MID = "mid"


@dataclass(frozen=True)
class Leaving:
    """Who could leave at a month's end, and did, of accounts that pay by the month.

    Attributes:
        months: of accounts that adopt the feature.
        left: of these, how many ended the subscription.
        other_months: of accounts that do not adopt it.
        other_left: of these, how many ended it.
    """

    months: int
    left: int
    other_months: int
    other_left: int

    @property
    def rate(self) -> float:
        """Share that left a month, of those who adopt."""
        return self.left / self.months if self.months else 0.0

    @property
    def other_rate(self) -> float:
        """Share that left a month, of those who do not."""
        return self.other_left / self.other_months if self.other_months else 0.0


@dataclass(frozen=True)
class Planted:
    """What is known of the simulated company, since it was put there; all of it as of the last day.

    Attributes:
        feature: whose adoption keeps accounts of the plan.
        decoy: a feature that larger plans adopt more, and that keeps nobody within the plan.
        plan: in which the feature matters.
        accounts: simulated, those of the faults left out.
        subscribers: of these, who subscribed up to the last day.
        running: accounts with a running subscription.
        mrr: what they pay a month, each version rounded half-up to cents.
        adoption_of_stayers: share that adopts the feature of accounts in the plan on the last day that stay on.
        adoption_of_leavers: the same of accounts that left from the plan, or will in the three months ahead.
        leaving: by plan and feature, who left; the feature and the decoy.
        dirt: faults.
    """

    feature: str
    decoy: str
    plan: str
    accounts: int
    subscribers: int
    running: int
    mrr: Decimal
    adoption_of_stayers: float
    adoption_of_leavers: float
    leaving: Mapping[tuple[str, str], Leaving]
    dirt: Dirt


@dataclass(frozen=True)
class Company:
    """The simulated tables.

    Attributes:
        customers: account_id, signed_up_on, plan, industry.
        subscriptions: account_id, subscription_id, plan, started_on, ended_on, price (cents exact), billing.
        events: account_id, ts (UTC), action, feature, session.
        planted: what is in them.
    """

    customers: pd.DataFrame
    subscriptions: pd.DataFrame
    events: pd.DataFrame
    planted: Planted


def simulated_company(seed: int = SEED, accounts: int = ACCOUNTS) -> Company:
    """Invent the company from 2023-01-01 to 2024-06-30.

    In the mid plan an account that does not adopt CAUSE leaves about three times as often as one that does, and what
    any account does in the product fades in the weeks before it leaves. No other feature has an effect.

    Args:
        seed: of the random numbers; the same one gives the same rows.
        accounts: how many; a thousand at least, or there is no room for the faults.
    """
    draw = np.random.default_rng([seed, 3])
    lives = simulated_lives(draw, accounts)
    names = np.array([f"A{number:05d}" for number in range(accounts)], dtype=np.object_)
    customers = pd.DataFrame(
        {
            "account_id": names,
            "signed_up_on": pd.to_datetime(lives.signed_up),
            "plan": np.array(PLANS, dtype=np.object_)[lives.asked],
            "industry": lives.industry,
        }
    )
    subscriptions, events = _subscriptions(lives, names), simulated_usage(draw, lives)
    events = events.assign(account_id=names[events["account"].to_numpy()], session=_sessions(events["session"]))
    rows, every, dirt = with_dirt(draw, customers, subscriptions, events.drop(columns="account"))
    frame = every.assign(ts=moments(every["at"].to_numpy(dtype=np.int64)))
    columns = ["account_id", "ts", "action", "feature", "session"]
    return Company(customers, _priced(rows), frame[columns], _planted(lives, rows, dirt))


def _sessions(numbers: pd.Series[int]) -> Words:
    words = np.array([f"s{number:06d}" for number in range(int(numbers.max()) + 1)], dtype=np.object_)
    return words[numbers.to_numpy()]


def _subscriptions(lives: Lives, names: Words) -> pd.DataFrame:
    """Versions that began by the last day; that one will end is not known yet."""
    versions = lives.versions[lives.versions["began"] <= pd.Timestamp(LAST_DAY)].reset_index(drop=True)
    return pd.DataFrame(
        {
            "account_id": names[versions["account"].to_numpy()],
            "subscription_id": [f"S{number:05d}" for number in versions["subscription"]],
            "plan": np.array(PLANS, dtype=np.object_)[versions["plan"].to_numpy()],
            "started_on": versions["began"],
            "ended_on": versions["ended"].where(versions["ended"] <= pd.Timestamp(LAST_DAY)),
            "price": versions["price"],
            "billing": np.where(versions["yearly"], "year", "month").astype(np.object_),
        }
    )


def _priced(rows: pd.DataFrame) -> pd.DataFrame:
    exact = np.array([Decimal(int(price)).quantize(Decimal("0.01")) for price in rows["price"]], dtype=np.object_)
    return rows.assign(price=exact)


def _planted(lives: Lives, rows: pd.DataFrame, dirt: Dirt) -> Planted:
    today = pd.Timestamp(LAST_DAY)
    runs = rows[rows["ended_on"].isna()].drop_duplicates()
    # A part of a year's price, half a cent up.
    cents = np.where(runs["billing"] == "year", (runs["price"] * 200 + 12) // 24, runs["price"] * 100)
    versions, of_plan = lives.versions, PLANS.index(MID)
    known = versions[(versions["plan"] == of_plan) & (versions["began"] <= today)]
    leavers = known[known["leaves"]]
    going_on = known[(known["ended"].isna() | (known["ended"] > today)) & ~known["leaves"]]
    return Planted(
        feature=CAUSE,
        decoy=DECOY,
        plan=MID,
        accounts=len(lives.asked),
        subscribers=int(rows["account_id"].nunique()),
        running=int(runs["account_id"].nunique()),
        mrr=Decimal(int(cents.sum())) / 100,
        adoption_of_stayers=_adoption(lives, going_on),
        adoption_of_leavers=_adoption(lives, leavers),
        leaving={(plan, feature): _leaving(lives, plan, feature) for plan in PLANS for feature in (CAUSE, DECOY)},
        dirt=dirt,
    )


def _adoption(lives: Lives, versions: pd.DataFrame) -> float:
    return share(adopted(lives, CAUSE, versions["account"].to_numpy(), versions["plan"].to_numpy()))


def _leaving(lives: Lives, plan: str, feature: str) -> Leaving:
    asked = lives.decisions
    asked = asked[(asked["plan"] == PLANS.index(plan)) & (asked["at"] <= pd.Timestamp(LAST_DAY))]
    uses = adopted(lives, feature, asked["account"].to_numpy(), asked["plan"].to_numpy())
    left = asked["left"].to_numpy(dtype=np.bool_)
    return Leaving(int(uses.sum()), int((uses & left).sum()), int((~uses).sum()), int((~uses & left).sum()))
