"""A tiny shop with a web log and mailings, for runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession

from rfm_spark.core.config import Config
from tests.helpers import AS_OF, config_for, purchases, write_source

EVENT_COLUMNS = {
    "customer_id": "who", "visitor_id": "cookie", "event_ts": "ts", "event_type": "action", "channel": "channel",
    "event_id": "id", "received_ts": "received",
}  # fmt: skip
MESSAGE_COLUMNS = {"customer_id": "who", "message_id": "message", "event_ts": "ts", "event": "what",
                   "channel": "channel"}  # fmt: skip


def events_log(customers: int = 24) -> pd.DataFrame:
    """Visits of customers c01 … of the tiny shop, in the words of an in-house tracker."""
    draws = np.random.default_rng(3)
    rows = []
    for i in range(1, customers + 1):
        for visit in range(i // 2):
            start = datetime(AS_OF.year, AS_OF.month, AS_OF.day, 9) - timedelta(days=int(draws.integers(0, 89)))
            for step in range(int(draws.integers(1, 6))):
                at = start + timedelta(minutes=4 * step + visit % 3)
                action = str(draws.choice(["view", "addToCart", "search", "page", "play"]))
                rows.append((f"c{i:02d}", f"v{i}", at, action, "web", f"e{i}-{visit}-{step}", at))
    return pd.DataFrame(rows, columns=["who", "cookie", "ts", "action", "channel", "id", "received"])


def mail_log(customers: int = 24) -> pd.DataFrame:
    """Ten mails to each customer: the first third opens and clicks all, the second opens half, the rest nothing."""
    rows = []
    for i in range(1, customers + 1):
        for n in range(10):
            at = datetime(AS_OF.year, AS_OF.month, AS_OF.day, 8) - timedelta(days=7 * n + 1)
            rows.append((f"c{i:02d}", f"m{n}", at, "delivered", "email"))
            if i <= 8 or (i <= 16 and n % 2):
                rows.append((f"c{i:02d}", f"m{n}", at + timedelta(hours=3), "opened", "email"))
            if i <= 8:
                rows.append((f"c{i:02d}", f"m{n}", at + timedelta(hours=4), "clicked", "email"))
    return pd.DataFrame(rows, columns=["who", "message", "ts", "what", "channel"])


def save(spark: SparkSession, log: pd.DataFrame, path: Path, mode: str = "overwrite") -> None:
    """A log as a Delta table; times are instants in UTC."""
    times = [name for name in ("ts", "received") if name in log.columns]
    made = log.assign(**{name: pd.to_datetime(log[name]).dt.tz_localize("UTC").astype("datetime64[us, UTC]")
                         for name in times})  # fmt: skip
    frame = spark.createDataFrame(made)
    frame.write.format("delta").mode(mode).save(str(path))


def shop(spark: SparkSession, folder: Path, **changes: Any) -> Config:
    """The tiny shop's sources in a folder, and its configuration."""
    write_source(spark, folder / "source", purchases())
    save(spark, events_log(), folder / "events")
    save(spark, mail_log(), folder / "messages")
    return shop_config(folder, **changes)


def shop_config(folder: Path, **changes: Any) -> Config:
    """Its configuration alone."""
    config = config_for(folder).model_dump(mode="json", by_alias=True, exclude_none=True)
    sources = config["sources"]
    sources["events"] = {
        "path": str(folder / "events"), "format": "delta", "columns": EVENT_COLUMNS, "preset": "inhouse",
        **changes.pop("events", {}),
    }  # fmt: skip
    sources["messages"] = {
        "path": str(folder / "messages"), "format": "delta", "columns": MESSAGE_COLUMNS, **changes.pop("messages", {}),
    }  # fmt: skip
    return config_for(folder, sources=sources, **changes)
