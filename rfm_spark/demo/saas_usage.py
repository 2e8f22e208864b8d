"""Simulated usage: on which days accounts log in, which features they use then, and how it fades before they leave."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rfm_spark.demo.saas_lives import FEATURES, FIRST_DAY, LAST_DAY, PLANS, Lives
from rfm_spark.demo.simulated_browsing import DAY, HOUR, SECOND, Floats, Ints, micros

LOGIN = "login"
# So many days before they leave accounts begin to come less; from then on they come seldom, and at last not at all.
FADES_DAYS, _SELDOM_DAYS, SILENT_DAYS = 84, 56, 10
_SELDOM = 0.35
_TRIAL_DAYS = 14
_NEVER = 10**6
_COMES_ON_ITS_DAYS, _COMES_ON_OTHERS = 0.95, 0.015
# Days a week that are theirs, and how often each of two more is, by plan.
_DAYS, _MORE_DAYS = np.array([1, 2, 3]), np.array([0.2, 0.15, 0.2])
# As a factor, it makes the rarest visit certain.
_SURELY = 100.0
# Who comes seldom does more of what they came for at once.
_USES_IN_A_SESSION, _USES_MORE = 0.34, 0.45
_ACTIONS = ("page_view", "click", "search")
_HOW_OFTEN = (0.55, 0.38, 0.07)


def simulated_usage(draw: np.random.Generator, lives: Lives) -> pd.DataFrame:
    """Invent what accounts did in the product.

    Args:
        draw: the generator.
        lives: what they subscribed to.

    Returns:
        By time: account, at (microseconds since 1970), action, feature (None for a login) and session (a number).
    """
    plan = _plan_by_day(lives)
    care = _care(lives)
    comes = draw.random(plan.shape) < _habit(draw, plan) * care
    account, day = np.nonzero(comes)
    begins = micros(FIRST_DAY) + day * DAY + draw.integers(7 * HOUR, 20 * HOUR, len(day))
    used = lives.adopts[account, plan[account, day]]
    uses_one = _USES_IN_A_SESSION + _USES_MORE * (1 - np.minimum(care[account, day], 1))
    session, feature = np.nonzero(used & (draw.random(used.shape) < uses_one[:, None]))
    # Features come in any order, seconds to minutes apart.
    along = (draw.random(len(session)) * 20 * 60 * SECOND).astype(np.int64) + 5 * SECOND
    action = draw.choice(np.array(_ACTIONS, dtype=np.object_), len(session), p=_HOW_OFTEN)
    logins = pd.DataFrame({"account": account, "at": begins, "action": LOGIN, "session": np.arange(len(day))})
    uses = pd.DataFrame(
        {
            "account": account[session],
            "at": begins[session] + along,
            "action": action,
            "session": session,
            "feature": np.array(FEATURES, dtype=np.object_)[feature],
        }
    )
    rows = pd.concat([logins.assign(feature=None), uses], ignore_index=True)
    return rows.sort_values(["at", "session"], kind="stable", ignore_index=True)


def _days() -> int:
    return (LAST_DAY - FIRST_DAY).days + 1


def _plan_by_day(lives: Lives) -> Ints:
    """By account and day the plan: the one they try before they subscribe; that of who has none is never looked at."""
    plan = np.repeat(lives.asked[:, None], _days(), axis=1)
    versions = lives.versions
    for account, taken, start in zip(versions["account"], versions["plan"], _day_of(versions["began"]), strict=True):
        plan[account, start:] = taken
    return plan


def _habit(draw: np.random.Generator, plan: Ints) -> Floats:
    """By account and day, how likely who cares comes: they have days of the week of their own."""
    count = len(plan)
    rank = draw.permuted(np.tile(np.arange(5), (count, 1)), axis=1)
    more = draw.random((count, 1, 2))
    days_a_week = _DAYS + (more < _MORE_DAYS[None, :, None]).sum(axis=2)
    theirs = np.zeros((count, len(PLANS), 7), dtype=np.bool_)
    theirs[:, :, :5] = rank[:, None, :] < days_a_week[:, :, None]
    weekday = (FIRST_DAY.weekday() + np.arange(plan.shape[1])) % 7
    habit = theirs[np.arange(count)[:, None], plan, weekday[None, :]]
    return np.asarray(np.where(habit, _COMES_ON_ITS_DAYS, _COMES_ON_OTHERS), dtype=np.float64)


def _care(lives: Lives) -> Floats:
    """By account and day: 0 for who has nothing to log in to, 1 for who does, less for those about to leave."""
    days = np.arange(_days())
    care = np.zeros((len(lives.asked), len(days)))
    first = (lives.signed_up - np.datetime64(FIRST_DAY)).astype(np.int64)
    trial = (days >= first[:, None]) & (days < first[:, None] + _TRIAL_DAYS)
    care[trial] = 0.7
    versions = lives.versions
    starts, ends = _day_of(versions["began"]), np.minimum(_day_of(versions["ended"]), len(days))
    for account, start, end in zip(versions["account"], starts, ends, strict=True):
        care[account, start:end] = 1.0
    leavers = versions[versions["leaves"]]
    for account, end in zip(leavers["account"], _day_of(leavers["ended"]), strict=True):
        fading = np.interp(
            end - days, (SILENT_DAYS, SILENT_DAYS + 1, _SELDOM_DAYS, FADES_DAYS), (0, _SELDOM, _SELDOM, 1)
        )
        care[account, :end] *= fading[:end]
    # Who subscribes looks at what they have bought.
    firsts = versions[versions["began"] <= pd.Timestamp(LAST_DAY)].drop_duplicates("subscription")
    care[firsts["account"], _day_of(firsts["began"])] = _SURELY
    return care


def _day_of(column: pd.Series[pd.Timestamp]) -> Ints:
    """Days since the first one; beyond all of them for what goes on."""
    return np.asarray((column - pd.Timestamp(FIRST_DAY)).dt.days.fillna(_NEVER).to_numpy(), dtype=np.int64)
