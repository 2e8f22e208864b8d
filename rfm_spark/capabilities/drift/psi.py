"""Population stability index with a calibrated scale: how far two samples differ, and whether that can be chance.

Yurdakul and Naranjo (2020), Statistical properties of the population stability index, J. Risk Model Valid. 14(3):
without a change PSI / (1/n + 1/m) follows χ²(B − 1); with a true index θ the non-central χ²(B − 1, θ / (1/n + 1/m)).
A fixed limit of 0.1 alarms on most small samples and misses small changes of large ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.stats import false_discovery_control

NONE, INSUFFICIENT, CHANGED, MODERATE, MAJOR = SEVERITIES = ("none", "insufficient", "changed", "moderate", "major")
# Of a change, of the true index having reached a limit, and of false alarms among all that are compared at once.
_CHANGED_AT, _REACHED_AT, FALSE_DISCOVERIES = 0.001, 0.01, 0.005
MODERATE_FROM, MAJOR_FROM = 0.1, 0.25
_POWER = 0.8
_HALF = 0.5


@dataclass(frozen=True)
class Psi:
    """One comparison.

    Attributes:
        value: the index, 0 or more.
        p_value: of a value this large without a change.
        threshold: value from which it is called a change.
        severity: none, insufficient, changed, moderate or major.
    """

    value: float
    p_value: float
    threshold: float
    severity: str


def index(reference: NDArray[np.int64], actual: NDArray[np.int64]) -> float:
    """PSI = Σ (aᵢ − eᵢ)·ln(aᵢ / eᵢ), shares being (count + 0.5) / (n + 0.5·B).

    Args:
        reference: customers per bin, B bins.
        actual: likewise.
    """
    bins = len(reference)
    expected = (reference + _HALF) / (reference.sum() + _HALF * bins)
    found = (actual + _HALF) / (actual.sum() + _HALF * bins)
    return float(((found - expected) * np.log(found / expected)).sum())


def psi(reference: NDArray[np.int64], actual: NDArray[np.int64]) -> Psi:
    """The index of two samples in the same bins, with its severity.

    changed: above κ·χ²₀.₉₉₉(B − 1), κ = 1/n + 1/m. moderate (major): the true index is surely above 0.1 (0.25).
    insufficient: no change shown, and a true index of 0.25 would likely not have been called moderate.

    Args:
        reference: customers per bin; bins that both lack don't count.
        actual: likewise.
    """
    there = (reference + actual) > 0
    reference, actual = reference[there], actual[there]
    n, m, free = int(reference.sum()), int(actual.sum()), len(reference) - 1
    if not n or not m:
        return Psi(0.0, 1.0, 0.0, INSUFFICIENT)
    if free < 1:
        return Psi(0.0, 1.0, 0.0, NONE)
    kappa, value = 1 / n + 1 / m, index(reference, actual)
    scaled = value / kappa
    changed = float(special.chdtri(free, _CHANGED_AT))
    surely = {
        limit: float(special.chndtrix(1 - _REACHED_AT, free, limit / kappa)) for limit in (MODERATE_FROM, MAJOR_FROM)
    }
    if scaled <= changed:
        power = 1 - float(special.chndtr(surely[MODERATE_FROM], free, MAJOR_FROM / kappa))
        severity = NONE if power >= _POWER else INSUFFICIENT
    elif scaled > surely[MAJOR_FROM]:
        severity = MAJOR
    else:
        severity = MODERATE if scaled > surely[MODERATE_FROM] else CHANGED
    return Psi(value, float(special.chdtrc(free, scaled)), changed * kappa, severity)


def discovered(p_values: Sequence[float]) -> list[bool]:
    """Which of several comparisons still count when all are looked at once (Benjamini and Hochberg 1995)."""
    if not p_values:
        return []
    return [bool(q <= FALSE_DISCOVERIES) for q in false_discovery_control(list(p_values), method="bh")]


def worst(severities: Sequence[str]) -> str:
    """The most severe of several severities; none for none."""
    return max(severities, key=SEVERITIES.index, default=NONE)
