"""`rfm-spark value move FROM TO`: what it would bring if some customers of one segment became like those of another."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

from rfm_spark.capabilities.movement.tables import SEGMENT_TRANSITIONS
from rfm_spark.capabilities.value.tables import VALUE_SEGMENTS
from rfm_spark.core.desk import Desk
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.table import ALL

_KEY = "value move"


@dataclass(frozen=True)
class Move:
    """What a move would bring.

    Attributes:
        customers: in the segment they leave.
        moved: of them who move.
        worth_before: CLV of a customer there, on average.
        worth_after: of a customer in the segment they come to.
        by_themselves: share that went this way since the run before, by what they did or did not do, with its 95 %
            interval; None without a run before, or where nothing but that would have moved them.
    """

    customers: int
    moved: int
    worth_before: float
    worth_after: float
    by_themselves: tuple[float, float, float] | None

    @property
    def gain(self) -> float:
        """Of all who move together."""
        return self.moved * (self.worth_after - self.worth_before)


def move_of(
    values: Sequence[Mapping[str, Any]], transitions: Sequence[Mapping[str, Any]], ends: tuple[str, str], share: float
) -> Move:
    """What it would bring if a share of one segment moved to another.

    Args:
        values: rows of `value_segments` of one scope.
        transitions: rows of `segment_transitions` of that scope.
        ends: segment that customers leave, and that they come to.
        share: of them who move, 0 to 1.

    Raises:
        ConfigError: a segment has no customers, the share is of nobody, or no CLV is known.
    """
    whole = {row["segment"]: row for row in values if row["lifecycle_stage"] == ALL and row["segment"] != ALL}
    for name in ends:
        if name not in whole:
            raise ConfigError(_KEY, [f"no customer is in {name}; there are {', '.join(sorted(whole)) or 'none'}"])
        if whole[name]["clv"] is None:
            raise ConfigError(_KEY, ["the run knows no CLV; set predict.clv.enabled: true, or see its warnings"])
    if ends[0] == ends[1]:
        raise ConfigError(_KEY, [f"{ends[0]} is where they are already; name two segments"])
    before, after = (whole[name]["clv"] / whole[name]["customers"] for name in ends)
    customers = whole[ends[0]]["customers"]
    moved = round(customers * share)
    if not moved:
        raise ConfigError(_KEY, [f"{100 * share:g} % of {customers:,} customers is nobody; give a larger --share"])
    return Move(customers, moved, before, after, _by_themselves(transitions, ends))


def _by_themselves(
    transitions: Sequence[Mapping[str, Any]], ends: tuple[str, str]
) -> tuple[float, float, float] | None:
    """Those of the segment before who moved as customers; where rules or cut points changed is nobody's doing."""
    there = [row for row in transitions if row["from_segment"] == ends[0]]
    total = sum(row["customers"] for row in there)
    if not total or any(row["definition"] or row["masked"] for row in there):
        return None
    went = sum(row["behaviour"] + row["inactivity"] for row in there if row["to_segment"] == ends[1])
    interval = stats.binomtest(went, total).proportion_ci(method="wilson")
    return went / total, float(interval.low), float(interval.high)


def value_of_a_move(options: argparse.Namespace, desk: Desk) -> int:
    """Print what a move would bring, and what that takes for granted.

    Raises:
        ConfigError: the share is none, a segment has no customers, or value is off.
        LakeError: there is no run.
    """
    if not 0 < options.share <= 100:
        raise ConfigError(_KEY, [f"--share {options.share:g} is no share; give percent above 0, up to 100"])
    run = desk.run(options.run)
    if run.rows.get(VALUE_SEGMENTS.name) is None:
        raise ConfigError(_KEY, [f"run {run.run_id} told of no value; set value.enabled: true"])
    values = _of_scope(desk.tables.rows(VALUE_SEGMENTS.name, run_id=run.run_id), options.scope)
    if not values:
        raise ConfigError(_KEY, [f"--scope {options.scope}: the run has no such scope with amounts of one currency"])
    moves = []
    if run.rows.get(SEGMENT_TRANSITIONS.name) is not None:
        moves = _of_scope(desk.tables.rows(SEGMENT_TRANSITIONS.name, run_id=run.run_id), options.scope)
    ends = (options.source, options.target)
    found = move_of(values, moves, ends, options.share / 100)
    desk.heading(f"{options.share:g} % of {ends[0]} to {ends[1]}, as of {run.as_of}")
    for line in sentences(found, ends):
        print(line)
    return 0


def sentences(found: Move, ends: tuple[str, str]) -> list[str]:
    """The figures, and the assumptions that they rest on."""
    source, target = ends
    lines = [
        f"{found.moved:,} of {found.customers:,} customers, each worth {found.worth_after - found.worth_before:+,.2f} "
        f"({found.worth_before:,.2f} in {source}, {found.worth_after:,.2f} in {target}): {found.gain:+,.2f}",
        "It assumes that",
        f"  - who moves becomes like the average customer of {target}, and was like that of {source} before;",
        "  - CLV is what the model of orders and spend says, with the margin and discount of the configuration;",
        "  - nothing is paid for the move: take the cost of whatever brings it about off.",
    ]
    if found.by_themselves is None:
        lines.append(
            "No run before tells who goes this way by themselves: there is none, or segments meant something else."
        )
    else:
        share, low, high = found.by_themselves
        lines.append(
            f"Since the run before {share:.1%} went this way by themselves (95 % interval {low:.1%} to {high:.1%}): "
            "only what comes on top is the work of a campaign, and only an experiment can tell."
        )
    return lines


def _of_scope(rows: Sequence[Mapping[str, Any]], scope: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if (row.get("scope") or ALL) == scope]
