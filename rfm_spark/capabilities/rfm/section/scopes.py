"""The section of the report on scopes: the markets, or other groups, that customers are scored in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rfm_spark.capabilities.drift.tables import DRIFT
from rfm_spark.capabilities.rfm.tables import SEGMENT_CUTS
from rfm_spark.capabilities.segments.tables import SEGMENT_SUMMARY
from rfm_spark.core.scopes import amounts_apart, parted_by
from rfm_spark.core.table import ALL, SCOPE_COLUMN
from rfm_spark.report.badges import REAL
from rfm_spark.report.section import Drawn, Facts, Reader
from rfm_spark.report.wording import Numbers

_SHOWN = 30


@dataclass(frozen=True)
class ScopeLine:
    """A scope of a run.

    Attributes:
        name: of the scope.
        customers: who are in it.
        revenue: of these; None where nobody has any.
        largest: label of the segment with most customers.
        own_cuts: whether its cut points are its own.
        drift: its verdict; None without a run before.
    """

    name: str
    customers: int
    revenue: Decimal | None
    largest: str
    own_cuts: bool
    drift: str | None


@dataclass(frozen=True)
class ScopeData:
    """Scopes of a run, the largest first; none where nothing parts customers, or where the report is of one of them."""

    lines: tuple[ScopeLine, ...] = ()


@dataclass(frozen=True)
class ScopePart:
    """The section, ready to print."""

    summary: str
    heads: tuple[str, ...]
    lines: tuple[tuple[str, tuple[str, ...]], ...] = field(default=())


def read_scopes(reader: Reader) -> ScopeData:
    """Scopes of a run."""
    if reader.scope != ALL or not parted_by(reader.run.settings):
        return ScopeData()
    cuts = reader.of_all_scopes(SEGMENT_CUTS.name)
    borrowed = {row[SCOPE_COLUMN] for row in cuts if row["cuts_of"] != row[SCOPE_COLUMN]}
    own = {row[SCOPE_COLUMN] for row in cuts} - borrowed
    verdicts = [row for row in reader.of_all_scopes(DRIFT.name) if row["metric"] == "verdict"]
    drift = {row[SCOPE_COLUMN]: row["severity"] for row in verdicts}
    parted: dict[str, list[dict[str, Any]]] = {}
    for row in reader.of_all_scopes(SEGMENT_SUMMARY.name):
        parted.setdefault(row[SCOPE_COLUMN], []).append(row)
    lines = [_line(name, rows, name in own, drift.get(name)) for name, rows in parted.items() if name != ALL]
    return ScopeData(tuple(sorted(lines, key=lambda line: (-line.customers, line.name))))


def draw_scopes(data: ScopeData, facts: Facts, say: Numbers) -> Drawn:
    """Everything the section says.

    Args:
        data: scopes of the run.
        facts: of the run.
        say: how numbers are written.
    """
    if not data.lines:
        return Drawn(REAL, None)
    apart = amounts_apart(facts.settings)
    everybody = sum(line.customers for line in data.lines)
    shown = tuple((line.name, _cells(line, everybody, say, money=not apart)) for line in data.lines[:_SHOWN])
    heads = (
        "Customers",
        "Share of customers",
        *(() if apart else ("Revenue",)),
        "Largest segment",
        "Cut points",
        "Drift",
    )
    return Drawn(REAL, ScopePart(_summary(data, facts, say), heads, shown))


def _line(name: str, rows: Iterable[Mapping[str, Any]], own_cuts: bool, drift: str | None) -> ScopeLine:
    found = sorted(rows, key=lambda row: (-row["customers"], row["segment"]))
    amounts = [row["revenue"] for row in found if row["revenue"] is not None]
    revenue = sum(amounts, Decimal(0)) if amounts else None
    largest = found[0]["label"] or found[0]["segment"]
    return ScopeLine(name, sum(row["customers"] for row in found), revenue, largest, own_cuts, drift)


def _cells(line: ScopeLine, everybody: int, say: Numbers, *, money: bool) -> tuple[str, ...]:
    amount = (say.money(line.revenue),) if money else ()
    cuts = "its own" if line.own_cuts else "those of all"
    return (
        say.count(line.customers), say.percent(line.customers / everybody), *amount, line.largest, cuts,
        line.drift or "not measured",
    )  # fmt: skip


def _summary(data: ScopeData, facts: Facts, say: Numbers) -> str:
    parts = " and ".join(parted_by(facts.settings))
    more = len(data.lines) - _SHOWN
    rest = f" The {say.count(_SHOWN)} largest are shown." if more > 0 else ""
    apart = " Amounts of different currencies are never added up, so figures of all customers have none."
    return (
        f"Customers are scored, ranked and clustered within their {parts}: {say.count(len(data.lines))} scopes. The "
        f"rest of this page is of all of them; rfm-spark report --scope {data.lines[0].name} is of one.{rest}"
        f"{apart if amounts_apart(facts.settings) else ''}"
    )
