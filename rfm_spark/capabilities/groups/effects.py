"""How far two groups differ in a column: effect, interval and p-value, from counts of their values.

Numbers: Cliff's delta, the share of pairs in which the first is higher less the share in which the second is (N. Cliff,
Psychological Bulletin 114, 1993), with the asymmetric interval from the variance of placements (D. Feng and N. Cliff,
Journal of Modern Applied Statistical Methods 3, 2004), and the p-value of E. Brunner and U. Munzel (Biometrical Journal
42, 2000). Shares: the difference of two proportions, with R. Newcombe's hybrid score interval (Statistics in Medicine
17, 1998, method 10), and the p-value of the pooled z-test, or of R. Fisher's exact one where few are expected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit
from scipy.stats import fisher_exact

_LEVEL = 0.975
_Z = float(ndtri(_LEVEL))
# W. Cochran, Biometrics 10, 1954: below so many expected customers the exact test is taken.
_FEW = 5


@dataclass(frozen=True)
class Effect:
    """How far the first group is above the second.

    Attributes:
        value: Cliff's delta, or the difference of shares; -1 to 1.
        low: lower end of the 95 % interval.
        high: upper end.
        p_value: of no difference, two-sided.
    """

    value: float
    low: float
    high: float
    p_value: float


def cliffs_delta(first: NDArray[np.int64], second: NDArray[np.int64]) -> Effect:
    """Cliff's delta of two groups of at least two customers each.

    Args:
        first: customers of the first group by value, ascending.
        second: of the second, by the same values.
    """
    n, m = int(first.sum()), int(second.sum())
    placed = [_placements(second) / m, -_placements(first) / n]
    delta = float((first * placed[0]).sum() / n)
    spreads = [
        float((counts * (mine - delta) ** 2).sum() / (size - 1) / size)
        for counts, mine, size in zip((first, second), placed, (n, m), strict=True)
    ]
    variance = sum(spreads)
    if variance == 0:
        return _separated(delta, n, m)
    degrees = variance**2 / sum(one**2 / (size - 1) for one, size in zip(spreads, (n, m), strict=True))
    p_value = float(2 * stdtr(degrees, -abs(delta) / math.sqrt(variance)))
    return Effect(delta, *_asymmetric(delta, variance, float(stdtrit(degrees, _LEVEL))), p_value)


def risk_difference(first: tuple[int, int], second: tuple[int, int]) -> Effect:
    """The difference of two shares.

    Args:
        first: customers of the first group of whom it is true, and all of them.
        second: the same of the second.
    """
    (x, n), (y, m) = first, second
    p, q = x / n, y / m
    (p_low, p_high), (q_low, q_high) = _score(x, n), _score(y, m)
    low = p - q - math.sqrt((p - p_low) ** 2 + (q_high - q) ** 2)
    high = p - q + math.sqrt((p_high - p) ** 2 + (q - q_low) ** 2)
    return Effect(p - q, max(low, -1.0), min(high, 1.0), _p_value_of_shares(x, n, y, m))


def _p_value_of_shares(x: int, n: int, y: int, m: int) -> float:
    pooled = (x + y) / (n + m)
    if pooled in (0, 1):
        return 1.0
    # Where few are expected, the normal distribution is far off.
    if min(n, m) * min(pooled, 1 - pooled) < _FEW:
        return float(fisher_exact([[x, n - x], [y, m - y]])[1])
    spread = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return float(2 * ndtr(-abs(x / n - y / m) / spread))


def _placements(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """At each value, how many are below less how many are above."""
    until: NDArray[np.int64] = np.cumsum(counts)
    return np.asarray(2 * until - counts - until[-1], dtype=np.float64)


def _asymmetric(delta: float, variance: float, quantile: float) -> tuple[float, float]:
    scaled = quantile**2 * variance
    centre, width = delta - delta**3, quantile * math.sqrt(variance) * math.sqrt((1 - delta**2) ** 2 + scaled)
    ends = ((centre - width) / (1 - delta**2 + scaled), (centre + width) / (1 - delta**2 + scaled))
    return max(ends[0], -1.0), min(ends[1], 1.0)


def _separated(delta: float, n: int, m: int) -> Effect:
    """Of groups that do not overlap, or are equal throughout, which have no variance."""
    if delta == 0:
        return Effect(0.0, 0.0, 0.0, 1.0)
    smaller = min(n, m)
    bound = (smaller - _Z**2) / (smaller + _Z**2)
    chance = min(2 * math.exp(math.lgamma(n + 1) + math.lgamma(m + 1) - math.lgamma(n + m + 1)), 1.0)
    return Effect(delta, bound, 1.0, chance) if delta > 0 else Effect(delta, -1.0, -bound, chance)


def _score(count: int, total: int) -> tuple[float, float]:
    """Wilson's interval of a share."""
    share = count / total
    centre = share + _Z**2 / (2 * total)
    width = _Z * math.sqrt(share * (1 - share) / total + _Z**2 / (4 * total**2))
    scale = 1 + _Z**2 / total
    return (centre - width) / scale, (centre + width) / scale
