"""What became of every row: rows and money of a source balance, or nothing is published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from rfm_spark.core.errors import BalanceError

# The first is the sum of the others; filtered is there where the source has a condition.
PARTS = ("read", "accepted", "rejected", "duplicates", "filtered")


@dataclass(frozen=True)
class Balance:
    """Every row of a source, by what became of it.

    Attributes:
        rows: read, accepted, rejected, duplicates, and filtered where the source has a condition.
        cents: the money of each; refunds are negative, and a row without a usable amount has none.
    """

    rows: Mapping[str, int]
    cents: Mapping[str, int]

    @property
    def holds(self) -> bool:
        """Whether both sides are equal."""
        return all(side["read"] == sum(side.get(part, 0) for part in PARTS[1:]) for side in (self.rows, self.cents))

    def must_hold(self, source: str) -> None:
        """Compare both sides, which were counted apart: what was read at the source, the rest where it ended.

        Raises:
            BalanceError: a row or a cent is missing, or there twice.
        """
        for what, side in (("rows", self.rows), ("cents", self.cents)):
            ends = [part for part in PARTS[1:] if part in side]
            ended = sum(side[part] for part in ends)
            if side["read"] != ended:
                parts = " + ".join(f"{side[part]:,} {part}" for part in ends)
                raise BalanceError(
                    f"sources.{source} does not balance: {side['read']:,} {what} read, but {parts} = {ended:,}; "
                    "nothing was published; start the run again, and report it if it stays"
                )

    def row_counts(self, source: str) -> dict[str, int]:
        """For the ledger, as `transactions.read`."""
        return {f"{source}.{name}": count for name, count in self.rows.items()}

    def sums(self, source: str) -> dict[str, Decimal]:
        """For the ledger, in whole units of money."""
        return {f"{source}.{name}": Decimal(cents) / 100 for name, cents in self.cents.items()}


def account_line(source: str, rows: Mapping[str, int]) -> str:
    """What became of the rows of a source, for people.

    Args:
        source: its name.
        rows: counts of the run, as `transactions.read`.
    """
    counts = {part: rows.get(f"{source}.{part}") for part in PARTS}
    return f"{source}: {_equation([f'{n:,} {part}' for part, n in counts.items() if n is not None])} rows"


def money_line(source: str, money: Mapping[str, Decimal]) -> str | None:
    """What became of the money of a source; None where its rows have none."""
    parts = [f"{money[f'{source}.{part}']:,.2f} {part}" for part in PARTS if f"{source}.{part}" in money]
    return f"{source}: {_equation(parts)} in money" if parts else None


def _equation(parts: list[str]) -> str:
    return f"{parts[0]} = {' + '.join(parts[1:])}"
