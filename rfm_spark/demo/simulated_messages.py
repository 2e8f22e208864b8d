"""Messages of the demo: simulated ones with known tiers and planted dirt, and the real coupon mailings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from rfm_spark.capabilities.engagement.words import TIERS
from rfm_spark.demo.simulated_browsing import DAY, HOUR, LAST_DAY, SECOND, Floats, Ints, Words, micros, moments

MESSAGE_FRAME = ("household_id", "message_id", "ts", "event", "campaign", "channel")
WINDOW_DAYS, RESPONSE_DAYS, MIN_MESSAGES = 90, 30, 5
FIRST_SENT = date(2017, 9, 15)
# Dirt lies within what is judged as of the last day, and away from the edges of it.
DIRTY_FROM, LATE_TO = date(2017, 10, 5), date(2017, 11, 20)
_SHARES = (0.20, 0.42, 0.38)
# Of the mails delivered, opened and clicked: well on their side of 0.75 and 0.50, 0.30 and 0.10.
_OPENED, _CLICKED = (0.94, 0.50, 0.07), (0.76, 0.20, 0.005)
_WITH_EMAIL, _WITH_SMS, _WITH_ADS = 0.9, 0.5, 0.4
_FEW = 60
_UNSUBSCRIBED, _COMPLAINED, _BOUNCED = 60, 15, 40
_NO_OPEN, _MACHINE, _LATE, _ORPHANS = 200, 300, 50, 80
_MACHINE_SECONDS = 3
_LEAVING = (date(2017, 11, 20), date(2017, 12, 20))
_MINUTE = 60 * SECOND
_MOST_LAG = 9 * DAY
_END = micros(LAST_DAY) + DAY


@dataclass(frozen=True)
class MessageTruth:
    """What was planted in simulated messages; dirt is in e-mail, in the 90 days up to 2017-12-31.

    Attributes:
        rows: rows of the frame.
        tiers: household to the tier of its e-mail, highly_engaged, moderately or disengaged, by the probabilities its
            opens and clicks were drawn with, insufficient with one to four mails in the window; households without
            e-mail are not in it.
        unsubscribed: households that unsubscribed; some of the events name no message.
        complained: households that complained.
        bounced: households with a mail that bounced. These three are different households, and get no mail after it.
        clicks_without_open: mails clicked within 30 days and never opened.
        orphan_messages: mails opened that were neither sent nor delivered.
        machine_opens: mails whose only open is three seconds after the delivery; nobody clicked on them.
        late_responses: mails opened in time and clicked for the first time over 30 days after the delivery.
        delivered: channel to the messages delivered (ads: shown) in the 90 days up to 2017-12-31.
    """

    rows: int
    tiers: Mapping[str, str]
    unsubscribed: int
    complained: int
    bounced: int
    clicks_without_open: int
    orphan_messages: int
    machine_opens: int
    late_responses: int
    delivered: Mapping[str, int]


def simulated_messages(households: Sequence[str], seed: int) -> tuple[pd.DataFrame, MessageTruth]:
    """Invent the e-mails, text messages and ads that households got between 2017-09-15 and 2017-12-31.

    Args:
        households: ids, as text; about a thousand at least, or there is no room for the dirt.
        seed: of the random numbers; the same one gives the same frame.

    Returns:
        One row per message and event, by time, with columns household_id, message_id, ts, event, campaign, channel;
        and what was planted in them.

    Raises:
        ValueError: too few households to plant everything.
    """
    draw = np.random.default_rng([seed, 2])
    names = np.array([str(household) for household in households], dtype=np.object_)
    mailed = np.flatnonzero(draw.random(len(names)) < _WITH_EMAIL)
    tiers = draw.choice(len(_SHARES), len(names), p=_SHARES)
    leavers = _picked(draw, mailed, _UNSUBSCRIBED + _COMPLAINED + _BOUNCED + _FEW)
    *left, few = np.split(leavers, np.cumsum((_UNSUBSCRIBED, _COMPLAINED, _BOUNCED)))
    messages = _mails(draw, mailed, tiers, left, few)
    messages = _with_dirt(draw, messages, np.concatenate([*left, few]))
    rows = pd.concat(
        [_mail_events(draw, messages), _departures(draw, messages), _orphans(draw, mailed, leavers),
         _text_messages(draw, len(names)), _ads(draw, len(names))], ignore_index=True,
    )  # fmt: skip
    rows = rows[rows["at"] < _END].sort_values(["at", "message_id"], kind="stable", ignore_index=True)
    known = {str(names[place]): TIERS[tiers[place]] for place in mailed}
    known |= {str(names[place]): "insufficient" for place in few}
    return _frame(rows, names), _truth(rows, messages, known)


def coupon_messages(campaigns: pd.DataFrame, descriptions: pd.DataFrame, redemptions: pd.DataFrame) -> pd.DataFrame:
    """The real coupon mailings of the Complete Journey data as messages; nothing in them is simulated.

    Args:
        campaigns: campaign_id and household_id, one row per mailing.
        descriptions: campaign_id and start_date, the day of delivery.
        redemptions: household_id, campaign_id and redemption_date, one row per coupon; several coupons of a mailing
            redeemed on one day come out as equal rows, as they are in the data.

    Returns:
        By time, columns as of `simulated_messages`: `delivered` and `redeemed` events with the campaign's id as
        message_id, unique together with the household.
    """
    mailings = campaigns.merge(descriptions, on="campaign_id", validate="many_to_one")
    parts = [(mailings, "start_date", "delivered"), (redemptions, "redemption_date", "redeemed")]
    rows = pd.concat(
        [
            pd.DataFrame(
                {
                    "household_id": part["household_id"].astype(str),
                    "message_id": part["campaign_id"].astype(str),
                    "ts": part[day].dt.tz_localize("UTC").astype("datetime64[us, UTC]"),
                    "event": event,
                    "campaign": "coupons " + part["campaign_id"].astype(str),
                    "channel": "coupon",
                }
            )
            for part, day, event in parts
        ]
    )
    return rows.sort_values(["ts", "household_id", "message_id", "event"], kind="stable", ignore_index=True)


def _mails(draw: np.random.Generator, mailed: Ints, tiers: Ints, left: list[Ints], few: Ints) -> pd.DataFrame:
    """One row per mail: owner, sent, delivered, opened and clicked (microseconds; NaN where it did not happen)."""
    days = np.arange((LAST_DAY - FIRST_SENT).days - 2)
    mailings = micros(FIRST_SENT) + days[np.isin(days % 7, (0, 4))] * DAY + 9 * HOUR
    numbers = np.tile(np.arange(len(mailings)), len(mailed))
    owner = np.repeat(mailed, len(mailings))
    sent = mailings[numbers] + draw.integers(0, HOUR, len(owner))
    mails = pd.DataFrame({"owner": owner, "number": numbers, "sent": sent, "fate": "mail", "leaves": ""})
    mails = mails[draw.random(len(mails)) < 0.8].reset_index(drop=True)
    # Those with few mails signed up in the last weeks.
    late = mails.groupby("owner").cumcount(ascending=False)
    allowed = pd.Series(draw.integers(1, MIN_MESSAGES, len(few)), index=few)
    mails = mails[late < mails["owner"].map(allowed).fillna(np.inf)].reset_index(drop=True)
    for reason, owners in zip(("unsubscribed", "complained", "bounced"), left, strict=True):
        ends = pd.Series(draw.integers(micros(_LEAVING[0]), micros(_LEAVING[1]), len(owners)), index=owners)
        mails = mails[mails["sent"] < mails["owner"].map(ends).fillna(np.inf)].reset_index(drop=True)
        last = ~mails["owner"].duplicated(keep="last") & mails["owner"].isin(owners)
        mails["leaves"] = mails["leaves"].mask(last, reason)
    lost = (draw.random(len(mails)) < 0.015) & (mails["leaves"] == "") & ~mails["owner"].isin(few)
    travel = draw.integers(2 * SECOND, 3 * _MINUTE, len(mails))
    mails["delivered"] = (mails["sent"] + travel).where(~lost & (mails["leaves"] != "bounced"))
    chance, tier = draw.random(len(mails)), tiers[mails["owner"].to_numpy()]
    mails["opened"] = (mails["delivered"] + _lags(draw, len(mails), 6)).where(chance < np.array(_OPENED)[tier])
    clicks = mails["opened"] + draw.integers(5 * SECOND, 4 * _MINUTE, len(mails))
    mails["clicked"] = clicks.where(chance < np.array(_CLICKED)[tier])
    # What would happen in the new year is not known yet.
    return mails.assign(**{act: mails[act].where(mails[act] < _END) for act in ("opened", "clicked")})


def _lags(draw: np.random.Generator, count: int, hours: float) -> Floats:
    """From the delivery to the open: a minute at least, so that no person is taken for a machine."""
    return np.minimum(_MINUTE + draw.exponential(hours * HOUR, count), _MOST_LAG).astype(np.int64).astype(np.float64)


def _with_dirt(draw: np.random.Generator, mails: pd.DataFrame, spared: Ints) -> pd.DataFrame:
    """Clicks without opens, opens by machines and late clicks, each on mails of their own."""
    fit = ~mails["owner"].isin(spared) & (mails["delivered"] >= micros(DIRTY_FROM))
    opened, clicked = mails["opened"].notna(), mails["clicked"].notna()
    blind = _picked(draw, np.flatnonzero(fit & clicked), _NO_OPEN)
    machine = _picked(draw, np.flatnonzero(fit & ~opened), _MACHINE)
    slow = _picked(draw, np.flatnonzero(fit & opened & ~clicked & (mails["delivered"] < micros(LATE_TO))), _LATE)
    fate = np.full(len(mails), "mail", dtype=np.object_)
    fate[blind], fate[machine], fate[slow] = "blind", "machine", "late"
    mails = mails.assign(fate=fate)
    after = draw.integers((RESPONSE_DAYS + 1) * DAY, (RESPONSE_DAYS + 10) * DAY, len(mails))
    mails["opened"] = mails["opened"].mask(mails["fate"] == "blind")
    mails["opened"] = mails["opened"].mask(mails["fate"] == "machine", mails["delivered"] + _MACHINE_SECONDS * SECOND)
    mails["clicked"] = mails["clicked"].mask(mails["fate"] == "late", mails["delivered"] + after)
    return mails


def _mail_events(draw: np.random.Generator, mails: pd.DataFrame) -> pd.DataFrame:
    ids = pd.Series([f"m{number:07d}" for number in range(len(mails))])
    campaign = "newsletter " + mails["number"].map("{:02d}".format)
    wide = mails.assign(message_id=ids, campaign=campaign, channel="email")
    return _long(wide, ("sent", "delivered", "opened", "clicked"))


def _departures(draw: np.random.Generator, mails: pd.DataFrame) -> pd.DataFrame:
    """Events that end the mails to a household, on the last one it got; some come without naming it."""
    last = mails[mails["leaves"] != ""].reset_index(names="mail")
    quick = last["leaves"] == "bounced"
    lag = np.where(quick, draw.integers(SECOND, _MINUTE, len(last)), draw.integers(_MINUTE, 20 * HOUR, len(last)))
    unnamed = (last["leaves"] == "unsubscribed") & (last.groupby("leaves").cumcount() % 3 == 0)
    return pd.DataFrame(
        {
            "owner": last["owner"],
            "message_id": last["mail"].map("m{:07d}".format).where(~unnamed),
            "at": last["sent"] + lag + 5 * _MINUTE * ~quick,
            "event": last["leaves"],
            "campaign": ("newsletter " + last["number"].map("{:02d}".format)).where(~unnamed),
            "channel": "email",
        }
    )


def _orphans(draw: np.random.Generator, mailed: Ints, spared: Ints) -> pd.DataFrame:
    """Opens of mails of which nothing else is known."""
    owner = _picked(draw, mailed[~np.isin(mailed, spared)], _ORPHANS)
    at = draw.integers(micros(DIRTY_FROM), micros(LAST_DAY), len(owner))
    ids = [f"z{number:07d}" for number in range(len(owner))]
    return pd.DataFrame({"owner": owner, "message_id": ids, "at": at}).assign(
        event="opened", campaign="newsletter old", channel="email"
    )


def _text_messages(draw: np.random.Generator, count: int) -> pd.DataFrame:
    """A text message every ten days; a third of the households often replies, most hardly do."""
    owners = np.flatnonzero(draw.random(count) < _WITH_SMS)
    likes = np.where(draw.random(len(owners)) < 0.3, draw.beta(6, 8, len(owners)), draw.beta(1, 20, len(owners)))
    days = np.arange(2, (LAST_DAY - FIRST_SENT).days - 1, 10)
    owner, day = np.repeat(owners, len(days)), np.tile(days, len(owners))
    sent = micros(FIRST_SENT) + day * DAY + 11 * HOUR + draw.integers(0, HOUR, len(owner))
    wide = pd.DataFrame({"owner": owner, "sent": sent, "channel": "sms"})
    wide["campaign"] = pd.Series(day).map("text {:03d}".format)
    wide["message_id"] = [f"t{number:07d}" for number in range(len(wide))]
    arrived = pd.Series(draw.random(len(wide)) < 0.97)
    wide["delivered"] = (wide["sent"] + draw.integers(SECOND, _MINUTE, len(wide))).where(arrived)
    replies = wide["delivered"] + _lags(draw, len(wide), 2)
    wide["replied"] = replies.where(draw.random(len(wide)) < np.repeat(likes, len(days)))
    return _long(wide, ("sent", "delivered", "replied"))


def _ads(draw: np.random.Generator, count: int) -> pd.DataFrame:
    """Some forty ads shown to a part of the households, and the rare click."""
    owners = np.flatnonzero(draw.random(count) < _WITH_ADS)
    shown = draw.poisson(45, len(owners))
    likes = np.where(draw.random(len(owners)) < 0.25, 0.06, 0.004)
    owner = np.repeat(owners, shown)
    wide = pd.DataFrame({"owner": owner, "channel": "ad", "campaign": "display autumn"})
    wide["impression"] = draw.integers(micros(FIRST_SENT), _END - HOUR, len(owner))
    wide["message_id"] = [f"d{number:07d}" for number in range(len(wide))]
    clicks = wide["impression"] + draw.integers(SECOND, _MINUTE, len(wide))
    wide["clicked"] = clicks.where(draw.random(len(wide)) < np.repeat(likes, shown))
    return _long(wide, ("impression", "clicked"))


def _long(wide: pd.DataFrame, events: Sequence[str]) -> pd.DataFrame:
    """One row per message and event that happened, from one column of moments per event."""
    same = ["owner", "message_id", "campaign", "channel"]
    return pd.concat([wide[same].assign(at=wide[event], event=event)[wide[event].notna()] for event in events])


def _picked(draw: np.random.Generator, places: Ints, count: int) -> Ints:
    if len(places) < count:
        raise ValueError(f"{count} places to plant in are needed, and there are {len(places)}; give more households")
    return np.asarray(draw.choice(places, count, replace=False), dtype=np.int64)


def _words(column: pd.Series[str]) -> Words:
    found = column.to_numpy(dtype=np.object_, copy=True)
    found[column.isna().to_numpy()] = None
    return found


def _frame(rows: pd.DataFrame, names: Words) -> pd.DataFrame:
    frame = pd.DataFrame({name: _words(rows[name]) for name in ("message_id", "event", "campaign", "channel")})
    frame["household_id"] = names[rows["owner"].to_numpy(dtype=np.int64)]
    frame["ts"] = moments(rows["at"].to_numpy().astype(np.int64))
    return frame[list(MESSAGE_FRAME)]


def _truth(rows: pd.DataFrame, mails: pd.DataFrame, tiers: dict[str, str]) -> MessageTruth:
    fates, leaves = mails["fate"].value_counts(), mails["leaves"].value_counts()
    since = micros(LAST_DAY - timedelta(days=WINDOW_DAYS - 1))
    arrived = rows[rows["event"].isin(["delivered", "impression"]) & (rows["at"] >= since)]
    return MessageTruth(
        rows=len(rows),
        tiers=tiers,
        unsubscribed=int(leaves["unsubscribed"]),
        complained=int(leaves["complained"]),
        bounced=int(leaves["bounced"]),
        clicks_without_open=int(fates["blind"]),
        orphan_messages=_ORPHANS,
        machine_opens=int(fates["machine"]),
        late_responses=int(fates["late"]),
        delivered={str(channel): int(count) for channel, count in arrived["channel"].value_counts().items()},
    )
