"""The first section of the report: the segments with what to do about them, and who brings the revenue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from rfm_spark.capabilities.rfm.words import MeasureWords, measure_words, window_days
from rfm_spark.capabilities.segments.tables import SEGMENT_SUMMARY
from rfm_spark.capabilities.segments.words import SegmentNames, rule_columns, rule_map_of, segment_names
from rfm_spark.report.badges import columns_badge
from rfm_spark.report.data import RunFacts
from rfm_spark.report.figures import Figure, most_revenue, shares_figure, unique
from rfm_spark.report.profiles import Line, Profile, Totals, leader, profile_cells
from rfm_spark.report.section import Drawn, Facts, KeyFigure, Reader, Section, template_text
from rfm_spark.report.wording import Numbers, day, window_words

TERMS = {"Segment": Markup("The name of the first rule that fits a customer's scores and other values.")}


@dataclass(frozen=True)
class SegmentData:
    """Segments that occur, the one with the most revenue first."""

    rows: tuple[Profile, ...] = ()

    @property
    def totals(self) -> Totals:
        """All customers: each of them is in a segment."""
        return Totals(sum(row.customers for row in self.rows), sum((row.revenue for row in self.rows), Decimal(0)))


@dataclass(frozen=True)
class SegmentPart:
    """The section, ready to print.

    Attributes:
        window: revenue, and in which window it is counted.
        description: of the rule map.
        lines: of the table; empty without customers.
        shares: of customers and revenue; None without customers.
        heads: titles of the columns of the table.
        total: what revenue is called.
    """

    window: str
    description: str
    lines: tuple[Line, ...]
    shares: Figure | None
    heads: tuple[str, ...] = ()
    total: str = "revenue"


def read_segments(reader: Reader) -> SegmentData:
    """Segments of a run."""
    return SegmentData(profiles_of(reader.rows(SEGMENT_SUMMARY.name)))


def profiles_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Profile, ...]:
    """Segments from rows of `segment_summary`, most revenue first."""
    found = (
        Profile(
            name=row["segment"],
            customers=row["customers"],
            revenue=row["revenue"] or Decimal(0),
            mean_recency=row["mean_recency"],
            mean_frequency=row["mean_frequency"],
            mean_monetary=row["mean_monetary"],
            note=row["action"] or "",
        )
        for row in rows
    )
    return tuple(sorted(found, key=lambda p: (-p.revenue, p.name)))


def draw_segments(data: SegmentData, facts: Facts, say: Numbers) -> Drawn:
    """Everything the section says, and the key figures.

    Args:
        data: segments of the run.
        facts: of the run.
        say: how numbers are written.
    """
    rule_map, names = rule_map_of(facts.settings), segment_names(facts.settings)
    window, words = window_words(window_days(facts.settings), say), measure_words(facts.settings)
    totals = replace(data.totals, called=words.total)
    part = SegmentPart(
        window=f"revenue in {window}" if words.total == "revenue" else words.total,
        description=rule_map.description,
        lines=_lines(data, {one.name: one.description for one in rule_map.all_outcomes()}, names, say),
        shares=_shares(data, totals, names, say) if data.rows else None,
        heads=words.heads,
        total=words.total,
    )
    return Drawn(
        badge=columns_badge(facts.settings, rule_columns(facts.settings)),
        content=part,
        terms=TERMS,
        key_figures=tuple(_key_figures(data, facts.run, window, words, names, say)),
        subtitle=rule_map.title,
        made_with={"Rule map": f"{rule_map.title} ({rule_map.name})"},
    )


def _key_figures(
    data: SegmentData, run: RunFacts, window: str, words: MeasureWords, names: SegmentNames, say: Numbers
) -> list[KeyFigure]:
    totals = data.totals
    customers = run.rows.get("customers", totals.customers)
    active = run.rows.get("customers.active")
    who = "with at least one purchase ever" if words.is_usual else "whom the measures know"
    net = f"net, in {window}" if words.total == "revenue" else f"a month, on {day(run.as_of)}"
    found = [KeyFigure(say.count(totals.customers), "customers", who)]
    found.append(KeyFigure(say.short_money(totals.revenue), words.total, net))
    if active is not None:
        share = say.percent(active / customers if customers else None, 0 if active == customers else 1)
        did = f"bought in {window}" if words.counted_in is None else f"had sessions in {words.counted_in} days"
        found.append(KeyFigure(share, "active", f"{say.count(active)} {did}"))
    best = leader(data.rows)
    if best is not None and totals.revenue > 0:
        remark = f"of {words.total}, from {say.percent(totals.customer_share(best.customers))} of customers"
        found.append(KeyFigure(say.percent(totals.revenue_share(best.revenue)), names.label(best.name), remark))
    return found


def _lines(data: SegmentData, descriptions: Mapping[str, str], names: SegmentNames, say: Numbers) -> tuple[Line, ...]:
    totals = data.totals
    return tuple(
        Line(
            names.label(row.name),
            descriptions.get(row.name, ""),
            names.colour(row.name),
            profile_cells(row, totals, say),
            row.note,
        )
        for row in data.rows
    )


def _shares(data: SegmentData, totals: Totals, names: SegmentNames, say: Numbers) -> Figure:
    labels = unique([names.label(row.name) for row in data.rows])
    looks = [(label, names.colour(row.name)) for label, row in zip(labels, data.rows, strict=True)]
    title = most_revenue(data.rows, labels, totals, say)
    return shares_figure("shares", data.rows, looks, title, totals, say)


SECTIONS = (
    Section(
        name="segments",
        place=10,
        template=template_text("rfm_spark.capabilities.segments", "section.html.j2"),
        read=read_segments,
        draw=draw_segments,
        shares=lambda data: (data.totals,),
        glossary=2,
    ),
)
