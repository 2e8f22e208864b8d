"""A software company of 120 accounts without orders: subscriptions, events, and who signed up; all from a seed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from rfm_spark.core.config import Config, config_model
from rfm_spark.core.loading import validate

AS_OF, LATER = date(2024, 5, 31), date(2024, 6, 30)
ACCOUNTS = 120
MEASURES = {"recency": {"event": "login"}, "frequency": "weekly_sessions", "monetary": "mrr"}
PRICES = {"starter": 19.0, "mid": 99.0, "enterprise": 900.0}


def subscriptions() -> pd.DataFrame:
    """Account, start, end, plan, price, billing; some ended, some are paid by the year, some upgraded."""
    rng = np.random.default_rng(3)
    rows: list[tuple[str, date, date | None, str, float, str]] = []
    for number in range(1, ACCOUNTS - 9):
        plan = str(rng.choice(list(PRICES), p=[0.5, 0.35, 0.15]))
        start = date(2023, 1, 1) + timedelta(days=int(rng.integers(0, 500)))
        yearly = rng.random() < 0.3
        price = PRICES[plan] * (10 if yearly else 1)
        end = start + timedelta(days=int(rng.integers(20, 500))) if rng.random() < 0.3 else None
        change = start + timedelta(days=100)
        if rng.random() < 0.2 and (end is None or end > change):
            rows.append((f"a{number}", start, change, plan, price, "year" if yearly else "month"))
            rows.append((f"a{number}", change, end, "enterprise", 900.0, "month"))
        else:
            rows.append((f"a{number}", start, end, plan, price, "year" if yearly else "month"))
    return pd.DataFrame(rows, columns=["account", "start", "end", "plan", "price", "billing"])


def events() -> pd.DataFrame:
    """Account, at (local time), action, session; the last five accounts have a trial and no subscription."""
    rng = np.random.default_rng(5)
    rows: list[tuple[str, datetime, str, str]] = []
    for number in [*range(1, ACCOUNTS - 20), *range(ACCOUNTS - 4, ACCOUNTS + 1)]:
        rate, quiet = rng.gamma(1.2, 0.25), int(rng.exponential(25))
        for age in range(quiet, 200):
            if rng.random() < min(rate, 0.9):
                at = datetime(2024, 6, 30, 16) - timedelta(days=age, minutes=int(rng.integers(0, 600)))
                session = f"s{number}-{age}"
                if rng.random() < 0.8:
                    rows.append((f"a{number}", at, "Login", session))
                rows.append((f"a{number}", at + timedelta(minutes=1), "view", session))
    # At the month's edge in Berlin: the last minutes of May, and the first ones of June.
    rows.append(("a112", datetime(2024, 5, 31, 23, 50), "Login", "edge1"))
    rows.append(("a113", datetime(2024, 6, 1, 0, 10), "Login", "edge2"))
    return pd.DataFrame(rows, columns=["account", "at", "action", "session"])


def write(spark: SparkSession, folder: Path) -> None:
    """Both as Delta tables; times are those of Berlin."""
    kinds = "account string, start date, end date, plan string, price double, billing string"
    known = spark.createDataFrame([tuple(row) for row in subscriptions().to_numpy().tolist()], kinds)
    priced = known.withColumn("price", _decimal("price"))
    priced.write.format("delta").mode("overwrite").save(str(folder / "subscriptions"))
    seen = events()
    seen["at"] = seen["at"].dt.tz_localize("Europe/Berlin").dt.tz_convert("UTC").dt.tz_localize(None)
    rows = [(account, at.to_pydatetime(), action, session) for account, at, action, session in seen.itertuples(False)]
    kinds = "account string, at timestamp, action string, session string"
    spark.createDataFrame(rows, kinds).write.format("delta").mode("overwrite").save(str(folder / "events"))


def _decimal(name: str) -> Column:
    return F.col(name).cast("decimal(12,2)")


def saas(folder: Path, lake: str = "lake", **changes: Any) -> Config:
    """A configuration over these tables."""
    document: dict[str, Any] = {
        "name": "saas",
        "lake": {"root": str(folder / lake)},
        "timezone": "Europe/Berlin",
        "sources": {
            "subscriptions": {
                "path": str(folder / "subscriptions"),
                "format": "delta",
                "columns": {
                    "customer_id": "account", "start_date": "start", "end_date": "end", "plan": "plan",
                    "amount": "price", "interval": "billing",
                },
            },
            "events": {
                "path": str(folder / "events"),
                "format": "delta",
                "columns": {
                    "customer_id": "account", "event_ts": "at", "event_type": "action", "session_id": "session",
                },
                "types": {"page_view": ["view"], "other": ["Login"]},
            },
        },
        "rfm": {"measures": MEASURES},
        "clusters": {"enabled": False},
    }  # fmt: skip
    return validate(config_model(), {**document, **changes}, "saas.yml")


def expected(as_of: date) -> pd.DataFrame:
    """By account: recency_days, sessions of 28 days, mrr in cents, recency_date; of accounts that are scored."""
    plans, seen = subscriptions(), events()
    plans = plans[plans["start"] <= as_of]
    # Versions of one subscription are told by account and plan, of which nobody has two at once.
    runs = plans[plans["end"].isna() | (plans["end"].map(lambda day: day is not None and day > as_of))]
    monthly = runs["price"].where(runs["billing"] == "month", runs["price"] / 12)
    cents = (monthly * 100).map(lambda value: int(value + 0.5)).groupby(runs["account"]).sum()
    since = plans.groupby("account")["start"].min()
    seen["day"] = seen["at"].dt.date
    seen = seen[seen["day"] <= as_of]
    logins = seen[seen["action"] == "Login"].groupby("account")["day"].max()
    ended = seen.groupby(["account", "session"])["day"].max().reset_index()
    inside = ended[ended["day"] > as_of - timedelta(days=28)].groupby("account").size()
    found = pd.DataFrame(index=sorted({*since.index, *logins.index, *inside.index}))
    found["recency_date"] = logins.reindex(found.index).where(lambda days: days.notna(), since.reindex(found.index))
    found = found[found["recency_date"].notna()]
    found["recency_days"] = [(as_of - day).days for day in found["recency_date"]]
    found["frequency"] = inside.reindex(found.index).fillna(0).astype(int)
    found["cents"] = cents.reindex(found.index).fillna(0).astype(int)
    return found
