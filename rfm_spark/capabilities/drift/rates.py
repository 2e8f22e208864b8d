"""Rates against their own past: the share of messages that were clicked may fall while their number stays.

A rate of the last days is compared with that of the weeks before by the score test of two shares with Yates'
continuity correction (Fleiss, Levin and Paik 2003, section 3.1). Where days or weeks differ by more than chance, since
each mailing has a content of its own, the variance is multiplied by their dispersion, and the tails are Student's
(McCullagh and Nelder 1989, section 4.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import exp, inf, log, sqrt

import numpy as np
from scipy import special

from rfm_spark.capabilities.drift.artefacts import RATE_DAYS, Rate
from rfm_spark.capabilities.drift.figures import EARLIER, PAST, RATE, Figure
from rfm_spark.capabilities.drift.psi import CHANGED, INSUFFICIENT, MAJOR, MODERATE, NONE

# Days now, days of the past, and how many days before now the past ends: a change of late, and a slow one.
DAYS, PAST_DAYS = 7, 28
GAPS = {PAST: 0, EARLIER: 3 * DAYS}
# Of so many days before now it is known how much days and weeks differ.
_KNOWN_DAYS = RATE_DAYS - DAYS
# Of so large a change without one; and the least number of cases to be expected on either side.
_SURE, _LEAST = 0.001, 5.0
_LEAST_UNITS = 3
_HALF, _POWER = 0.5, 0.8
# Days and weeks are taken to differ by more than chance where chance would make them differ so in one case of seven.
_UNLIKE = 0.15
_INTERVAL = 0.975
_ROSE = "look whether programs open and click, or events are counted twice, then at content"
# Volumes up to so far apart, either way round, are called unchanged.
_SAME_VOLUME = 1.25


def rate_figures(rates: Sequence[Rate], smallest: float) -> list[Figure]:
    """Two figures for each rate that there is a past for.

    Args:
        rates: by day.
        smallest: the smallest fall that matters, as a share of the rate; rises count from the same factor on.

    Returns:
        Figures of metric `rate`, subject `email.click_rate`, of the last seven days against `past` (the four weeks
        before) and against `earlier` (the four weeks that ended three weeks before); the value is now over before.
    """
    found = [(rate, against, _change(rate, gap)) for rate in rates for against, gap in GAPS.items()]
    return [_figure(rate, against, one, smallest) for rate, against, one in found if one is not None]


def rate_warnings(figures: Sequence[Figure], rates: Sequence[Rate]) -> list[str]:
    """A sentence for each rate that changed, with where to look.

    Args:
        figures: of a run, all judged at once.
        rates: that they are of.
    """
    advice = {f"{rate.of}.{rate.definition.name}": rate.definition.advice for rate in rates}
    severe: dict[str, Figure] = {}
    for figure in figures:
        if figure.metric == RATE and figure.severity in (MODERATE, MAJOR):
            # What changed of late also differs from earlier weeks: it is told once.
            severe.setdefault(figure.subject, figure)
    return [
        f"rates: {figure.detail}; {advice[subject] if (figure.value or 0) < 1 else _ROSE}"
        for subject, figure in severe.items()
    ]


@dataclass(frozen=True)
class Count:
    """So many of so many: the cases of a rate, and what they are out of."""

    part: int
    whole: int

    @property
    def share(self) -> float:
        """The rate."""
        return self.part / self.whole


@dataclass(frozen=True)
class Change:
    """A rate now against before.

    Attributes:
        before: of the days before.
        now: of the last days.
        past_days: days of before.
        p_value: of so large a change without one; None where there are too few cases.
        lower: of the ratio of the rates, at 95 %.
        upper: likewise.
        can_tell: whether a rate that halved would likely have been noticed.
    """

    before: Count
    now: Count
    past_days: int
    p_value: float | None = None
    lower: float = 0.0
    upper: float = inf
    can_tell: bool = False

    @property
    def ratio(self) -> float:
        """Now over before."""
        return self.now.share / self.before.share


def change(before: Sequence[Count], now: Count, known: Sequence[Count] | None = None) -> Change:
    """Compare a rate with its past.

    Args:
        before: by day; days without any case say nothing.
        now: of all the last days.
        known: days that show how much days and weeks differ, up to the last of them; `before` for None.
    """
    past = _sum(before)
    pooled = (past.part + now.part) / (past.whole + now.whole)
    days = sum(one.whole > 0 for one in before)
    if days < _LEAST_UNITS or min(now.whole, past.whole) * min(pooled, 1 - pooled) < _LEAST:
        return Change(past, now, len(before))
    spreads = _spreads(before if known is None else known)
    each = 1 / now.whole + 1 / past.whole
    errors = max(abs(now.share - past.share) - each / 2, 0.0) / sqrt(pooled * (1 - pooled) * each)
    spread = max(spreads, key=lambda one: one.tail(errors))
    can_tell = _power_of_halving(past, now, spread) >= _POWER
    return Change(past, now, len(before), 2 * spread.tail(errors), *_interval(past, now, spread), can_tell)


@dataclass(frozen=True)
class _Spread:
    """By how much the variance is beyond chance, and the degrees of freedom that this is known with."""

    factor: float = 1.0
    free: float = inf

    def tail(self, errors: float) -> float:
        """The chance of so many standard errors or more, on one side; `errors` are those of chance alone."""
        beyond = errors / sqrt(self.factor)
        return float(special.ndtr(-beyond) if self.free == inf else special.stdtr(self.free, -beyond))

    def quantile(self, chance: float) -> float:
        """Standard errors that this chance is below."""
        return float(special.ndtri(chance) if self.free == inf else special.stdtrit(self.free, chance))


def _spreads(days: Sequence[Count]) -> list[_Spread]:
    """Of chance alone; and of days and of weeks, whose contents may last, where these differ by more."""
    share = _sum(days).share
    full = len(days) // DAYS * DAYS
    weeks = [_sum(days[at : at + DAYS]) for at in range(len(days) - full, len(days), DAYS)]
    found = [_Spread()]
    if 0 < share < 1:
        # Contents of days differ in a skewed way, so that their dispersion is known half as well as of normal ones.
        both = (_dispersion(days, share, 2.0), _dispersion(weeks, share, 1.5))
        found += [one for one in both if one is not None]
    return found


def _dispersion(units: Sequence[Count], share: float, skewed: float) -> _Spread | None:
    """How much days (or weeks) that follow each other differ, over what chance explains; None where it explains it.

    Of successive ones, since a change that began before the last days is not how much they differ (von Neumann 1941,
    Ann. Math. Stat. 12:367); m differences have the variance of a chi-square of 2m² / (3m - 1) degrees of freedom.
    """
    filled = [one for one in units if one.whole]
    differences = len(filled) - 1
    if differences < 1:
        return None
    parts, wholes = (np.array(column, dtype=np.float64) for column in zip(*((one.part, one.whole) for one in filled),
                                                                          strict=True))  # fmt: skip
    expected = share * (1 - share) * (1 / wholes[1:] + 1 / wholes[:-1])
    factor = float((np.diff(parts / wholes) ** 2 / expected).mean())
    free = 2 * differences**2 / (3 * differences - 1)
    if special.chdtrc(free, factor * free) > _UNLIKE:
        return None
    return _Spread(max(factor, 1.0), free / skewed)


def _sum(counts: Sequence[Count]) -> Count:
    return Count(sum(one.part for one in counts), sum(one.whole for one in counts))


def _interval(past: Count, now: Count, spread: _Spread) -> tuple[float, float]:
    """Of the ratio, on the logarithmic scale (Katz et al. 1978)."""
    if not now.part:
        # None of n: the rule of three (Hanley and Lippman-Hand 1983).
        return 0.0, min(3 * spread.factor / now.whole / past.share, 1.0)
    error = sqrt(spread.factor * sum((1 - one.share) / one.part for one in (past, now)))
    wide, ratio = spread.quantile(_INTERVAL) * error, log(now.share / past.share)
    return exp(ratio - wide), exp(ratio + wide)


def _power_of_halving(past: Count, now: Count, spread: _Spread) -> float:
    half = past.share * _HALF
    error = sqrt(spread.factor * (past.share * (1 - past.share) / past.whole + half * (1 - half) / now.whole))
    return float(special.ndtr(half / error - spread.quantile(1 - _SURE / 2)))


def _change(rate: Rate, gap: int) -> Change | None:
    """None without any case before or since, or where the past is too short: the first week is to have some already."""
    begin = rate.last_day - timedelta(days=DAYS - 1)
    first = begin - timedelta(days=gap + PAST_DAYS)
    if not rate.days or min(rate.days) >= first + timedelta(days=DAYS):
        return None
    since = max(begin - timedelta(days=_KNOWN_DAYS), min(rate.days))
    known = _counts(rate, since, begin)
    before = _counts(rate, max(first, since), first + timedelta(days=PAST_DAYS))
    now = _sum(_counts(rate, begin, rate.last_day + timedelta(days=1)))
    return change(before, now, known) if now.whole and any(one.part for one in before) else None


def _counts(rate: Rate, first: date, end: date) -> list[Count]:
    return [Count(*rate.days.get(first + timedelta(days=day), (0, 0))) for day in range((end - first).days)]


def _figure(rate: Rate, against: str, found: Change, smallest: float) -> Figure:
    subject, threshold = f"{rate.of}.{rate.definition.name}", 1 - smallest
    severity, detail = _severity(found, -log(threshold)), _detail(rate, against, found)
    return Figure(RATE, subject, against, found.ratio, threshold, severity, found.p_value, detail)


def _severity(found: Change, least: float) -> str:
    if found.p_value is None or (found.p_value > _SURE and not found.can_tell):
        return INSUFFICIENT
    if found.p_value > _SURE:
        return NONE
    apart = abs(log(found.ratio)) if found.now.part else inf
    if apart < least:
        return CHANGED
    return MAJOR if apart >= max(log(2), least) else MODERATE


def _detail(rate: Rate, against: str, found: Change) -> str:
    before, now = found.before, found.now
    by = f"{abs(found.ratio - 1):.0%}"
    moved = "stayed" if by == "0%" else f"{'rose' if found.ratio > 1 else 'fell'} by {by}"
    interval = "" if found.p_value is None else f"; ratio {found.lower:.2f} to {found.upper:.2f} at 95%"
    ended = rate.last_day - timedelta(days=DAYS + GAPS[against])
    return (
        f"{rate.definition.words.format(of=rate.of)} {moved} {_volume(found)}, from {before.share:.2%} of "
        f"{before.whole:,} to {now.share:.2%} of {now.whole:,} ({DAYS} days up to {rate.last_day} against "
        f"{found.past_days} up to {ended}{interval})"
    )


def _volume(found: Change) -> str:
    ratio = (found.now.whole / DAYS) / (found.before.whole / found.past_days)
    if 1 / _SAME_VOLUME <= ratio <= _SAME_VOLUME:
        return "at unchanged volume"
    return f"at {ratio:.2g} times the volume"
