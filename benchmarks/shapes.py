"""The shapes of generated tables: how many lines of how many customers, in which baskets, over how many years."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from pathlib import Path

VERSION = 1
"""Part of the folders' names: raise it whenever a formula of `generate` changes."""

_SIZE = re.compile(r"([0-9]+)([km]?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a generated table looks like.

    Attributes:
        lines: Transaction lines, exactly.
        customers: The population orders are drawn from; in two years about one in eight of it never buys.
        basket: Lines of every order; None for two or three in turn.
        years: Years of history with as many lines each, by the same customers; None for the two years that all other
            figures are of.
        skewed: Whether one customer has a tenth of all orders.
    """

    lines: int
    customers: int
    basket: int | None = None
    years: int | None = None
    skewed: bool = False

    def __post_init__(self) -> None:
        """Years have to be of whole orders.

        Raises:
            ValueError: the lines are no multiple of five for each year.
        """
        if self.years is not None and self.lines % (5 * self.years):
            raise ValueError(f"{self.lines} lines in {self.years} years: give a multiple of five for each year")

    @classmethod
    def of(cls, lines: int) -> Shape:
        """Two years, ten lines a customer."""
        return cls(lines, max(10, lines // 10))

    @classmethod
    def history(cls, lines_a_year: int, years: int) -> Shape:
        """So many years of as many lines and the same customers."""
        return cls(lines_a_year * years, max(10, lines_a_year // 5), years=years)

    @classmethod
    def from_json(cls, text: str) -> Shape:
        """A shape from `as_json`."""
        return cls(**json.loads(text))

    def as_json(self) -> str:
        """All of it, for a child process."""
        return json.dumps(dataclasses.asdict(self))

    @property
    def name(self) -> str:
        """The folder of the table: sizes, what is unusual, and the version of the formulas."""
        unusual = (
            f"-baskets{self.basket}" if self.basket is not None else "",
            f"-years{self.years}" if self.years is not None else "",
            "-skewed" if self.skewed else "",
        )
        return f"transactions-{self.lines}-{self.customers}{''.join(unusual)}-v{VERSION}"

    @property
    def orders(self) -> int:
        """Orders of the table."""
        return max(1, 2 * self.lines // 5 if self.basket is None else self.lines // self.basket)

    @property
    def orders_of_last_year(self) -> int:
        """Orders that a night's refunds are of; all of them where the table has no equal years."""
        return self.orders // (self.years or 1)

    @property
    def digits(self) -> int:
        """Digits of an order's number: with any number of years, orders of the last one keep theirs."""
        return len(str(self.orders)) if self.years is None else 12

    def night_lines(self, share: float) -> int:
        """Rows of a night: a share of two years' lines, whatever the history."""
        return max(1, round(share * (self.lines if self.years is None else 2 * self.lines // self.years)))

    def table(self, data: Path) -> Path:
        """The folder of the Delta table."""
        return data / self.name

    def night(self, data: Path) -> Path:
        """The folder with the rows of the night."""
        return data / f"{self.name}-night"


def size(text: str) -> int:
    """Lines, from `200k`, `20m` or a plain number.

    Raises:
        argparse.ArgumentTypeError: it is none of these.
    """
    found = _SIZE.fullmatch(text.replace("_", "").replace(",", ""))
    if found is None or int(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of lines; write 200k, 2m or 20000000")
    return int(found[1]) * _UNITS[found[2].lower()]
