"""Whether the trackers still work: each channel and type of event against its own past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import exp
from typing import Any

RECENT_DAYS = 7
TRAILING_WEEKS = 4
# What the comparison looks back on.
PAST_DAYS = RECENT_DAYS * (TRAILING_WEEKS + 1)
LOW, HIGH = 0.5, 2.0
# Below this many rows in the four weeks before, a ratio is chance.
_ENOUGH = 40
# A silence is no chance when a Poisson process of the usual rate would be silent so long once in ten thousand times.
_CHANCE = 1e-4
GRAVEST = ("stopped", "low", "high", "new", "sparse", "ok")


@dataclass(frozen=True)
class Health:
    """One channel and type of a source.

    Attributes:
        source: events or messages.
        channel: its name.
        kind: event type, or event of a message.
        recent: rows of the last seven days.
        weekly_mean: mean of the four weeks before; None where the source does not reach back so far.
        first_day: first day with a row.
        last_day: last one.
        silent_days: days without a row up to as_of.
        usual_silence: longest run of days without one before.
        status: one of GRAVEST.
        detail: in words.
    """

    source: str
    channel: str
    kind: str
    recent: int
    weekly_mean: float | None
    first_day: date
    last_day: date
    silent_days: int
    usual_silence: int
    status: str
    detail: str

    @property
    def ratio(self) -> float | None:
        """Recent rows against the mean week."""
        return self.recent / self.weekly_mean if self.weekly_mean else None

    def as_row(self) -> dict[str, Any]:
        """The row of table `tracking`, without run keys."""
        return {
            "source": self.source,
            "channel": self.channel,
            "event_type": self.kind,
            "recent": self.recent,
            "weekly_mean": self.weekly_mean,
            "ratio": self.ratio,
            "first_day": self.first_day,
            "last_day": self.last_day,
            "silent_days": self.silent_days,
            "usual_silence": self.usual_silence,
            "status": self.status,
            "detail": self.detail,
        }


def tracking_health(
    source: str, series: Mapping[tuple[str, str], Mapping[date, int]], as_of: date, start: date
) -> list[Health]:
    """The health of every channel and type that has ever sent anything, the gravest first.

    Stopped: silent up to as_of for longer than ever before, and so long that at the rate of its four weeks before (or
    of all its days, where they are fewer) chance would do it once in ten thousand times at most. Low and high: the last
    seven days against the mean week of the four before.

    Args:
        source: events or messages.
        series: rows per day, by channel and type; days without rows may be missing.
        as_of: last day that counts.
        start: first day that was read; earlier ones are passed over.
    """
    read = {key: {day: n for day, n in one.items() if n and day >= start} for key, one in series.items()}
    # A source may be younger than the days that are read.
    begun = min((day for one in read.values() for day in one), default=as_of)
    found = [_health(source, channel, kind, one, begun, as_of) for (channel, kind), one in read.items() if one]
    return sorted(found, key=lambda one: (GRAVEST.index(one.status), one.channel, one.kind))


def warnings(found: list[Health]) -> list[str]:
    """A sentence for each channel and type that stopped."""
    return [
        f"tracking: {one.kind} of {one.channel} in sources.{one.source} stopped: {one.detail}; look at the tracker"
        for one in found
        if one.status == "stopped"
    ]


def _health(source: str, channel: str, kind: str, days: Mapping[date, int], start: date, as_of: date) -> Health:
    first, last = min(days), max(days)
    silent, usual = (as_of - last).days, _longest_gap(sorted(days))
    recent = _between(days, as_of - timedelta(days=RECENT_DAYS - 1), as_of)
    month = as_of - timedelta(days=RECENT_DAYS * (TRAILING_WEEKS + 1) - 1)
    trailing = _between(days, month, as_of - timedelta(days=RECENT_DAYS))
    weekly = trailing / TRAILING_WEEKS if start <= month else None
    status, detail = _status(recent, trailing, weekly, silent, usual, first, days, month)
    if status == "stopped":
        detail = f"no row since {last} ({silent} days; never silent for more than {usual} before), {detail}"
    return Health(source, channel, kind, recent, weekly, first, last, silent, usual, status, detail)


def _status(
    recent: int,
    trailing: int,
    weekly: float | None,
    silent: int,
    usual: int,
    first: date,
    days: Mapping[date, int],
    month: date,
) -> tuple[str, str]:
    last = max(days)
    begin = max(first, last - timedelta(days=RECENT_DAYS * TRAILING_WEEKS - 1))
    rate = _between(days, begin, last) / ((last - begin).days + 1)
    if silent > usual and silent > 0 and exp(-rate * silent) <= _CHANCE and len(days) > 1:
        return "stopped", f"{rate:.1f} a day before"
    if weekly is None or trailing < _ENOUGH:
        if first > month and weekly is not None and recent:
            return "new", f"first seen on {first}"
        if weekly is None:
            return "sparse", f"less than {TRAILING_WEEKS + 1} weeks of history: too short to compare with"
        return "sparse", f"{trailing} rows in the four weeks before: too few to tell"
    ratio = recent / weekly
    said = f"{recent:,} rows in 7 days, {ratio:.2f} times the mean week of the four before"
    return ("low" if ratio < LOW else "high" if ratio > HIGH else "ok"), said


def _between(days: Mapping[date, int], first: date, last: date) -> int:
    return sum(rows for day, rows in days.items() if first <= day <= last)


def _longest_gap(days: list[date]) -> int:
    return max(((later - earlier).days - 1 for earlier, later in pairwise(days)), default=0)
