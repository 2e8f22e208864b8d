"""Generated event logs, and the figures of interactions computed from them by pandas alone."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from rfm_spark.capabilities.events.words import COUNTED_TYPES, SESSION_CHANNELS

COUNTS = {
    "clicks": "click", "page_views": "page_view", "product_views": "product_view", "searches": "search",
    "filter_uses": "filter_use", "add_to_carts": "add_to_cart", "video_plays": "video_play",
}  # fmt: skip


def made_log(seed: int, customers: int = 40, as_of: date = date(2024, 3, 31)) -> pd.DataFrame:
    """Visits of customers over 100 days: customer_id, ts, type, channel, session, event_id."""
    draws = np.random.default_rng(seed)
    rows = []
    for customer in range(customers):
        for visit in range(draws.integers(0, 12)):
            start = datetime(as_of.year, as_of.month, as_of.day) - timedelta(days=float(draws.uniform(-1, 100)))
            channel = str(draws.choice(["web", "app", "chat", "store", "social"], p=[0.5, 0.2, 0.1, 0.1, 0.1]))
            at = start
            for _ in range(draws.integers(1, 9)):
                kind = str(draws.choice(COUNTED_TYPES))
                rows.append((f"c{customer}", at, kind, channel, f"s{customer}-{visit}"))
                at += timedelta(seconds=int(draws.choice([1, 40, 600, 1799, 1800, 1801, 4000])))
    log = pd.DataFrame(rows, columns=["customer_id", "ts", "type", "channel", "session"])
    log["ts"] = log["ts"].astype("datetime64[us]").dt.floor("s")
    log["event_id"] = [f"e{place}" for place in range(len(log))]
    return log


def figures(
    log: pd.DataFrame,
    as_of: date,
    window: int,
    longest: int,
    weights: dict[str, float],
    *,
    gap: int | None = None,
    zone: str = "UTC",
) -> dict[str, dict[str, Any]]:
    """The columns of one window per customer; `gap` minutes cut sessions, None takes those that are given."""
    log = log.copy()
    log["day"] = log["ts"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.date
    read = log[(log["day"] <= as_of) & (log["day"] >= as_of - timedelta(days=longest))]
    if gap is not None:
        read = read.sort_values(["customer_id", "channel", "ts"], kind="stable")
        silence = read.groupby(["customer_id", "channel"])["ts"].diff()
        read["session"] = (silence.isna() | (silence > pd.Timedelta(minutes=gap))).cumsum()
    first = as_of - timedelta(days=window - 1)
    visits = read[read["channel"].isin(SESSION_CHANNELS)]
    visits = visits.groupby(["customer_id", "channel", "session"]).agg(
        start=("ts", "min"), end=("ts", "max"), last=("day", "max"), n=("ts", "size"), kinds=("type", set)
    )
    visits = visits[visits["last"] >= first].reset_index()
    inside = read[read["day"] >= first]
    found = {}
    for customer, mine in inside.groupby("customer_id"):
        theirs = visits[visits["customer_id"] == customer]
        sessions = len(theirs)
        seconds = [
            (end - start) // timedelta(microseconds=1)
            for start, end in zip(theirs["start"], theirs["end"], strict=True)
        ]
        viewed = [kinds for kinds in theirs["kinds"] if "product_view" in kinds]
        carted = [kinds for kinds in theirs["kinds"] if "add_to_cart" in kinds]
        counts = mine["type"].value_counts()
        found[str(customer)] = {
            "sessions": sessions,
            "events": len(mine),
            **{name: int(counts.get(kind, 0)) for name, kind in COUNTS.items()},
            "bounce_rate": (theirs["n"] == 1).sum() / sessions if sessions else None,
            "mean_session_seconds": sum(seconds) / 1e6 / sessions if sessions else None,
            "active_days": mine["day"].nunique(),
            "view_to_cart_rate": sum("add_to_cart" in k for k in viewed) / len(viewed) if viewed else None,
            "cart_to_order_rate": sum("order" in k for k in carted) / len(carted) if carted else None,
            "intent_score": float(sum(weights.get(str(kind), 0.0) * int(n) for kind, n in counts.items())),
            "last_event_ts": mine["ts"].max().to_pydatetime(),
            "channels": mine["channel"].value_counts().to_dict(),
        }
    return found
