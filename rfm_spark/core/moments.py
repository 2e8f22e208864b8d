"""Moments as Spark counts them: microseconds since 1970 in UTC, free of time zones and of hours that come twice."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def from_micros(micros: int) -> datetime:
    """The moment, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970; the moment has a time zone."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
