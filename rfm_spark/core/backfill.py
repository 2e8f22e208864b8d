"""As-of dates of a backfill."""

from __future__ import annotations

from datetime import date

import pandas as pd

from rfm_spark.core.errors import ConfigError


def backfill_dates(start: date, end: date, every: str) -> list[date]:
    """As-of dates from start to end, oldest first.

    Args:
        start: first as-of date.
        end: last possible one.
        every: a step such as 1d, 2w, 1mo, 1y; months end on their last day where the start's day is missing.

    Raises:
        ConfigError: a step of another form, or an end before the start.
    """
    number, unit = every.rstrip("abcdefghijklmnopqrstuvwxyz"), every.lstrip("0123456789")
    # Days and months of one step of each unit.
    units = {"d": (1, 0), "w": (7, 0), "mo": (0, 1), "y": (0, 12)}
    if not number.isdigit() or int(number) < 1 or unit not in units:
        raise ConfigError("--every", [f"{every!r} is not a step; write 1d, 1w, 1mo or 1y"])
    if end < start:
        raise ConfigError("--to", [f"{end} is before --from {start}"])
    dates: list[date] = []
    while True:
        # Always counted from the start, so that 31 January, 28 February is followed by 31 March.
        steps = int(number) * len(dates)
        days, months = units[unit]
        moment = pd.Timestamp(start) + pd.DateOffset(days=days * steps, months=months * steps)
        if moment.date() > end:
            return dates
        dates.append(moment.date())
