"""The section of the report on stages: how many customers are at each, what to do with them, and who moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from textwrap import wrap
from typing import Any

from markupsafe import Markup

from rfm_spark.capabilities.lifecycle.tables import (
    LIFECYCLE_RHYTHM,
    LIFECYCLE_SUMMARY,
    LIFECYCLE_TRANSITIONS,
    NOBODY,
)
from rfm_spark.capabilities.lifecycle.words import STAGE_MEANINGS, STAGES_OF_CUSTOMERS
from rfm_spark.capabilities.movement.tables import CAUSES
from rfm_spark.capabilities.rfm.words import measure_words
from rfm_spark.report.badges import REAL, sources_badge
from rfm_spark.report.colours import CATEGORIES
from rfm_spark.report.drawing import as_svg
from rfm_spark.report.figures import Figure
from rfm_spark.report.matrix import LINE_BREAK, Cell, Matrix, column_letters, matrix
from rfm_spark.report.profiles import Line, Profile, Totals, profile_cells
from rfm_spark.report.section import Drawn, Facts, Reader, Section, template_text
from rfm_spark.report.wording import Numbers, day

TERMS = {
    "Lifecycle stage": Markup(
        "How far along a customer is, by the gap expected between two of their orders: from prospect to lapsed."
    )
}
_COLOURS = dict(
    zip(STAGES_OF_CUSTOMERS, ("#b9c2cb", *(CATEGORIES[at] for at in (4, 0, 2, 3, 7, 1))), strict=True)
)  # fmt: skip
_ENDS = {"entered": "New customers", "left": "Left"}
_CAUSES = {
    "inactivity": "time passing",
    "behaviour": "orders or returns",
    "correction": "corrections of earlier lines",
    "thresholds": "the rhythm of all customers changing",
    "both": "own change and the rhythm of all together",
    "definition": "new settings",
}


@dataclass(frozen=True)
class StageMove:
    """Customers who went from one stage to another, or stayed."""

    start: str
    end: str
    customers: int
    share: float
    causes: Mapping[str, int]


@dataclass(frozen=True)
class LifecycleData:
    """Stages of a run.

    Attributes:
        rows: stages that have customers.
        method: own, fixed, or fixed_for_want_of_gaps.
        mean_gap: days between two orders of a customer of whom nothing is known.
        prior_gaps: as how many gaps of one's own it counts.
        moves: since the previous run.
    """

    rows: tuple[Profile, ...] = ()
    method: str = ""
    mean_gap: float | None = None
    prior_gaps: float | None = None
    moves: tuple[StageMove, ...] = ()


@dataclass(frozen=True)
class LifecyclePart:
    """The section, ready to print."""

    rhythm: str
    lines: tuple[Line, ...]
    heads: tuple[str, ...]
    moves: Figure | None
    why: str


def read_stages(reader: Reader) -> LifecycleData:
    """Stages of a run; nothing where they are off."""
    rhythm = reader.rows(LIFECYCLE_RHYTHM.name)
    if not rhythm:
        return LifecycleData()
    return LifecycleData(
        rows=profiles_of(reader.rows(LIFECYCLE_SUMMARY.name)),
        method=rhythm[0]["method"],
        mean_gap=rhythm[0]["mean_gap_days"],
        prior_gaps=rhythm[0]["prior_gaps"],
        moves=moves_of(reader.rows(LIFECYCLE_TRANSITIONS.name)),
    )


def profiles_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Profile, ...]:
    """Stages from rows of `lifecycle_summary`, in the order customers go through them."""
    found = {
        row["lifecycle_stage"]: Profile(
            row["lifecycle_stage"], row["customers"], row["revenue"] or Decimal(0), row["mean_recency"],
            row["mean_frequency"], row["mean_monetary"], row["action"] or "",
        )
        for row in rows
    }  # fmt: skip
    return tuple(found[stage] for stage in STAGES_OF_CUSTOMERS if stage in found)


def moves_of(rows: Iterable[Mapping[str, Any]]) -> tuple[StageMove, ...]:
    """Moves from rows of `lifecycle_transitions`."""
    found = (
        StageMove(
            row["from_stage"], row["to_stage"], row["customers"], row["share"],
            {cause: row[cause] for cause in CAUSES if row[cause]},
        )
        for row in rows
    )  # fmt: skip
    return tuple(sorted(found, key=lambda move: (move.start, move.end)))


def draw_stages(data: LifecycleData, facts: Facts, say: Numbers) -> Drawn:
    """Everything the section says; None where stages are off."""
    if not data.method:
        return Drawn(REAL, None)
    totals = Totals(sum(row.customers for row in data.rows), sum((row.revenue for row in data.rows), Decimal(0)))
    lines = (
        Line(row.name, STAGE_MEANINGS[row.name], _COLOURS[row.name], profile_cells(row, totals, say), row.note)
        for row in data.rows
    )
    previous = facts.run.previous_run_id
    moves = _moves(data, day(date.fromisoformat(previous[:10])), say) if data.moves and previous else None
    part = LifecyclePart(
        _rhythm(data, facts, say), tuple(lines), measure_words(facts.settings).heads, moves, _why(data, say)
    )
    return Drawn(sources_badge(facts.settings, ("customers", "events", "messages")), part, TERMS)


def _rhythm(data: LifecycleData, facts: Facts, say: Numbers) -> str:
    config = facts.settings["lifecycle"]
    if data.method == "own" and data.mean_gap is not None:
        gaps = config["gaps"]
        own = (
            f", which counts as much as {say.decimal(data.prior_gaps)} gaps of their own"
            if data.prior_gaps is not None
            else "; customers do not differ in it beyond chance"
        )
        return (
            f"Of a customer of whom nothing is known, an order is expected every {say.decimal(data.mean_gap)} days"
            f"{own}. Who is silent for more than {say.decimal(gaps['lapsing'])} of their expected gaps is lapsing, for "
            f"more than {say.decimal(gaps['lapsed'])} lapsed."
        )
    days = config["days"]
    return (
        f"Who is silent for more than {say.count(days['lapsing'])} days is lapsing, for more than "
        f"{say.count(days['lapsed'])} days lapsed."
    )


def _moves(data: LifecycleData, previous_day: str, say: Numbers) -> Figure:
    starts, ends = ({getattr(move, side) for move in data.moves} for side in ("start", "end"))
    rows = {stage: stage for stage in STAGES_OF_CUSTOMERS if stage in starts}
    columns = {stage: stage for stage in STAGES_OF_CUSTOMERS if stage in ends}
    rows |= {NOBODY: _ENDS["entered"]} if NOBODY in starts else {}
    columns |= {NOBODY: _ENDS["left"]} if NOBODY in ends else {}
    room = max(column_letters(len(columns)), 6)
    titles = {name: LINE_BREAK.join(wrap(label, room, break_long_words=False)) for name, label in columns.items()}
    cells = [
        Cell(titles[move.end], rows[move.start], move.share, (say.percent(move.share, 0), say.count(move.customers)),
             framed=move.start == move.end)
        for move in data.moves
    ]  # fmt: skip
    drawn = Matrix(
        tuple(titles.values()), tuple(rows.values()), tuple(cells), "Stage now", "Stage in the previous run", 46,
        columns_on_top=True,
    )  # fmt: skip
    stayed = sum(move.customers for move in data.moves if move.start == move.end)
    before = sum(move.customers for move in data.moves if move.start != NOBODY)
    title = f"{say.percent(stayed / before if before else None, 0)} of customers are at the stage of {previous_day}"
    caption = "Read along a row: of the customers at that stage then, the share (and number) now in each column."
    return Figure(title, as_svg(matrix(drawn), "stage-moves", title), caption)


def _why(data: LifecycleData, say: Numbers) -> str:
    moved = [move for move in data.moves if move.start != move.end and NOBODY not in (move.start, move.end)]
    counts = {cause: sum(move.causes.get(cause, 0) for move in moved) for cause in _CAUSES}
    total = sum(counts.values())
    if not total:
        return ""
    largest = max(counts, key=lambda cause: counts[cause])
    return (
        f"{say.count(total)} customers changed stage, {say.percent(counts[largest] / total, 0)} of them by "
        f"{_CAUSES[largest]}."
    )


SECTIONS = (
    Section(
        name="lifecycle",
        place=34,
        template=template_text("rfm_spark.capabilities.lifecycle", "section.html.j2"),
        read=read_stages,
        draw=draw_stages,
    ),
)
