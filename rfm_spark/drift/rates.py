"""Rates against their own past: the share of messages that were clicked may fall while their number stays.

A rate of the last days is compared with that of the weeks before by the score test of two shares with Yates'
continuity correction (Fleiss, Levin and Paik 2003, section 3.1). Where days differ by more than chance, since each
mailing has a content of its own, the variance is multiplied by the dispersion of the days before, and the tails are
Student's (McCullagh and Nelder 1989, section 4.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import exp, inf, log, sqrt

from scipy import special

from rfm_spark.behaviour.rates import RATE_DAYS, Rate
from rfm_spark.drift.figures import PAST, RATE, Figure
from rfm_spark.drift.psi import CHANGED, INSUFFICIENT, MAJOR, MODERATE, NONE

# Days now, and days before that they are compared with: a sudden change, and one that takes its time.
SPANS = ((7, RATE_DAYS // 2), (RATE_DAYS // 2, RATE_DAYS // 2))
# Of so large a change without one; and the least number of cases to be expected on either side.
_SURE, _LEAST = 0.001, 5.0
_HALF, _POWER = 0.5, 0.8
# Days are taken to differ by more than chance where chance would make them differ so in one case of ten.
_UNLIKE = 0.1
_INTERVAL = 0.975
_ROSE = "look whether programs open and click, or events are counted twice, then at content"
# Volumes up to so far apart, either way round, are called unchanged.
_SAME_VOLUME = 1.25


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
        days: of now.
        past_days: of before.
        p_value: of so large a change without one; None where there are too few cases.
        lower: of the ratio of the rates, at 95 %.
        upper: likewise.
        can_tell: whether a rate that halved would likely have been noticed.
    """

    before: Count
    now: Count
    days: int
    past_days: int
    p_value: float | None = None
    lower: float = 0.0
    upper: float = inf
    can_tell: bool = False

    @property
    def ratio(self) -> float:
        """Now over before."""
        return self.now.share / self.before.share


def rate_figures(rates: Sequence[Rate], smallest: float) -> list[Figure]:
    """A figure for each rate and span that there is a past for.

    Args:
        rates: by day.
        smallest: the smallest fall that matters, as a share of the rate; rises count from the same factor on.

    Returns:
        Figures of metric `rate`, subject `email.click_rate.7d`, against `past`; the value is now over before.
    """
    found = [(rate, _change(rate, span, past)) for rate in rates for span, past in SPANS]
    return [_figure(rate, one, smallest) for rate, one in found if one is not None]


def rate_warnings(figures: Sequence[Figure], rates: Sequence[Rate]) -> list[str]:
    """A sentence for each rate that changed, with where to look.

    Args:
        figures: of a run, all judged at once.
        rates: that they are of.
    """
    advice = {f"{rate.of}.{rate.definition.name}": rate.definition.advice for rate in rates}
    grave: dict[str, Figure] = {}
    for figure in figures:
        subject = figure.subject.rpartition(".")[0]
        if figure.metric == RATE and figure.severity in (MODERATE, MAJOR):
            # A sudden change also moves the month: it is told once, as the week has it.
            grave.setdefault(subject, figure)
    return [
        f"rates: {figure.detail}; {advice[subject] if (figure.value or 0) < 1 else _ROSE}"
        for subject, figure in grave.items()
    ]


def change(before: Sequence[Count], now: Count, days: int) -> Change:
    """Compare a rate with its past.

    Args:
        before: by day; days without any case say nothing.
        now: of all the last days.
        days: how many these are.
    """
    filled = [one for one in before if one.whole]
    past = Count(sum(one.part for one in filled), sum(one.whole for one in filled))
    pooled = (past.part + now.part) / (past.whole + now.whole)
    if len(filled) < 2 or min(now.whole, past.whole) * min(pooled, 1 - pooled) < _LEAST:
        return Change(past, now, days, len(before))
    spread = _spread(filled, past)
    each = 1 / now.whole + 1 / past.whole
    error = sqrt(spread.factor * pooled * (1 - pooled) * each)
    apart = max(abs(now.share - past.share) - each / 2, 0.0)
    can_tell = _power_of_halving(past, now, spread) >= _POWER
    p_value, ends = 2 * spread.tail(apart / error), _interval(past, now, spread)
    return Change(past, now, days, len(before), p_value, *ends, can_tell)


