"""Moves between two runs, counted: how many went from where to where, for which cause, and how sure their share is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rfm_spark.capabilities.movement.tables import CAUSES, CLUSTER_CAUSES, NO_SEGMENT
from rfm_spark.core.counting import Count
from rfm_spark.core.table import ALL

# 97.5 % point of the standard normal distribution.
_Z = 1.959963984540054
# Of fewer customers a share says little.
_FEW = 30


@dataclass(frozen=True)
class Moved:
    """Customers who went the same way for the same cause.

    Attributes:
        start: segment or cluster before; None for those who entered.
        end: now; None for those who left.
        cause: of the move; None for who stayed without help.
        customers: how many.
        revenue: their monetary now, before for those who left.
    """

    start: str | None
    end: str | None
    cause: str | None
    customers: int
    revenue: Decimal | None


def moved_from(counts: Iterable[Count]) -> list[Moved]:
    """Moves from counts of customers by value before and now, and cause, with the sum `revenue`."""
    return [Moved(one.of[0], one.of[1], one.of[2], one.customers, one.sums["revenue"]) for one in counts]


def transitions(
    moved: Sequence[Moved], ends: tuple[str, str], previous_run_id: str, nobody: str, scope: str = ALL
) -> list[dict[str, Any]]:
    """Moves between values of a column counted, with the diagonal and Wilson intervals of each share.

    Args:
        moved: of all customers of either run.
        ends: names of the columns with the value before and now.
        previous_run_id: run compared with.
        nobody: value that stands for not being in a run.
        scope: whose customers they are.
    """
    rows = _transitions(moved, ends, CAUSES, previous_run_id, scope)
    return [{**row, **{end: nobody if row[end] is None else row[end] for end in ends}} for row in rows]


def segment_transitions(moved: Sequence[Moved], previous_run_id: str, scope: str = ALL) -> list[dict[str, Any]]:
    """The rows of table `segment_transitions`: moves counted, with the diagonal and Wilson intervals of each share."""
    return transitions(moved, ("from_segment", "to_segment"), previous_run_id, NO_SEGMENT, scope)


def cluster_transitions(moved: Sequence[Moved], previous_run_id: str) -> list[dict[str, Any]]:
    """The rows of table `cluster_transitions`, of customers who have a cluster in either run."""
    clustered = [one for one in moved if one.start is not None or one.end is not None]
    rows = _transitions(clustered, ("from_cluster", "to_cluster"), CLUSTER_CAUSES, previous_run_id)
    ends = ("from_cluster", "to_cluster")
    return [{**row, **{end: None if row[end] is None else int(row[end]) for end in ends}} for row in rows]


def wilson(count: float, total: float) -> tuple[float, float]:
    """95 % Wilson score interval of count / total (E. B. Wilson, JASA 22, 1927)."""
    share = count / total
    centre = share + (_Z**2 / 2) / total
    spread = _Z * math.sqrt(share * (1.0 - share) / total + (_Z**2 / 4) / (total * total))
    scale = 1.0 + _Z**2 / total
    return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)


def _transitions(
    moved: Sequence[Moved], ends: tuple[str, str], causes: tuple[str, ...], previous_run_id: str, scope: str = ALL
) -> list[dict[str, Any]]:
    pairs: dict[tuple[str | None, str | None], list[Moved]] = {}
    totals: dict[str | None, int] = {}
    for one in moved:
        pairs.setdefault((one.start, one.end), []).append(one)
        totals[one.start] = totals.get(one.start, 0) + one.customers
    found = []
    for (start, end), mine in pairs.items():
        customers, total = sum(one.customers for one in mine), totals[start]
        low, high = wilson(customers, total)
        known = [one.revenue for one in mine if one.revenue is not None]
        found.append(
            {
                "scope": scope,
                "previous_run_id": previous_run_id,
                ends[0]: start,
                ends[1]: end,
                "customers": customers,
                "share": customers / total,
                "low": low,
                "high": high,
                "revenue": sum(known, Decimal(0)) if known else None,
                **{cause: sum(one.customers for one in mine if one.cause == cause) for cause in causes},
                "small": total < _FEW,
            }
        )
    return found
