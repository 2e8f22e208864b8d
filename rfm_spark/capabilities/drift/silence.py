"""Whether a silence can be chance: how likely a stream of rows is silent for so long while nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from math import exp, inf, log

from scipy.special import betaln
from scipy.stats import false_discovery_control

# Of all streams of a source that are looked at together: in one run of four hundred one of them may seem to stop.
FALSE_ALARMS = 0.0025
# The usual rate is that of the last days with rows, as many as this.
_RECENT_DAYS = 28
# Less than this many days say little about how long pauses are.
_LEAST_DAYS = 63
# Of a stream that was never silent in so many days, days are taken as independent; that is worth so many days.
_WORTH = 4.0
# Jeffreys' prior of a share.
_JEFFREYS = 0.5
# A day of the week on which so often nothing came is one on which nothing is sent.
_NEVER_ON = 4
_DAY = timedelta(days=1)


def chance_of_silence(days: Mapping[date, int], as_of: date, sent: Mapping[date, int] | None = None) -> float:
    """The chance of a silence like today's, were nothing wrong; 1 without one, or where it was as long before.

    The largest of three, since each knows of another harmless reason:

    - rows come at random: with N rows in D days before, none in s more days has the chance (D / (D + s))^N;
    - days with rows and days without follow each other as in a chain of two states, so that pauses last: the share of
      silent days times the chance that a silence goes on for s - 1 more days, whose rate of going on is Beta
      distributed by the pauses seen before, and widely so where few days were seen;
    - what the rows answer may not have been sent: of N messages k were answered, none of n more has the chance
      C(N + n - k, n) / C(N + n, n) of no answer at all.

    Days of the week on which nothing ever came don't count.

    Args:
        days: rows by day, up to as_of; days without rows may be missing.
        as_of: last day that counts.
        sent: rows by day of what the rows answer, such as deliveries of clicks.
    """
    there = sorted(day for day, rows in days.items() if rows)
    if there[-1] == as_of:
        return 1.0
    silent = list(_between(there[-1] + _DAY, as_of))
    past = list(_between(there[0], there[-1]))
    never = _never_on(past, set(there))
    awake = [day in days and days[day] > 0 for day in past if day.weekday() not in never]
    length = sum(day.weekday() not in never for day in silent)
    if not length or length <= longest_pause(awake) or len(there) < 2:
        return 1.0
    recent = [day for day in past if day.weekday() not in never][-_RECENT_DAYS:]
    rows = sum(days.get(day, 0) for day in recent)
    at_random = (len(recent) / (len(recent) + length)) ** rows
    found = max(at_random, _of_pauses(awake, length))
    return found if sent is None else max(found, _unanswered(days, sent, past, silent))


def no_chance(chances: Sequence[float]) -> list[bool]:
    """Which silences are no chance when all streams are looked at together (Benjamini and Hochberg 1995)."""
    return [bool(chance <= FALSE_ALARMS) for chance in false_discovery_control(list(chances))] if chances else []


def longest_pause(awake: Iterable[bool]) -> int:
    """The most days in a row without rows."""
    longest = now = 0
    for has_rows in awake:
        now = 0 if has_rows else now + 1
        longest = max(longest, now)
    return longest


def _between(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def _never_on(past: Sequence[date], there: set[date]) -> set[int]:
    seen = {weekday: [day for day in past if day.weekday() == weekday] for weekday in range(7)}
    return {weekday for weekday, days in seen.items() if len(days) >= _NEVER_ON and not there & set(days)}


def _of_pauses(awake: Sequence[bool], length: int) -> float:
    share = (awake.count(False) + _JEFFREYS) / (len(awake) + 2 * _JEFFREYS)
    pauses = sum(not now for now in awake[:-1])
    gone_on = sum(not now and not later for now, later in pairwise(awake))
    if pauses or len(awake) < _LEAST_DAYS:
        goes_on, ends = gone_on + _JEFFREYS, pauses - gone_on + _JEFFREYS
    else:
        goes_on, ends = _WORTH * share, _WORTH * (1 - share)
    return float(share * exp(betaln(goes_on + length - 1, ends) - betaln(goes_on, ends)))


def _unanswered(
    days: Mapping[date, int], sent: Mapping[date, int], past: Sequence[date], silent: Sequence[date]
) -> float:
    """1 where nothing was sent, or where what is sent has nothing to do with it."""
    before = sum(sent.get(day, 0) for day in past)
    answered = min(sum(days.get(day, 0) for day in past), before)
    # What was sent on the last day may be answered on the next.
    since = sum(sent.get(day, 0) for day in silent[:-1])
    if not since or not answered:
        return 1.0
    return exp(_log_choose(before + since - answered, since) - _log_choose(before + since, since))


def _log_choose(n: int, k: int) -> float:
    return -inf if k > n else float(-betaln(n - k + 1, k + 1)) - log(n + 1)
