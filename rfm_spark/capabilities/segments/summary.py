"""One row per segment: size, revenue, typical values and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from rfm_spark.capabilities.segments.rules import RuleMap
from rfm_spark.core.counting import CountedCustomers
from rfm_spark.core.table import ALL
from rfm_spark.core.typical import MEASURED_AS, Quantiles, means_of


def segment_sizes(counts: CountedCustomers, scope: str = ALL) -> list[dict[str, Any]]:
    """Customers added up by segment; segments nobody is in are left out.

    Args:
        counts: of customers by segment, with revenue, sums of the measures and their quarters.
        scope: whose customers they are.

    Returns:
        The columns of table `segment_summary`, without run keys, label and action.
    """
    found, quarters = counts.values("segment"), counts.quarters("segment")
    customers = sum(one.customers for one in found)
    revenue = sum(one.sums["revenue"] or 0 for one in found)
    return [
        {
            "scope": scope,
            "segment": one.of[0],
            "customers": one.customers,
            "customers_pct": one.customers * 100 / customers,
            "revenue": one.sums["revenue"],
            "revenue_pct": _share(one.sums["revenue"], revenue),
            **means_of(one.sums, one.customers),
            **{f"median_{name}": _middle(quarters, str(one.of[0]), column) for name, column in MEASURED_AS.items()},
        }
        for one in found
    ]


def _middle(quarters: Quantiles, segment: str, column: str) -> float | None:
    found = quarters.get((segment, column))
    return None if found is None else found[1]


def _share(part: Decimal | None, whole: Decimal | int) -> float | None:
    return None if part is None or not whole else float(part) * 100 / float(whole)


def named(rows: Iterable[Mapping[str, Any]], rule_map: RuleMap) -> list[dict[str, Any]]:
    """Rows of table `segment_summary`: each segment with its label and what to do.

    Args:
        rows: of `segment_sizes`.
        rule_map: labels and actions.
    """
    outcomes = {outcome.name: outcome for outcome in rule_map.all_outcomes()}
    found = ((row, outcomes.get(str(row["segment"]))) for row in rows)
    return [
        {**row, "label": outcome.label if outcome else None, "action": outcome.action if outcome else None}
        for row, outcome in found
    ]
