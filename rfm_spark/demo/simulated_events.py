"""Simulated events of the demo's households, with dirt planted in them and the numbers that must be found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from rfm_spark.core.reading.checks import IGNORED
from rfm_spark.core.reading.presets import meanings
from rfm_spark.demo.simulated_browsing import (
    DAY,
    FIRST_DAY,
    HOUR,
    LAST_DAY,
    SECOND,
    Ints,
    Visits,
    Words,
    contacts,
    household_visits,
    intents,
    micros,
    moments,
    random_moments,
    travel_times,
    walked,
)

EVENT_FRAME = (
    "household_id", "visitor_id", "ts", "action", "session", "event_id", "channel", "product", "received_ts",
)  # fmt: skip
PRESET = "inhouse"
WINDOWS = (7, 30, 90)
STOPPED_ACTION, STOPPED_ON = "play", date(2017, 12, 15)
# Dirt lies within what is read as of the last day, and away from the edges of it.
DIRTY_FROM, DIRTY_TO = date(2017, 10, 5), date(2017, 12, 29)
_DUPLICATES, _FUTURE, _SKEWED = 500, 40, 60
_UNKNOWN = ("hover3d", "vr_room", "abtest_42", "onMouseLeave", "debug_event")
_UNKNOWN_ROWS = 25
_YEARS_AHEAD = 9131 * DAY
_BOTS = ((date(2017, 10, 18), 260), (date(2017, 11, 9), 320), (date(2017, 12, 5), 450))
_BOT_HOUR, _HUMAN_HOUR = 4, 18
_IDENTIFIED, _NEVER = 180, 1500
_SOCIAL = {"tap": 0.55, "share": 0.25, "view": 0.20}
_STORE = {"contact": 0.6, "query": 0.4}
_CHAT = {"contact": 1.0}


@dataclass(frozen=True)
class EventTruth:
    """What was planted in simulated events.

    Attributes:
        rows: rows of the frame.
        households: households with an event that counts.
        events: our event type to the events that count: resent ones once, those of joined visitors with them, without
            everything rejected; technical ones under `ignored`.
        events_by_window: the same for the last 7, 30 and 90 days up to 2017-12-31.
        duplicates: rows that repeat another one in every column.
        future_dated: rows dated 25 years ahead; they have no received_ts.
        clock_skewed: rows whose ts is hours after their received_ts, which is right.
        unknown_types: rows with an action that nobody knows.
        bot_days: household to the UTC day on which it has over 200 events in one minute.
        bot_events: what these households did on these days, outside that minute too; technical rows not among them.
        joined_visitors: visitors who later made themselves known.
        joined_events: rows of theirs without a household.
        anonymous_visitors: visitors who never did.
        anonymous_events: their rows.
        stopped_type: our event type that ceases in every channel.
        stopped_on: first day without it.
    """

    rows: int
    households: int
    events: Mapping[str, int]
    events_by_window: Mapping[int, Mapping[str, int]]
    duplicates: int
    future_dated: int
    clock_skewed: int
    unknown_types: int
    bot_days: Mapping[str, date]
    bot_events: int
    joined_visitors: int
    joined_events: int
    anonymous_visitors: int
    anonymous_events: int
    stopped_type: str
    stopped_on: date


def simulated_events(households: Sequence[str], orders: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, EventTruth]:
    """Invent what households did between 2017-07-01 and 2017-12-31 on web, app, social, chat and in the store.

    Args:
        households: ids, as text; a few hundred at least, or there is no room for the dirt.
        orders: household_id, basket_id and transaction_timestamp (UTC) of real lines; visits lead up to these orders.
        seed: of the random numbers; the same one gives the same frame.

    Returns:
        The events by time, resent ones last, with columns household_id (None for visitors), visitor_id, ts, action,
        session (None in chat and store), event_id, channel, product, received_ts; and what was planted in them.

    Raises:
        ValueError: too few households or visits to plant everything.
    """
    draw = np.random.default_rng([seed, 1])
    names = np.array([str(household) for household in households], dtype=object)
    rows, bots = _lives(draw, names, orders)
    rows = _with_visitors(draw, rows, bots)
    received = rows["at"].to_numpy() + travel_times(draw, rows["channel"].to_numpy() == "app")
    rows = rows.assign(received=received, fate="kept", skewed=False).sort_values("at", kind="stable", ignore_index=True)
    rows["fate"] = np.where(rows["household"].isna() & ~rows["joined"], "anonymous", rows["fate"])
    # What a tracker sends by itself is nobody's event, on days of programs neither.
    made = rows["action"].str.lower().map(meanings("events", PRESET, {})) != IGNORED
    rows.loc[_of_bot_days(rows, bots) & made, "fate"] = "bot"
    rows = _with_dirt(draw, rows, bots)
    return _frame(rows), _truth(rows, bots)


def _lives(draw: np.random.Generator, names: Words, orders: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, date]]:
    """Everything households did, and which of them are programs on which day."""
    who = intents(draw, len(names))
    owners, ordered = _orders(names, orders)
    parts = [
        walked(draw, household_visits(draw, who, owners, ordered)).assign(kind="visit"),
        contacts(draw, who, "social", 4.0, _SOCIAL).assign(kind="social"),
        contacts(draw, who, "chat", 2.0, _CHAT).assign(kind="chat"),
        contacts(draw, who, "store", 2.0, _STORE).assign(kind="store"),
    ]
    programs = draw.choice(np.flatnonzero(who.strength > 0), len(_BOTS), replace=False)
    for place, (day, count) in zip(programs.tolist(), _BOTS, strict=True):
        parts += [_burst(draw, place, day, count), _human_visits(draw, place, day)]
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[(rows["action"] != STOPPED_ACTION) | (rows["at"] < micros(STOPPED_ON))].reset_index(drop=True)
    rows["household"] = names[rows["owner"].to_numpy()]
    bots = {str(names[place]): day for place, (day, _) in zip(programs.tolist(), _BOTS, strict=True)}
    return rows, bots


def _orders(names: Words, orders: pd.DataFrame) -> tuple[Ints, Ints]:
    """Household (its place in the list) and moment of each order in the simulated days."""
    once = orders.drop_duplicates("basket_id")
    places = pd.Series(np.arange(len(names)), index=names).reindex(once["household_id"].astype(str)).to_numpy()
    at = once["transaction_timestamp"].to_numpy().astype("datetime64[us]").astype(np.int64)
    used = ~np.isnan(places) & (at >= micros(FIRST_DAY)) & (at < micros(LAST_DAY) + DAY)
    return places[used].astype(np.int64), at[used]


def _burst(draw: np.random.Generator, place: int, day: date, count: int) -> pd.DataFrame:
    at = micros(day) + _BOT_HOUR * HOUR + np.sort(draw.integers(0, 60 * SECOND, count))
    products = [f"p{number:04d}" for number in range(count)]
    rows = pd.DataFrame({"at": at, "product": products})
    return rows.assign(visit=0, owner=place, action="view", channel="web", kind=f"burst{place}")


def _human_visits(draw: np.random.Generator, place: int, day: date) -> pd.DataFrame:
    """What the household does itself on the day of its program."""
    at = micros(day) + _HUMAN_HOUR * HOUR + np.arange(3, dtype=np.int64) * HOUR
    never, owner = np.zeros(3, dtype=np.bool_), np.full(3, place, dtype=np.int64)
    rows = walked(draw, Visits(owner=owner, at=at, buys=never, app=never)).assign(kind=f"human{place}")
    return rows[rows["action"] != STOPPED_ACTION]


def _with_visitors(draw: np.random.Generator, rows: pd.DataFrame, bots: Mapping[str, date]) -> pd.DataFrame:
    """Add sessions and visitor ids; some visits begin before the household logs in, and strangers come as well."""
    grouped = rows.groupby(["kind", "visit"], sort=False)
    keyed = np.asarray(grouped.ngroup().to_numpy(), dtype=np.int64)
    digital = rows["channel"].isin(["web", "app"]).to_numpy()
    prefix = np.where(rows["channel"].to_numpy() == "app", "d", "v")
    visitor = (pd.Series(prefix) + rows["owner"].map("{:05d}".format)).where(digital)
    rows = rows.assign(session_number=keyed, visitor=visitor, joined=False, length=grouped["at"].transform("size"))
    rows["place"] = grouped.cumcount()
    begun = grouped["at"].transform("min")
    fit = (rows["channel"] == "web") & (rows["kind"] == "visit") & (rows["length"] >= 4) & (rows["place"] == 0)
    fit &= (begun >= micros(DIRTY_FROM)) & (begun < micros(DIRTY_TO)) & ~rows["household"].isin(list(bots))
    firsts = rows[fit].drop_duplicates("owner")
    chosen = firsts.loc[_picked(draw, firsts.index.to_numpy(), _IDENTIFIED)]
    since = pd.Series(chosen["at"].to_numpy(), index=chosen["owner"].to_numpy())
    renewed = (rows["channel"] == "web") & (rows["at"] >= rows["owner"].map(since).fillna(np.inf))
    rows.loc[renewed, "visitor"] = "n" + rows.loc[renewed, "visitor"].astype(str).str[1:]
    joined = rows["session_number"].isin(chosen["session_number"].to_list()) & (rows["place"] < rows["length"] // 2)
    rows["joined"] = joined
    rows["household"] = rows["household"].where(~joined)
    return pd.concat([rows, _strangers(draw, int(keyed.max()) + 1)], ignore_index=True)


def _strangers(draw: np.random.Generator, first_session: int) -> pd.DataFrame:
    """Visits of people who never say who they are."""
    owner = np.arange(_NEVER, dtype=np.int64)
    at = random_moments(draw, DIRTY_FROM, DIRTY_TO, _NEVER)
    never = np.zeros(_NEVER, dtype=np.bool_)
    rows = walked(draw, Visits(owner=owner, at=at, buys=never, app=never))
    rows = rows[rows["action"] != STOPPED_ACTION].reset_index(drop=True)
    visitor = [f"a{number:05d}" for number in rows["owner"]]
    return rows.assign(
        kind="stranger", session_number=first_session + rows["visit"], visitor=visitor, joined=False, household=None
    )


def _of_bot_days(rows: pd.DataFrame, bots: Mapping[str, date]) -> pd.Series[bool]:
    found = pd.Series(False, index=rows.index)
    for household, day in bots.items():
        found |= (rows["household"] == household) & rows["at"].between(micros(day), micros(day) + DAY, "left")
    return found


def _with_dirt(draw: np.random.Generator, rows: pd.DataFrame, bots: Mapping[str, date]) -> pd.DataFrame:
    """Skew clocks, and add rows that are to be rejected or counted once."""
    types = rows["action"].str.lower().map(meanings("events", PRESET, {}))
    rows = rows.assign(type=types, event_id=[f"e{number:07d}" for number in range(len(rows))])
    pool = (rows["fate"] == "kept") & rows["household"].notna() & ~rows["household"].isin(list(bots))
    pool &= rows["channel"].isin(["web", "app"]) & (types != IGNORED) & (rows["action"] != STOPPED_ACTION)
    pool &= (rows["at"] >= micros(DIRTY_FROM)) & (rows["at"] < micros(DIRTY_TO))
    counts = (_DUPLICATES, _FUTURE, _UNKNOWN_ROWS, _SKEWED)
    picked = _picked(draw, np.flatnonzero(pool.to_numpy()), sum(counts))
    again, future, unknown, skewed = np.split(picked, np.cumsum(counts)[:-1])
    added = pd.concat([rows.loc[future].assign(fate="future"), rows.loc[unknown].assign(fate="unknown")])
    added["event_id"] = [f"x{number:07d}" for number in range(len(added))]
    words = [_UNKNOWN[number % len(_UNKNOWN)] for number in range(len(added))]
    added["action"] = added["action"].where(added["fate"] == "future", pd.Series(words, index=added.index))
    added["at"] += np.where(added["fate"] == "future", _YEARS_AHEAD, SECOND)
    added["received"] = added["received"].where(added["fate"] != "future", np.nan) + SECOND
    rows["skewed"] = rows.index.isin(skewed)
    rows["received"] = rows["received"].where(~rows["skewed"], rows["at"] + SECOND)
    # The truth is when it arrived; the sender's clock is ahead by hours.
    rows["counts_at"] = rows["at"].where(~rows["skewed"], rows["received"])
    rows.loc[skewed, "at"] = rows.loc[skewed, "received"] + draw.integers(3 * HOUR, 9 * HOUR, len(skewed))
    rows = pd.concat([rows, added], ignore_index=True).sort_values("at", kind="stable")
    resent = rows[rows["event_id"].isin(rows.loc[again, "event_id"])]
    return pd.concat([rows, resent.assign(fate="duplicate")], ignore_index=True)


def _picked(draw: np.random.Generator, places: Ints, count: int) -> Ints:
    if len(places) < count:
        raise ValueError(f"{count} rows to plant dirt in are needed, and there are {len(places)}; give more households")
    return np.asarray(draw.choice(places, count, replace=False), dtype=np.int64)


def _frame(rows: pd.DataFrame) -> pd.DataFrame:
    session = rows["session_number"].map("s{:06d}".format).where(~rows["channel"].isin(["chat", "store"]))
    frame = pd.DataFrame(
        {
            "household_id": _words(rows["household"]),
            "visitor_id": _words(rows["visitor"]),
            "ts": moments(rows["at"].to_numpy(dtype=np.int64)),
            "action": _words(rows["action"]),
            "session": _words(session),
            "event_id": _words(rows["event_id"]),
            "channel": _words(rows["channel"]),
            "product": _words(rows["product"]),
            "received_ts": moments(rows["received"].fillna(0).to_numpy(dtype=np.int64)).where(rows["received"].notna()),
        }
    )
    return frame[list(EVENT_FRAME)]


def _words(column: pd.Series[str]) -> Words:
    """Text, and None where there is none."""
    found = column.to_numpy(dtype=np.object_, copy=True)
    found[column.isna().to_numpy()] = None
    return found


def _truth(rows: pd.DataFrame, bots: Mapping[str, date]) -> EventTruth:
    fates = rows["fate"].value_counts()
    kept = rows[rows["fate"] == "kept"]
    joined, strangers = rows[rows["joined"]], rows[rows["fate"] == "anonymous"]

    def of_last(days: int) -> dict[str, int]:
        since = micros(LAST_DAY - timedelta(days=days - 1))
        return _by_type(kept[kept["counts_at"] >= since])

    return EventTruth(
        rows=len(rows),
        households=int(kept["owner"].nunique()),
        events=_by_type(kept),
        events_by_window={days: of_last(days) for days in WINDOWS},
        duplicates=int(fates["duplicate"]),
        future_dated=int(fates["future"]),
        clock_skewed=int(rows["skewed"].sum()),
        unknown_types=int(fates["unknown"]),
        bot_days=dict(bots),
        bot_events=int(fates["bot"]),
        joined_visitors=int(joined["visitor"].nunique()),
        joined_events=len(joined),
        anonymous_visitors=int(strangers["visitor"].nunique()),
        anonymous_events=len(strangers),
        stopped_type=meanings("events", PRESET, {})[STOPPED_ACTION],
        stopped_on=STOPPED_ON,
    )


def _by_type(rows: pd.DataFrame) -> dict[str, int]:
    return {str(kind): int(count) for kind, count in rows["type"].value_counts().sort_index().items()}
