"""The section of the report on moves: who went from which segment to which since the previous run, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from textwrap import wrap
from typing import Any

from rfm_spark.capabilities.movement.tables import CAUSES, NO_SEGMENT, SEGMENT_TRANSITIONS
from rfm_spark.capabilities.rfm.words import measure_words
from rfm_spark.capabilities.segments.words import SegmentNames, rule_columns, segment_names
from rfm_spark.report import charts
from rfm_spark.report.badges import columns_badge
from rfm_spark.report.charts import Part
from rfm_spark.report.drawing import as_svg
from rfm_spark.report.figures import Figure, unique
from rfm_spark.report.matrix import LINE_BREAK, Cell, Matrix, column_letters, matrix
from rfm_spark.report.section import Drawn, Facts, Reader, Section, template_text
from rfm_spark.report.wording import Numbers, day

ENTERED, LEFT = "New customers", "Left"
CAUSE_COLOURS = {
    "inactivity": "#d55e00",
    "behaviour": "#0072b2",
    "correction": "#56b4e9",
    "thresholds": "#e69f00",
    "both": "#cc79a7",
    "definition": "#4d4d4d",
    "entered": "#009e73",
    "left": "#8c5a00",
    "masked": "#b9c2cb",
}
CAUSE_NOUNS = {
    "inactivity": "inactivity",
    "behaviour": "purchases or returns",
    "correction": "corrections of earlier lines",
    "thresholds": "moving cut points",
    "both": "own change and moving cut points together",
    "definition": "new settings",
    "entered": "joining",
    "left": "leaving",
}
CAUSE_SENTENCES = {
    "inactivity": "They had no purchase or return since the previous run; time alone moved them.",
    "behaviour": "They bought or returned something since the previous run, and that changed their segment.",
    "correction": "The source corrected lines of before the previous run; they themselves did nothing.",
    "thresholds": "Under the previous cut points they would have stayed; the cut points moved with everybody else.",
    "both": "They changed and the cut points moved; only together do the two explain the new segment.",
    "definition": "The settings changed (rules, number of scores or window), so a cause can't be told.",
    "entered": "They were not in the previous run.",
    "left": "They were in the previous run and are not in this one.",
    "masked": "They would have moved under the previous cut points; the new ones kept them where they were.",
}


_OF_USAGE = {
    "inactivity": "They did nothing that the measures count since the previous run; time alone moved them.",
    "behaviour": "They were there, or pay another amount, since the previous run, and that changed their segment.",
    "correction": "The source corrected what was there before the previous run; they themselves did nothing.",
}


@dataclass(frozen=True)
class Transition:
    """Customers who went from one segment to another (or stayed), by cause.

    Attributes:
        share: of the customers of from_segment, 0 to 1.
        causes: customers per cause, in the order of CAUSES.
    """

    from_segment: str
    to_segment: str
    customers: int
    share: float
    causes: tuple[int, ...]

    @property
    def stayed(self) -> bool:
        """Whether it is on the diagonal."""
        return self.from_segment == self.to_segment


@dataclass(frozen=True)
class MoveData:
    """Transitions since the previous run; none without one."""

    transitions: tuple[Transition, ...] = ()

    def cause_counts(self) -> dict[str, int]:
        """Customers per cause, those that occur, in the order of CAUSES."""
        totals = {cause: sum(t.causes[at] for t in self.transitions) for at, cause in enumerate(CAUSES)}
        return {cause: count for cause, count in totals.items() if count}

    def kept_and_before(self) -> tuple[int, int]:
        """Customers still in the segment of the previous run, and customers of that run."""
        before = [t for t in self.transitions if t.from_segment != NO_SEGMENT]
        return sum(t.customers for t in before if t.stayed), sum(t.customers for t in before)


@dataclass(frozen=True)
class CauseLine:
    """A cause that occurs, with what it means."""

    name: str
    colour: str
    customers: str
    sentence: str


@dataclass(frozen=True)
class MovePart:
    """The section, ready to print.

    Attributes:
        previous_day: of the run compared with; None without one.
        moves: from segment to segment; None where there is nothing to compare.
        causes_figure: None where nobody moved.
        causes: those that occur.
    """

    previous_day: str | None
    moves: Figure | None
    causes_figure: Figure | None
    causes: tuple[CauseLine, ...]


def read_moves(reader: Reader) -> MoveData:
    """Moves between the previous run and a run."""
    return MoveData(transitions_of(reader.rows(SEGMENT_TRANSITIONS.name)))


def transitions_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Transition, ...]:
    """Transitions from rows of `segment_transitions`."""
    found = (
        Transition(
            from_segment=row["from_segment"],
            to_segment=row["to_segment"],
            customers=row["customers"],
            share=row["share"],
            causes=tuple(row[cause] or 0 for cause in CAUSES),
        )
        for row in rows
    )
    return tuple(sorted(found, key=lambda t: (t.from_segment, t.to_segment)))


def draw_moves(data: MoveData, facts: Facts, say: Numbers) -> Drawn:
    """Everything the section says.

    Args:
        data: moves since the previous run.
        facts: of the run.
        say: how numbers are written.
    """
    names, previous = segment_names(facts.settings), facts.run.previous_run_id
    usual = measure_words(facts.settings).is_usual
    part = MovePart(
        # A run id starts with its as-of date.
        previous_day=day(date.fromisoformat(previous[:10])) if previous else None,
        moves=_transitions_figure(data, names, say) if data.transitions else None,
        causes_figure=_causes_figure(data, usual, say) if data.cause_counts() else None,
        causes=_cause_lines(data, usual, say),
    )
    return Drawn(columns_badge(facts.settings, rule_columns(facts.settings)), part)


def _cause_lines(data: MoveData, usual: bool, say: Numbers) -> tuple[CauseLine, ...]:
    sentences = CAUSE_SENTENCES if usual else CAUSE_SENTENCES | _OF_USAGE
    return tuple(
        CauseLine(cause, CAUSE_COLOURS[cause], _customers(count, say), sentences[cause])
        for cause, count in data.cause_counts().items()
    )


def _customers(count: int, say: Numbers) -> str:
    return f"{say.count(count)} customer{'' if count == 1 else 's'}"


def _transitions_figure(data: MoveData, names: SegmentNames, say: Numbers) -> Figure:
    rows, columns = _ends(data, names)
    room = max(column_letters(len(columns)), 6)
    titles = {name: LINE_BREAK.join(wrap(label, room, break_long_words=False)) for name, label in columns.items()}
    cells = [
        Cell(
            column=titles[move.to_segment],
            row=rows[move.from_segment],
            heat=move.share,
            lines=(say.percent(move.share, 0), say.count(move.customers)),
            framed=move.stayed,
        )
        for move in data.transitions
    ]
    drawn = Matrix(
        columns=tuple(titles.values()),
        rows=tuple(rows.values()),
        cells=tuple(cells),
        column_title="Segment now",
        row_title="Segment in the previous run",
        cell_height=46,
        columns_on_top=True,
    )
    title = _movement_title(data, names, say)
    caption = (
        "Read along a row: of the customers who were in that segment, the share (and number) now in each column. "
        "Framed cells are those who stayed."
    )
    return Figure(title, as_svg(matrix(drawn), "moves", title), caption)


def _causes_figure(data: MoveData, usual: bool, say: Numbers) -> Figure:
    counts, nouns = data.cause_counts(), CAUSE_NOUNS if usual else CAUSE_NOUNS | {"behaviour": "what they did or pay"}
    total = sum(counts.values())
    parts = [
        Part(count / total, CAUSE_COLOURS[cause], f"{cause} {say.count(count)}") for cause, count in counts.items()
    ]
    # Who is masked did not move.
    moves = {cause: count for cause, count in counts.items() if cause != "masked"}
    if moves:
        largest = max(moves, key=lambda cause: moves[cause])
        share = say.percent(moves[largest] / sum(moves.values()), 0)
        title = f"Why they moved: {nouns[largest]} in {share} of {say.count(sum(moves.values()))} moves"
    else:
        title = "Nobody changed segment, but the cut points moved"
    wide, narrow = charts.stacked_bar(parts), charts.stacked_bar(parts, charts.NARROW_WIDTH)
    return Figure(title, as_svg(wide, "causes", title), "", as_svg(narrow, "causes-narrow", title))


def _movement_title(data: MoveData, names: SegmentNames, say: Numbers) -> str:
    kept, before = data.kept_and_before()
    moved = [t for t in data.transitions if not t.stayed and NO_SEGMENT not in (t.from_segment, t.to_segment)]
    stayed = f"{say.percent(kept / before if before else None, 0)} of customers kept their segment"
    if not moved:
        return stayed

    def size(move: Transition) -> tuple[int, str, str]:
        return -move.customers, move.from_segment, move.to_segment

    largest = min(moved, key=size)
    ends = f"{names.label(largest.from_segment)} to {names.label(largest.to_segment)}"
    return f"{stayed}; the largest move is {ends} ({say.count(largest.customers)})"


def _ends(data: MoveData, names: SegmentNames) -> tuple[dict[str, str], dict[str, str]]:
    known = names.labels
    order = [*known, *sorted({t.from_segment for t in data.transitions} - {NO_SEGMENT, *known})]
    befores, nows = ({getattr(t, end) for t in data.transitions} for end in ("from_segment", "to_segment"))
    labels = dict(zip(order, unique([names.label(name) for name in order]), strict=True))
    # The same order on both sides keeps those who stayed on the diagonal.
    shown = [name for name in order if name in befores | nows]
    rows = {name: labels[name] for name in shown} | ({NO_SEGMENT: ENTERED} if NO_SEGMENT in befores else {})
    columns = {name: labels[name] for name in shown} | ({NO_SEGMENT: LEFT} if NO_SEGMENT in nows else {})
    return rows, columns


SECTIONS = (
    Section(
        name="moves",
        place=30,
        template=template_text("rfm_spark.capabilities.movement", "section.html.j2"),
        read=read_moves,
        draw=draw_moves,
    ),
)
