"""What a look at a source found out."""

from __future__ import annotations

from dataclasses import dataclass
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
        instead: other readings that fit the values as well, as expressions.
    """

    ours: str
    text: str
    why: str
    how_sure: Sureness
    instead: tuple[str, ...] = ()


@dataclass(frozen=True)
class Guess:
    """A mapping of a source that nobody has described.

    Attributes:
        found: the mapped columns, in the order they are written.
        order_grain: "day" where no order id was found.
        rows: rows of the source, all of them read once.
        oldest: date of the oldest row; None when no row has a readable date.
        newest: date of the newest row.
        currency: the one currency of the rows, where a column names it.
        remarks: what the user should look at before the first run.
    """

    found: tuple[Found, ...]
    order_grain: Literal["day"] | None
    rows: int
    oldest: date | None
    newest: date | None
    currency: str | None = None
    remarks: tuple[str, ...] = ()

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
