"""The only place that reads the time; everything below is told."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.fromtimestamp(time.time(), tz=timezone.utc)


def today(zone: str) -> date:
    """Today's date in a time zone."""
    return now().astimezone(ZoneInfo(zone)).date()


def yesterday(zone: str) -> date:
    """The last day that is complete in a time zone: the default as-of date."""
    return today(zone) - timedelta(days=1)
