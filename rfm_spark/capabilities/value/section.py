"""The section of the report on value: how concentrated revenue is, what may be lost, and whom to win back first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from markupsafe import Markup

from rfm_spark.capabilities.rfm.words import measure_words
from rfm_spark.capabilities.segments.words import SegmentNames, segment_names
from rfm_spark.capabilities.value.tables import VALUE_CURVE, VALUE_SEGMENTS, VALUE_SUMMARY
from rfm_spark.core.runs import current_runs
from rfm_spark.core.scopes import amounts_apart
from rfm_spark.core.table import ALL
from rfm_spark.report.badges import REAL, run_badge
from rfm_spark.report.curves import Point, curve
from rfm_spark.report.drawing import as_svg
from rfm_spark.report.figures import Figure
from rfm_spark.report.section import Drawn, Facts, Reader, Section, template_text
from rfm_spark.report.wording import Numbers, day

TERMS = {
    "Gini coefficient": Markup(
        "How unequally customers spend: 0 where all spend the same, close to 1 where one spends nearly everything."
    ),
    "Value at risk": Markup(
        "What customers spent in the window, each amount times the probability that the customer stops; of those who "
        "are gone already it is lost."
    ),
}
_TENTHS = 10
_RUNS = 12


@dataclass(frozen=True)
class Concentration:
    """How concentrated the revenue of a run is."""

    as_of: date
    gini: float | None
    top_20: float | None
    segments: float | None


@dataclass(frozen=True)
class SegmentValue:
    """What a segment, or a stage, is worth."""

    name: str
    customers: int
    revenue: float
    share: float | None
    clv: float | None
    at_risk: float | None
    lost: float | None
    reachable: int | None
    reachable_at_risk: float | None
    rank: int | None


@dataclass(frozen=True)
class ValueData:
    """Value of a run; nothing where it is off.

    Attributes:
        now: concentration of the run; None without customers.
        at_risk_by: what tells of risk; None where nothing does.
        curve: share of revenue by hundredths of the customers.
        segments: whole ones.
        stages: likewise.
        past: concentration of earlier dates, oldest first, this one last.
    """

    now: Concentration | None = None
    at_risk_by: str | None = None
    curve: tuple[tuple[float, float], ...] = ()
    segments: tuple[SegmentValue, ...] = ()
    stages: tuple[SegmentValue, ...] = ()
    past: tuple[Concentration, ...] = ()


@dataclass(frozen=True)
class ValueTable:
    """Lines of segments or stages: a name and cells."""

    title: str
    heads: tuple[str, ...]
    lines: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class ValuePart:
    """The section, ready to print."""

    concentration: str
    advice: str
    figure: Figure | None
    tables: tuple[ValueTable, ...]
    past: tuple[tuple[str, tuple[str, ...]], ...]


def read_value(reader: Reader) -> ValueData:
    """Value of a run, and how concentrated revenue was before."""
    mine = reader.rows(VALUE_SUMMARY.name)
    if not mine:
        return ValueData()
    rows = reader.rows(VALUE_SEGMENTS.name)
    as_of = reader.run.as_of
    return ValueData(
        now=concentration_of(mine[0], as_of),
        at_risk_by=mine[0]["at_risk_by"],
        curve=tuple(sorted((row["customers_share"], row["revenue_share"]) for row in reader.rows(VALUE_CURVE.name))),
        segments=values_of(rows, "segment", "lifecycle_stage"),
        stages=values_of(rows, "lifecycle_stage", "segment"),
        past=_past(reader, concentration_of(mine[0], as_of)),
    )


def concentration_of(row: Mapping[str, Any], as_of: date) -> Concentration:
    """Of a row of `value_summary`."""
    return Concentration(as_of, row["gini"], row["top_20_share"], row["segment_concentration"])


def values_of(rows: Iterable[Mapping[str, Any]], of: str, other: str) -> tuple[SegmentValue, ...]:
    """Of rows of `value_segments`, those of whole segments or stages, most to win back first."""
    found = (
        SegmentValue(
            row[of], row["customers"], float(row["revenue"]), row["revenue_pct"], row["clv"], row["value_at_risk"],
            row["value_lost"], row["reachable"], row["reachable_at_risk"], row["win_back_rank"],
        )
        for row in rows
        if row[other] == ALL and row[of] != ALL
    )  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.rank or 0, -(one.at_risk or 0.0), -one.revenue, one.name)))


def _past(reader: Reader, now: Concentration) -> tuple[Concentration, ...]:
    current = current_runs([run for run in reader.complete if run.as_of < reader.run.as_of], reader.run.config_name)
    runs = {run.run_id: run.as_of for _, run in sorted(current.items())[-_RUNS:]}
    if not runs:
        return ()
    kept = reader.of_scope(row for row in reader.tables.rows(VALUE_SUMMARY.name, run_id=list(runs)))
    found = [concentration_of(row, runs[row["run_id"]]) for row in kept]
    return (*sorted(found, key=lambda one: one.as_of), now) if found else ()


def draw_value(data: ValueData, facts: Facts, say: Numbers) -> Drawn:
    """Everything the section says; None where value is off."""
    if not (facts.settings.get("value") or {}).get("enabled"):
        return Drawn(REAL, None)
    badge = run_badge(facts.settings)
    if data.now is None:
        apart = amounts_apart(facts.settings)
        why = (
            "Amounts of several currencies have no sum; the report of each currency tells of its own." if apart else ""
        )
        return Drawn(badge, ValuePart(why, "", None, (), ()), TERMS)
    names, total = segment_names(facts.settings), measure_words(facts.settings).total
    tables = (
        _table("Segment", data.segments, data, say, names),
        *((_table("Stage", data.stages, data, say, None),) if data.stages else ()),
    )
    past = tuple(
        (day(one.as_of), (say.decimal(one.gini, 3), say.percent(one.top_20), say.decimal(one.segments, 3)))
        for one in data.past
    )
    figure = _figure(data, total, say)
    part = ValuePart(_concentration(data, total, say), _advice(data, names, say), figure, tables, past)
    return Drawn(badge, part, TERMS)


def _concentration(data: ValueData, total: str, say: Numbers) -> str:
    now = data.now
    if now is None or now.gini is None:
        return f"There is no {total}, so there is nothing that could be concentrated."
    return (
        f"The fifth of the customers who spend most bring {say.percent(now.top_20)} of the {total}; the Gini "
        f"coefficient is {say.decimal(now.gini, 3)}."
    )


def _advice(data: ValueData, names: SegmentNames, say: Numbers) -> str:
    first = next((one for one in data.segments if one.rank == 1), None)
    if first is None or data.at_risk_by is None:
        return "What may be lost is told where predict.clv or predict.churn is on." if data.at_risk_by is None else ""
    worth = first.at_risk if first.reachable_at_risk is None else first.reachable_at_risk
    who = (
        f"{say.count(first.customers)} customers; who may be written to is not known without messages"
        if first.reachable is None
        else f"{say.count(first.reachable)} of {say.count(first.customers)} customers may be written to"
    )
    amount = say.short_money(worth or 0.0)
    return (
        f"An offer has most to save among {names.label(first.name)}: {amount} of what they spent may not come again "
        f"({who})."
    )


def _table(
    title: str, values: Sequence[SegmentValue], data: ValueData, say: Numbers, names: SegmentNames | None
) -> ValueTable:
    has_clv, has_risk = (any(getattr(one, name) is not None for one in values) for name in ("clv", "at_risk"))
    knows = any(one.reachable is not None for one in values)
    heads = ["Customers", "Share", "CLV a customer", "Lost", "Value at risk", "May be written to", "Of it reachable"]
    shown = [True, True, has_clv, has_risk, has_risk, knows, has_risk and knows]
    lines = []
    for one in values:
        clv = None if one.clv is None else one.clv / one.customers
        told = "–" if one.reachable is None else say.count(one.reachable)
        cells = [
            say.count(one.customers), say.percent(None if one.share is None else one.share / 100), say.money(clv),
            say.whole_money(one.lost), say.whole_money(one.at_risk), told,
            say.whole_money(one.reachable_at_risk),
        ]  # fmt: skip
        kept = tuple(cell for cell, on in zip(cells, shown, strict=True) if on)
        lines.append((one.name if names is None else names.label(one.name), kept))
    return ValueTable(title, tuple(head for head, on in zip(heads, shown, strict=True) if on), tuple(lines))


def _figure(data: ValueData, total: str, say: Numbers) -> Figure | None:
    step = max((len(data.curve) - 1) // _TENTHS, 1)
    kept = data.curve[::step]
    if len(kept) < 2 or not kept[-1][1]:
        return None
    points = [Point(say.percent(share, 0), brought, say.percent(brought, 0)) for share, brought in kept]
    title = f"How few customers bring how much of the {total}"
    drawn = as_svg(curve(points, "Customers, who spend most first"), "pareto", title)
    return Figure(title, drawn, f"Share of the {total}, by the share of the customers who bring it.")


SECTIONS = (
    Section(
        name="worth",
        place=39,
        template=template_text("rfm_spark.capabilities.value", "section.html.j2"),
        read=read_value,
        draw=draw_value,
    ),
)
