"""Questions before their answers are measured: what each answer would give is a figure of all rows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from rfm_spark.cli.guess.found import Answer, Question


@dataclass(frozen=True)
class Reading:
    """One way to read the rows.

    Attributes:
        text: the YAML that says so, on one line.
        gives: what comes of it, with {} for the figure.
        sql: the figure, an aggregate of the rows that count.
        once_per: an expression; of rows that share its value only the largest counts, and `sql` aggregates `value`.
    """

    text: str
    gives: str
    sql: str
    once_per: str | None = None
    value: str | None = None


@dataclass(frozen=True)
class Open:
    """A question whose answers have no figures yet.

    Attributes:
        ours: the key that the answer changes.
        what: the question, a sentence.
        readings: the first one is what is written.
    """

    ours: str
    what: str
    readings: tuple[Reading, ...]


def total_of(sql: str) -> str:
    """The sum of an expression that may hold texts."""
    return f"sum({exact(sql)})"


def exact(sql: str) -> str:
    """An expression that may hold texts as an exact number."""
    return f"try_cast({sql} as decimal(20, 6))"


def settled(question: Open, figures: tuple[object, ...]) -> Question | None:
    """The question with its figures; None where every answer gives the same."""
    if len(set(figures)) == 1 and figures[0] is not None:
        return None
    answers = (
        Answer(reading.text, reading.gives.format(_shown(figure)))
        for reading, figure in zip(question.readings, figures, strict=True)
    )
    return Question(question.ours, question.what, tuple(answers))


def _shown(figure: object) -> str:
    if figure is None:
        return "nothing"
    return f"{figure:,.2f}" if isinstance(figure, (Decimal, float)) else f"{figure:,}"
