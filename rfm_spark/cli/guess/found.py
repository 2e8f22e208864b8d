"""What a look at a source found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Sureness = Literal["sure", "likely", "unsure"]


@dataclass(frozen=True)
class Found:
    """One of our columns, and where it is in the source.

    Attributes:
        ours: name of our column, such as customer_id.
        text: what goes into `columns:`, a name of the source's columns or an SQL expression.
        why: the evidence, in half a sentence.
        how_sure: sure (name and values), likely, or unsure (values only, or a vague name).
    """

    ours: str
    text: str
    why: str
    how_sure: Sureness


@dataclass(frozen=True)
class Answer:
    """One way to answer a question.

    Attributes:
        text: the YAML that says so, on one line.
        gives: what comes of it, such as "as order totals: 12,310.20".
    """

    text: str
    gives: str


@dataclass(frozen=True)
class Question:
    """What a look at the source can't decide.

    Attributes:
        ours: the key that the answer changes: a column, or order_grain.
        what: the question, a sentence.
        answers: the first one is what was written.
    """

    ours: str
    what: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Events:
    """An `events` source that reads the same rows.

    Attributes:
        columns: ours: theirs.
        preset: of a tracker, where its words are those of the rows.
        types: ours: theirs, of the words that the preset doesn't have.
        notes: what is to be known about it.
    """

    columns: Mapping[str, str]
    preset: str | None = None
    types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Guess:
    """A mapping of a source that nobody has described.

    Attributes:
        found: the mapped columns, in the order they are written.
        order_grain: what is one order, where no order id was found.
        rows: rows of the source that count, all of them read once.
        oldest: date of the oldest row; None when no row has a readable date.
        newest: date of the newest row.
        currency: the one currency of the rows, where a column names it.
        remarks: what the user should look at before the first run.
        where: the condition on rows that count; None where all do.
        counts: what the condition goes by, with its numbers of rows.
        questions: what is not sure.
        events: a second source of the same rows, where they are a log of events.
        export: what the source is, where its headers are known.
    """

    found: tuple[Found, ...]
    order_grain: Literal["row", "day"] | None
    rows: int
    oldest: date | None
    newest: date | None
    currency: str | None = None
    remarks: tuple[str, ...] = ()
    where: str | None = None
    counts: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    events: Events | None = None
    export: str | None = None

    @property
    def columns(self) -> dict[str, str]:
        """The mapping as it goes into `sources.transactions.columns`."""
        return {found.ours: found.text for found in self.found}

    @property
    def notes(self) -> dict[str, str]:
        """Why each column was taken."""
        return {found.ours: f"{found.how_sure}: {found.why}" for found in self.found}


def how_sure(name_score: float) -> Sureness:
    """Words for a score of `guess_words.score`, where the values agree with the name."""
    return "sure" if name_score >= 0.75 else "likely" if name_score >= 0.5 else "unsure"


def identifier(name: str) -> str:
    """A column's name inside an SQL expression."""
    plain = name.isascii() and name.replace("_", "a").isalnum() and not name[0].isdigit()
    return name if plain else "`" + name.replace("`", "``") + "`"