@dataclass(frozen=True)
class _Spread:
    """By how much the variance of days is beyond chance, and the degrees of freedom that this is known with."""

    factor: float
    free: float

    def tail(self, beyond: float) -> float:
        """The chance of so many standard errors or more, on one side."""
        return float(special.ndtr(-beyond) if self.free == inf else special.stdtr(self.free, -beyond))

    def quantile(self, chance: float) -> float:
        """Standard errors that this chance is below."""
        return float(special.ndtri(chance) if self.free == inf else special.stdtrit(self.free, chance))


def _spread(days: Sequence[Count], past: Count) -> _Spread:
    """Pearson's chi-square over its degrees of freedom; 1 where days differ no more than chance lets them."""
    share, free = past.share, len(days) - 1
    if share >= 1:
        return _Spread(1.0, inf)
    squares = sum((one.part - one.whole * share) ** 2 / (one.whole * share * (1 - share)) for one in days)
    if special.chdtrc(free, squares) > _UNLIKE:
        return _Spread(1.0, inf)
    # Contents differ in a skewed way, so that their dispersion is known half as well as from normal ones.
    return _Spread(max(squares / free, 1.0), free / 2)


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


def _change(rate: Rate, span: int, past: int) -> Change | None:
    """None without any case before, or since."""
    begin = rate.last_day - timedelta(days=span - 1)
    first = max(begin - timedelta(days=past), min(rate.days, default=begin))
    counts = [Count(*rate.days.get(first + timedelta(days=day), (0, 0))) for day in range((begin - first).days)]
    since = [count for day, count in rate.days.items() if begin <= day <= rate.last_day]
    now = Count(sum(part for part, _ in since), sum(whole for _, whole in since))
    return change(counts, now, span) if now.whole and any(one.part for one in counts) else None


def _figure(rate: Rate, found: Change, smallest: float) -> Figure:
    subject = f"{rate.of}.{rate.definition.name}.{found.days}d"
    severity, detail = _severity(found, -log(1 - smallest)), _detail(rate, found)
    return Figure(RATE, subject, PAST, found.ratio, 1 - smallest, severity, found.p_value, detail)


def _severity(found: Change, least: float) -> str:
    if found.p_value is None or (found.p_value > _SURE and not found.can_tell):
        return INSUFFICIENT
    if found.p_value > _SURE:
        return NONE
    apart = abs(log(found.ratio)) if found.now.part else inf
    if apart < least:
        return CHANGED
    return MAJOR if apart >= max(log(2), least) else MODERATE


def _detail(rate: Rate, found: Change) -> str:
    before, now = found.before, found.now
    moved = "rose" if found.ratio > 1 else "fell"
    by = "stayed" if now.share == before.share else f"{moved} by {abs(found.ratio - 1):.0%}"
    interval = "" if found.p_value is None else f"; ratio {found.lower:.2f} to {found.upper:.2f} at 95 %"
    return (
        f"{rate.definition.words.format(of=rate.of)} {by} {_volume(found)}, from {before.share:.2%} of "
        f"{before.whole:,} to {now.share:.2%} of {now.whole:,} ({found.days} days up to {rate.last_day} against the "
        f"{found.past_days} before{interval})"
    )


def _volume(found: Change) -> str:
    ratio = (found.now.whole / found.days) / (found.before.whole / found.past_days)
    if 1 / _SAME_VOLUME <= ratio <= _SAME_VOLUME:
        return "at unchanged volume"
    return f"at {ratio:.2g} times the volume"
