"""The section of the report on groups: in what the configured ones differ, and what that suggests to try."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markupsafe import Markup

from rfm_spark.capabilities.groups.tables import GROUP_DIFFERENCES
from rfm_spark.report.badges import REAL, columns_badge
from rfm_spark.report.section import Drawn, Facts, Reader, Section, template_text
from rfm_spark.report.wording import Numbers

TERMS = {
    "Effect": Markup(
        "Of numbers Cliff's delta: the share of pairs of customers in which the first group is higher, less the share "
        "in which the second is. Of shares their difference. From -1 to 1."
    )
}
_SHOWN = 8


@dataclass(frozen=True)
class Difference:
    """A column in which two groups differ."""

    column: str
    value: str | None
    is_share: bool
    typical: tuple[float, float]
    effect: float
    low: float
    high: float
    hypothesis: str


@dataclass(frozen=True)
class Compared:
    """Two groups.

    Attributes:
        names: of both.
        where: condition that both meet; None for none.
        looked_at: columns and values that were compared.
        found: in which they differ, the largest effect first.
    """

    names: tuple[str, str]
    where: str | None
    looked_at: int
    found: tuple[Difference, ...]


@dataclass(frozen=True)
class GroupData:
    """Pairs of groups of a run; none where none are configured."""

    pairs: tuple[Compared, ...] = ()


@dataclass(frozen=True)
class PairBlock:
    """A pair, ready to print."""

    title: str
    heads: tuple[str, str]
    summary: str
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    hypotheses: tuple[str, ...]


def read_groups(reader: Reader) -> GroupData:
    """Pairs of groups of a run."""
    return GroupData(pairs_of(reader.rows(GROUP_DIFFERENCES.name)))


def pairs_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Compared, ...]:
    """Pairs from rows of `group_differences`."""

    def key(row: Mapping[str, Any]) -> tuple[str, str, str]:
        return row["first_group"], row["second_group"], row["condition"] or ""

    found = []
    for (first, second, where), mine in groupby(sorted(rows, key=lambda row: (key(row), row["place"])), key=key):
        every = list(mine)
        differing = tuple(_difference(row) for row in every if row["differs"])
        found.append(Compared((first, second), where or None, len(every), differing))
    return tuple(found)


def draw_groups(data: GroupData, facts: Facts, say: Numbers) -> Drawn:
    """Everything the section says; None where no groups are configured."""
    if not data.pairs:
        return Drawn(REAL, None)
    columns = {one.column for pair in data.pairs for one in pair.found}
    return Drawn(columns_badge(facts.settings, columns), tuple(_block(pair, say) for pair in data.pairs), TERMS)


def _difference(row: Mapping[str, Any]) -> Difference:
    return Difference(
        row["column_name"], row["value"], row["measure"] == "risk_difference",
        (row["first_typical"], row["second_typical"]), row["effect"], row["low"], row["high"], row["hypothesis"] or "",
    )  # fmt: skip


def _block(pair: Compared, say: Numbers) -> PairBlock:
    first, second = pair.names
    rows = tuple((_name(one), _cells(one, say)) for one in pair.found[:_SHOWN])
    where = f", where {pair.where}" if pair.where else ""
    summary = (
        f"{say.count(len(pair.found))} of {say.count(pair.looked_at)} columns and values differ, at a false discovery "
        "rate of 5 %."
    )
    hypotheses = tuple(one.hypothesis for one in pair.found[:3])
    return PairBlock(f"{first} against {second}{where}", (first, second), summary, rows, hypotheses)


def _name(one: Difference) -> str:
    return one.column if one.value is None else f"{one.column}: {one.value}"


def _cells(one: Difference, say: Numbers) -> tuple[str, ...]:
    ends = (say.percent(end) if one.is_share else say.decimal(end) for end in one.typical)
    return (*ends, say.signed(one.effect, 2), f"{say.signed(one.low, 2)} to {say.signed(one.high, 2)}")


SECTIONS = (
    Section(
        name="groups",
        place=64,
        template=template_text("rfm_spark.capabilities.groups", "section.html.j2"),
        read=read_groups,
        draw=draw_groups,
    ),
)
