"""The simulated company: the same seed gives the same rows, and what was planted is in them and nothing else."""

from __future__ import annotations

import hashlib
import io
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd
import pytest

from rfm_spark.demo.saas_company import Company, Leaving, simulated_company
from rfm_spark.demo.saas_lives import FEATURES, LAST_DAY, PLANS, simulated_lives
from rfm_spark.demo.saas_usage import FADES_DAYS

TODAY = pd.Timestamp(LAST_DAY)


@pytest.fixture(scope="module")
def company() -> Company:
    return simulated_company()


def digest(frame: pd.DataFrame) -> str:
    file = io.BytesIO()
    frame.to_parquet(file)
    return hashlib.sha256(file.getvalue()).hexdigest()


def is_unlikely(leaving: Leaving) -> float:
    """By how many standard errors the rates differ."""
    pooled = (leaving.left + leaving.other_left) / (leaving.months + leaving.other_months)
    error = np.sqrt(pooled * (1 - pooled) * (1 / leaving.months + 1 / leaving.other_months))
    return float(abs(leaving.rate - leaving.other_rate) / error)


def test_the_same_seed_gives_the_same_rows(company: Company) -> None:
    again, other = simulated_company(), simulated_company(seed=5)
    for name in ("customers", "subscriptions", "events"):
        assert digest(getattr(again, name)) == digest(getattr(company, name))
        assert digest(getattr(other, name)) != digest(getattr(company, name))
    assert again.planted == company.planted


def test_it_is_as_large_as_it_says(company: Company) -> None:
    assert len(company.customers) == company.planted.accounts == 3000
    assert 400_000 < len(company.events) <= 600_000
    assert company.subscriptions["started_on"].max() <= TODAY
    assert company.events["ts"].max() < TODAY.tz_localize("UTC") + pd.Timedelta(days=1)
    assert set(company.events["feature"].dropna()) == set(FEATURES)
    assert company.events.loc[company.events["action"] == "login", "feature"].isna().all()
    subscribed = set(company.subscriptions["account_id"])
    assert len(subscribed) == company.planted.subscribers
    assert 0.05 < 1 - len(subscribed) / 3000 < 0.25


def test_in_the_mid_plan_who_does_not_adopt_the_feature_leaves_three_times_as_often(company: Company) -> None:
    planted = company.planted
    mid = planted.leaving["mid", planted.feature]
    # 2.6 and 7.8 % were asked for; rates of so many months are within three standard errors of them.
    for rate, asked, months in ((mid.rate, 0.026, mid.months), (mid.other_rate, 0.078, mid.other_months)):
        assert abs(rate - asked) < 3 * np.sqrt(asked * (1 - asked) / months)
    assert is_unlikely(mid) > 6
    assert planted.adoption_of_leavers < planted.adoption_of_stayers - 0.2


@pytest.mark.parametrize("plan", ["starter", "enterprise"])
def test_in_other_plans_the_feature_changes_nothing(company: Company, plan: str) -> None:
    assert is_unlikely(company.planted.leaving[plan, company.planted.feature]) < 3


def test_the_decoy_goes_with_the_plan_and_changes_nothing_within_it(company: Company) -> None:
    planted = company.planted
    rows = {plan: planted.leaving[plan, planted.decoy] for plan in PLANS}
    adoption = [rows[plan].months / (rows[plan].months + rows[plan].other_months) for plan in PLANS]
    assert adoption == sorted(adoption)
    assert adoption[2] > adoption[0] + 0.5
    assert is_unlikely(rows["mid"]) < 3
    # Over all plans it looks as if it kept accounts.
    months, left, other_months, other_left = (
        sum(getattr(one, name) for one in rows.values()) for name in ("months", "left", "other_months", "other_left")
    )
    assert is_unlikely(Leaving(months, left, other_months, other_left)) > 2


def test_usage_fades_before_an_account_leaves(company: Company) -> None:
    logins = company.events[company.events["action"] == "login"].assign(
        day=lambda rows: rows["ts"].dt.tz_localize(None)
    )
    ended = company.subscriptions.dropna(subset=["ended_on"]).drop_duplicates("account_id", keep="last")
    starts = company.subscriptions.groupby("account_id")["started_on"].agg(["min", "max"])
    ended = ended.join(starts, on="account_id")
    # Gone for good, and there for some months before.
    gone = ended[(ended["max"] < ended["ended_on"]) & (ended["ended_on"] - ended["min"] > pd.Timedelta(days=180))]
    visits = logins.merge(gone[["account_id", "ended_on"]], on="account_id")
    ahead = (visits["ended_on"] - visits["day"]).dt.days
    early = ahead.between(FADES_DAYS + 30, FADES_DAYS + 59).sum()
    late = ahead.between(0, 29).sum()
    assert early > 200
    assert late < 0.4 * early


def test_the_revenue_planted_is_that_of_its_rows(company: Company) -> None:
    rows = company.subscriptions
    runs = rows[rows["ended_on"].isna()].drop_duplicates()
    months = runs["billing"].map({"month": 1, "year": 12})
    parts = [
        (price / number).quantize(Decimal("0.01"), ROUND_HALF_UP)
        for price, number in zip(runs["price"], months, strict=True)
    ]
    assert sum(parts, Decimal(0)) == company.planted.mrr
    assert runs["account_id"].nunique() == company.planted.running


def test_faults_are_as_many_as_were_planted(company: Company) -> None:
    rows, events, dirt = company.subscriptions, company.events, company.planted.dirt
    assert rows.duplicated().sum() == dirt.repeated_rows
    assert (rows["ended_on"] < rows["started_on"]).sum() == dirt.ends_before_start
    once = rows.drop_duplicates()
    assert once.duplicated(["subscription_id", "started_on"]).sum() == dirt.same_day_changes
    last = events.groupby("account_id")["ts"].max().dt.tz_localize(None).dt.normalize()
    first = rows[~(rows["ended_on"] < rows["started_on"])].groupby("account_id")["started_on"].min()
    both = pd.concat([last.rename("last"), first.rename("first")], axis=1)
    assert (both["last"] < both["first"]).sum() == dirt.usage_before_start
    assert len(set(events["account_id"]) - set(company.customers["account_id"])) == dirt.unknown_accounts
    recent = both[both["last"] >= TODAY - pd.Timedelta(days=90)]
    assert recent["first"].isna().sum() == dirt.without_subscription
    running = set(once.loc[once["ended_on"].isna(), "account_id"])
    assert len(running - set(recent.index)) == dirt.without_usage
    assert all(value > 0 for value in vars(dirt).values())


def test_versions_of_a_subscription_follow_each_other() -> None:
    lives = simulated_lives(np.random.default_rng(8), 1500)
    rows = lives.versions
    assert (rows["ended"].isna() | (rows["ended"] > rows["began"])).all()
    following = rows.groupby("account")["began"].shift(-1)
    assert (following.isna() | (rows["ended"] <= following)).all()
    pauses = rows[(rows["ended"] < following) & ~rows["leaves"]]
    back = rows["leaves"] & following.notna()
    yearly = rows[rows["yearly"] & rows["ended"].notna()]
    assert len(pauses) > 10
    assert back.sum() > 10
    assert ((yearly["ended"] - yearly["began"]).dt.days >= 365).all()
    assert {"up", "down"} == {
        "up" if later > now else "down"
        for now, later in zip(rows["plan"], rows.groupby("account")["plan"].shift(-1), strict=True)
        if later >= 0 and later != now
    }
