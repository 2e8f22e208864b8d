"""Figures of drift: what was measured, from where on it counts, and how severe it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt
from typing import Any

import numpy as np
from scipy import special

from rfm_spark.capabilities.drift.distributions import Distribution, in_same_bins, w1
from rfm_spark.capabilities.drift.psi import CHANGED, INSUFFICIENT, MAJOR, MODERATE, NONE, Psi, discovered, psi
from rfm_spark.core.cells import CELLS
from rfm_spark.core.table import ALL

PREVIOUS, TRAINING = "previous", "training"
# Rates of interactions and messages, against the four weeks before, and four that ended three weeks earlier.
RATE, PAST, EARLIER = "rate", "past", "earlier"
# Customers of one run over those of the other, either way round.
_VOLUME = {MODERATE: 1.25, MAJOR: 2.0}
_SURE = 0.0005


@dataclass(frozen=True)
class Figure:
    """A row of table `drift`.

    Attributes:
        metric: what was measured.
        subject: a column, a cluster id, or all.
        against: previous (run), training (of the champion), past or earlier (weeks of the same rate).
        value: the figure.
        threshold: from here on it counts; None where it is only told.
        severity: none, insufficient, changed, moderate or major.
        p_value: of so large a figure without a change; None where none is taken.
        detail: in words.
        scope: whose customers it is of.
    """

    metric: str
    subject: str
    against: str
    value: float | None
    threshold: float | None = None
    severity: str = NONE
    p_value: float | None = None
    detail: str = ""
    scope: str = ALL

    def as_row(self, previous_run_id: str | None) -> dict[str, Any]:
        """The row of table `drift`, but for the run's keys."""
        return {
            "scope": self.scope,
            "metric": self.metric,
            "subject": self.subject,
            "against": self.against,
            "value": self.value,
            "threshold": self.threshold,
            "severity": self.severity,
            "p_value": self.p_value,
            "previous_run_id": previous_run_id,
            "detail": self.detail or None,
        }


def column_figures(
    reference: Mapping[str, Distribution], actual: Mapping[str, Distribution], against: str
) -> list[Figure]:
    """PSI, W1, missing and zero rates of every column that both sides have, each judged by itself; see `all_at_once`.

    Numbers that nobody had on the reference side are told for the first time, which is no drift.

    Args:
        reference: by column; the bins are its deciles.
        actual: by column.
        against: previous or training.
    """
    figures: list[Figure] = []
    for name in sorted(reference.keys() & actual.keys()):
        before, now = reference[name], actual[name]
        if not before.is_category and not before.present:
            continue
        figures.append(_of_psi("psi", name, against, psi(*in_same_bins(before, now)), _shares_text(before, now)))
        figures += _rate(
            "missing_rate", name, against, (before.missing, before.customers), (now.missing, now.customers)
        )
        if not before.is_category:
            figures += _rate("zero_rate", name, against, (before.zeros, before.customers), (now.zeros, now.customers))
            figures.append(Figure("w1", name, against, w1(before, now), detail="standard deviations of the log"))
    return figures


def share_figure(metric: str, before: Mapping[str, int], now: Mapping[str, int], against: str) -> Figure:
    """PSI of counts per group, such as customers per cluster."""
    labels = sorted({*before, *now})
    counts = [np.array([side.get(label, 0) for label in labels], dtype=np.int64) for side in (before, now)]
    sides = [Distribution(metric, tuple(int(n) for n in one), labels=tuple(labels), is_category=True) for one in counts]
    return _of_psi("psi", metric, against, psi(counts[0], counts[1]), _shares_text(*sides))


def volume_figure(subject: str, before: int, now: int) -> Figure:
    """Customers now over customers in the previous run; a change has to be beyond what Poisson counts vary by."""
    detail = f"{before:,} before, {now:,} now"
    if not before or not now:
        severe = MAJOR if before != now else NONE
        return Figure(
            "volume", subject, PREVIOUS, None, _VOLUME[MODERATE], severe, None, f"{before:,} before, {now:,} now"
        )
    ratio = now / before
    apart = abs(log(ratio))
    p_value = float(2 * special.ndtr(-apart / sqrt(1 / before + 1 / now)))
    severity = NONE
    if p_value < 2 * _SURE:
        severity = next((level for level in (MAJOR, MODERATE) if apart >= log(_VOLUME[level])), NONE)
    return Figure("volume", subject, PREVIOUS, ratio, _VOLUME[MODERATE], severity, p_value, detail)


def all_at_once(figures: Sequence[Figure]) -> list[Figure]:
    """The same figures, those no longer called a change that would not stand out among so many.

    Benjamini and Hochberg's procedure at 0.5 % over all that have a p-value: columns, rates, volumes and shares.
    """
    asked = [at for at, figure in enumerate(figures) if figure.p_value is not None]
    stand = discovered([figures[at].p_value or 0.0 for at in asked])
    weak = {at for at, stands in zip(asked, stand, strict=True) if not stands}
    return [
        replace(figure, severity=NONE) if at in weak and figure.severity not in (NONE, INSUFFICIENT) else figure
        for at, figure in enumerate(figures)
    ]


def is_alarm(figure: Figure) -> bool:
    """Whether it says that something changed, however little."""
    return figure.severity in (CHANGED, MODERATE, MAJOR)


def _of_psi(metric: str, subject: str, against: str, found: Psi, detail: str) -> Figure:
    return Figure(metric, subject, against, found.value, found.threshold, found.severity, found.p_value, detail)


def _rate(metric: str, subject: str, against: str, before: tuple[int, int], now: tuple[int, int]) -> list[Figure]:
    """Share of customers without a value (or with 0), compared as two bins; nothing where neither side has any."""
    if not before[0] and not now[0]:
        return []
    found = psi(*(np.array([some, total - some], dtype=np.int64) for some, total in (before, now)))
    shares = [some / total if total else 0.0 for some, total in (before, now)]
    detail = f"{shares[0]:.2%} before"
    return [Figure(metric, subject, against, shares[1], None, found.severity, found.p_value, detail)]


def _shares_text(before: Distribution, now: Distribution) -> str:
    if before.is_category:
        first, second = (dict(zip(d.labels, d.counts, strict=True)) for d in (before, now))
        moved = {
            label: second.get(label, 0) / max(now.present, 1) - first.get(label, 0) / max(before.present, 1)
            for label in {*first, *second}
        }
        largest = sorted(moved.items(), key=lambda item: (-abs(item[1]), item[0]))[:2]
        return ", ".join(f"{label} {change * 100:+.1f} points" for label, change in largest)
    middles = [_median(side) for side in (before, now)]
    return "" if None in middles else f"median {middles[0]:,.4g} before, {middles[1]:,.4g} now"


def _median(side: Distribution) -> float | None:
    if not side.present:
        return None
    upto = np.cumsum(side.counts)
    cell = side.cells[int(np.searchsorted(upto, -(-int(upto[-1]) // 2)))]
    return float(np.sign(cell) * np.expm1(abs(cell) / CELLS))
