"""Stages of customers by pandas, from days with a purchase, by the textbook's formulas."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Credibility:
    """Structural parameters of Bühlmann and Straub, from single observations."""

    mean: float
    weight: float
    within: float
    between: float


def credibility(groups: list[np.ndarray]) -> Credibility:
    """Loss Models, section 19.2, nonparametric estimators with exposures of one."""
    sizes = np.array([len(group) for group in groups], dtype=float)
    means = np.array([group.mean() for group in groups])
    every = np.concatenate(groups).mean()
    within = sum(((group - group.mean()) ** 2).sum() for group in groups) / (sizes - 1).sum()
    total = sizes.sum()
    spread = total - (sizes**2).sum() / total
    between = ((sizes * (means - every) ** 2).sum() - within * (len(groups) - 1)) / spread
    factor = sizes / (sizes + within / between)
    return Credibility(float((factor * means).sum() / factor.sum()), within / between, within, between)


def stages(purchases: pd.DataFrame, as_of: date, terms: Credibility | None = None) -> pd.DataFrame:
    """Stage and expected gap of every buyer.

    Args:
        purchases: customer, day, one row per purchase up to as_of.
        as_of: last day that counts.
        terms: of another population; None takes this one's.
    """
    days = purchases.drop_duplicates(["customer", "day"]).sort_values(["customer", "day"])
    gaps = days.groupby("customer")["day"].diff().dt.days
    mine = {name: group.dropna().to_numpy() for name, group in gaps.groupby(days["customer"])}
    found = credibility([group for group in mine.values() if len(group)]) if terms is None else terms
    counts = purchases.groupby("customer").size()
    rows = []
    for name, group in days.groupby("customer")["day"]:
        own = mine[name]
        gap = (found.weight * found.mean + own.sum()) / (found.weight + len(own))
        recency = (pd.Timestamp(as_of) - group.iloc[-1]).days
        tenure = (pd.Timestamp(as_of) - group.iloc[0]).days
        before = own[:-1]
        then = (found.weight * found.mean + before.sum()) / (found.weight + len(before))
        rows.append((name, gap, _stage(recency, tenure, int(counts[name]), own, (gap, then))))
    return pd.DataFrame(rows, columns=["customer_id", "expected_gap_days", "lifecycle_stage"]).set_index("customer_id")


def _stage(recency: int, tenure: int, orders: int, gaps: np.ndarray, expected: tuple[float, float]) -> str:
    gap, gap_before_the_last = expected
    if recency > 3 * gap:
        return "lapsed"
    if recency > 1.5 * gap:
        return "lapsing"
    if len(gaps) and gaps[-1] > 3 * gap_before_the_last:
        return "reactivated"
    if orders == 1:
        return "new"
    return "loyal" if orders >= 5 and tenure >= 4 * gap else "repeat"
