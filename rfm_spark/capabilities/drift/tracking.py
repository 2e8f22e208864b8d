"""Whether the trackers still work: each channel and type of event against its own past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from rfm_spark.capabilities.drift.silence import chance_of_silence, no_chance

RECENT_DAYS = 7
TRAILING_WEEKS = 4
# What the comparison looks back on.
PAST_DAYS = RECENT_DAYS * (TRAILING_WEEKS + 1)
LOW, HIGH = 0.5, 2.0
# Below this many rows in the four weeks before, a ratio is chance.
_ENOUGH = 40
MOST_SEVERE = ("stopped", "low", "high", "new", "sparse", "paused", "ok")
# What may only happen to messages that were sent, or reached somebody.
_SENDING = ("sent",)
_REACHING = ("delivered", "impression")
_OF_SENT = ("delivered", "bounced")
_STOPPED_NAMED = 4


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
        status: one of MOST_SEVERE.
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
    """The health of every channel and type that has ever sent anything, the most severe first.

    Stopped: silent up to as_of for so long that it is no chance (`silence.chance_of_silence`), with false alarms in at
    most one run of four hundred over all channels and types of the source. Paused: nothing was sent that could have
    been answered. Low and high: the last seven days against the mean week of the four before.

    Args:
        source: events or messages.
        series: rows per day, by channel and type; days without rows may be missing.
        as_of: last day that counts.
        start: first day that was read; earlier ones are passed over.
    """
    read = {key: {day: n for day, n in one.items() if n and start <= day <= as_of} for key, one in series.items()}
    read = {key: one for key, one in read.items() if one}
    # A source may be younger than the days that are read.
    begun = min((day for one in read.values() for day in one), default=as_of)
    sent = {key: _sent(read, *key) for key in read}
    chances = [chance_of_silence(one, as_of, sent[key]) for key, one in read.items()]
    found = []
    for (key, one), stopped in zip(read.items(), no_chance(chances), strict=True):
        silence = "stopped" if stopped else "paused" if _nothing_sent(one, sent[key], as_of) else ""
        found.append(_health(source, key, one, begun, as_of, silence))
    return sorted(found, key=lambda one: (MOST_SEVERE.index(one.status), one.channel, one.kind))


def warnings(found: list[Health]) -> list[str]:
    """A sentence for each channel of which something stopped."""
    messages = []
    for source, channel in dict.fromkeys((one.source, one.channel) for one in found if one.status == "stopped"):
        mine = [one for one in found if (one.source, one.channel, one.status) == (source, channel, "stopped")]
        named = ", ".join(one.kind for one in mine[:_STOPPED_NAMED])
        more = f" and {len(mine) - _STOPPED_NAMED} more" if len(mine) > _STOPPED_NAMED else ""
        messages.append(
            f"tracking: {named}{more} of {channel} in sources.{source} stopped: {mine[0].detail}; look at the tracker"
        )
    return messages


def _sent(read: Mapping[tuple[str, str], Mapping[date, int]], channel: str, kind: str) -> Mapping[date, int] | None:
    """Rows per day of what a row of this kind answers; None where it comes by itself."""
    if kind in (*_SENDING, "impression"):
        return None
    reached = any((channel, cause) in read for cause in _REACHING)
    causes: tuple[str, ...] = _REACHING if reached and kind not in _OF_SENT else _SENDING
    known = [read[channel, cause] for cause in causes if (channel, cause) in read]
    if not known:
        return None
    return {day: sum(one.get(day, 0) for one in known) for one in known for day in one}


def _nothing_sent(days: Mapping[date, int], sent: Mapping[date, int] | None, as_of: date) -> bool:
    last = max(days)
    return sent is not None and last < as_of and not any(last < day <= as_of for day, rows in sent.items() if rows)


def _health(
    source: str, key: tuple[str, str], days: Mapping[date, int], start: date, as_of: date, silence: str
) -> Health:
    first, last = min(days), max(days)
    silent, usual = (as_of - last).days, _longest_gap(sorted(days))
    recent = _between(days, as_of - timedelta(days=RECENT_DAYS - 1), as_of)
    month = as_of - timedelta(days=RECENT_DAYS * (TRAILING_WEEKS + 1) - 1)
    trailing = _between(days, month, as_of - timedelta(days=RECENT_DAYS))
    weekly = trailing / TRAILING_WEEKS if start <= month else None
    status, detail = _status(recent, trailing, weekly, first, month)
    if silence == "stopped":
        begin = max(first, last - timedelta(days=RECENT_DAYS * TRAILING_WEEKS - 1))
        rate = _between(days, begin, last) / ((last - begin).days + 1)
        status = silence
        detail = (
            f"no row since {last} ({silent} days; never silent for more than {usual} before), {rate:.1f} a day before"
        )
    elif silence == "paused" and status in ("ok", "sparse"):
        status, detail = silence, f"no row since {last}, and nothing was sent that could have been answered"
    return Health(source, *key, recent, weekly, first, last, silent, usual, status, detail)


def _status(recent: int, trailing: int, weekly: float | None, first: date, month: date) -> tuple[str, str]:
    if weekly is None or trailing < _ENOUGH:
        if first > month and weekly is not None and recent:
            return "new", f"first seen on {first}"
        if weekly is None:
            return "sparse", f"less than {TRAILING_WEEKS + 1} weeks of history: too short to compare with"
        return "sparse", f"{trailing} rows in the four weeks before: too few to tell"
    ratio = recent / weekly
    message = f"{recent:,} rows in 7 days, {ratio:.2f} times the mean week of the four before"
    return ("low" if ratio < LOW else "high" if ratio > HIGH else "ok"), message


def _between(days: Mapping[date, int], first: date, last: date) -> int:
    return sum(rows for day, rows in days.items() if first <= day <= last)


def _longest_gap(days: list[date]) -> int:
    return max(((later - earlier).days - 1 for earlier, later in pairwise(days)), default=0)
