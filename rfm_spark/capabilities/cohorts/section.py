"""The section of the report on cohorts: how many of those who began together are still active."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from markupsafe import Markup

from rfm_spark.capabilities.cohorts.tables import COHORTS
from rfm_spark.report.badges import REAL, source_badge
from rfm_spark.report.drawing import as_svg
from rfm_spark.report.figures import Figure
from rfm_spark.report.matrix import LINE_BREAK, Cell, Matrix, matrix
from rfm_spark.report.section import Drawn, Facts, Reader, Section, template_text
from rfm_spark.report.wording import Numbers, day

TERMS = {
    "Cohort": Markup("The customers who began in the same month or week."),
    "Retention": Markup("The share of a cohort that was active in a period."),
}
# More columns would not fit beside the labels.
_PERIODS = 12
_COHORTS = 13


@dataclass(frozen=True)
class CohortCell:
    """A cohort in a period."""

    cohort: date
    period: int
    customers: int
    active: int
    retention: float
    revenue_per_customer: float
    is_complete: bool
    existing: bool


@dataclass(frozen=True)
class CohortData:
    """Cohorts of a run, oldest first; none where they are off."""

    cells: tuple[CohortCell, ...] = ()


@dataclass(frozen=True)
class CohortPart:
    """The section, ready to print.

    Attributes:
        began: what makes a customer begin, in words.
        sentence: what new cohorts do in the period after their first.
        figure: None without cohorts.
        notes: how to read it.
    """

    began: str
    sentence: str
    figure: Figure | None
    notes: tuple[str, ...]


def read_cohorts(reader: Reader) -> CohortData:
    """Cohorts of a run."""
    return CohortData(cells_of_rows(reader.rows(COHORTS.name)))


def cells_of_rows(rows: Iterable[Mapping[str, Any]]) -> tuple[CohortCell, ...]:
    """Cells from rows of `cohorts`."""
    found = (
        CohortCell(
            row["cohort_month"], row["period"], row["customers"], row["active"], row["retention"],
            row["revenue_per_customer"], row["is_complete"], row["existing_at_start"],
        )
        for row in rows
    )  # fmt: skip
    return tuple(sorted(found, key=lambda cell: (cell.cohort, cell.period)))


def draw_cohorts(data: CohortData, facts: Facts, say: Numbers) -> Drawn:
    """Everything the section says; None where cohorts are off."""
    config = facts.settings.get("cohorts") or {}
    if not config.get("enabled"):
        return Drawn(REAL, None)
    by_events = config["start"] == "first_event"
    badge = source_badge(facts.settings, "events") if by_events else REAL
    figure = _figure(data.cells, config["period"], say) if data.cells else None
    began = "did something for the first time" if by_events else "ordered for the first time"
    active = "did something" if by_events else "ordered"
    part = CohortPart(began, _sentence(data.cells, config["period"], active, say), figure, _notes(data.cells))
    return Drawn(badge, part, TERMS)


def compared(cells: Sequence[CohortCell], period: int) -> tuple[int, int]:
    """Active customers and all customers in a period after the first, over cohorts that can be compared.

    Left out are cohorts that were there before the data, and periods that are not over.
    """
    mine = [cell for cell in cells if cell.period == period and cell.is_complete and not cell.existing]
    return sum(cell.active for cell in mine), sum(cell.customers for cell in mine)


def _sentence(cells: Sequence[CohortCell], period: str, active: str, say: Numbers) -> str:
    again, all_of_them = compared(cells, 1)
    if not all_of_them:
        return ""
    share = say.percent(again / all_of_them, 0)
    return (
        f"Of {say.count(all_of_them)} customers who began since the data do, {share} {active} again in the {period} "
        "after their first."
    )


def _figure(cells: Sequence[CohortCell], period: str, say: Numbers) -> Figure:
    cohorts = sorted({cell.cohort for cell in cells})[-_COHORTS:]
    shown = [cell for cell in cells if cell.cohort in cohorts and cell.period <= _PERIODS]
    rows = {cohort: _label(cohort, period, cells, say) for cohort in cohorts}
    columns = tuple(str(number) for number in range(max(cell.period for cell in shown) + 1))
    drawn = Matrix(
        columns,
        tuple(rows.values()),
        tuple(
            Cell(str(cell.period), rows[cell.cohort], cell.retention,
                 (say.percent(cell.retention, 0) + ("" if cell.is_complete else " *"),))
            for cell in shown
        ),
        f"{period.capitalize()}s since they began",
        f"{period.capitalize()} in which they began",
        34,
        columns_on_top=True,
    )  # fmt: skip
    again, all_of_them = compared(cells, 1)
    title = (
        f"{say.percent(again / all_of_them, 0)} of new customers come back in their second {period}"
        if all_of_them
        else "Retention of customers who began together"
    )
    return Figure(title, as_svg(matrix(drawn), "cohorts", title), "")


def _label(cohort: date, period: str, cells: Sequence[CohortCell], say: Numbers) -> str:
    first = next(cell for cell in cells if cell.cohort == cohort)
    name = f"{cohort:%Y-%m}" if period == "month" else day(cohort)
    second = f"{say.count(first.customers)}, existing at start" if first.existing else say.count(first.customers)
    return f"{name}{LINE_BREAK}{second}"


def _notes(cells: Sequence[CohortCell]) -> tuple[str, ...]:
    found = ["Under each date: how many customers began then. In the cells: the share of them who were active."]
    if any(not cell.is_complete for cell in cells):
        found.append("* This period is not over yet; it is left out of comparisons.")
    if any(cell.existing for cell in cells):
        found.append(
            "Existing at start: the data begin so late that these customers may have been there before; they are left "
            "out of comparisons."
        )
    return tuple(found)


SECTIONS = (
    Section(
        name="cohorts",
        place=36,
        template=template_text("rfm_spark.capabilities.cohorts", "section.html.j2"),
        read=read_cohorts,
        draw=draw_cohorts,
    ),
)
