"""Cells of numbers: how a column of any size is counted in a few thousand rows.

A number x lies in cell sign(x) · round(256 · log(1 + |x|)): 0.4 % wide, and every whole number below some 250 has one
of its own. Ranks are found by finer cells, which part small numbers by their logarithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

CELLS = 256
# Below 1, where cells of 1 + |x| tell little apart: parts of the logarithm, from the smallest double on.
_PARTS, _SMALLEST, _FROM_ONE_ON = 64, 48_000, 49_000
_BITS = 20
_LARGEST = 1.7976931348623157e308
# Beside all others: a value that is no number, as Spark sorts it.
_LAST = 2**62


@dataclass(frozen=True)
class CellCount:
    """Rows of one fine cell.

    Attributes:
        at: place of the request that they are counted for.
        within: group.
        cell: of `fine_cell`, higher for higher values; None for missing values, which come first.
        low: lowest value.
        high: highest value.
        ties: rows that shape cuts.
        all_ties: all rows.
    """

    at: int
    within: str
    cell: int | None
    low: float | None
    high: float | None
    ties: int
    all_ties: int

    @property
    def is_one_value(self) -> bool:
        """Whether all its rows have the same value."""
        return self.low == self.high

    @property
    def place(self) -> tuple[bool, int]:
        """Sorts cells as their values are sorted."""
        return self.cell is not None, self.cell or 0


def fine_cell(value: Column, coarse: int = 0) -> Column:
    """The fine cell of a double, BIGINT, ascending with the value; null for null.

    Args:
        value: of any size.
        coarse: bits that are dropped; each joins neighbours in pairs.
    """
    size = F.least(F.abs(value), F.lit(_LARGEST))
    wide = _nearest(F.log1p(size) * F.lit(CELLS)) * F.lit(2**_BITS)
    part = F.least(_nearest(F.log(size) * F.lit(_PARTS)) + F.lit(_SMALLEST), F.lit(_FROM_ONE_ON))
    placed = F.signum(value).cast("bigint") * (wide + part)
    cell = F.when(F.isnan(value), F.lit(_LAST)).when(value == 0, F.lit(0).cast("bigint")).otherwise(placed)
    return F.when(value.isNotNull(), F.shiftright(cell, coarse) if coarse else cell)


def _nearest(value: Column) -> Column:
    # Rounding a double by `round` writes it out as text first, which takes half of a pass.
    return F.floor(value + F.lit(0.5))


def shallow_cell(fine: Column) -> Column:
    """The cell, of those that tables of distributions have, that a fine cell of finite numbers lies in."""
    return F.shiftright(fine + F.lit(2 ** (_BITS - 1)), _BITS)


def counts_by_cell(rows: DataFrame, *more: Column) -> DataFrame:
    """Count rows by cell.

    Args:
        rows: at INT, within STRING, cell BIGINT, value DOUBLE, counts BOOLEAN.
        more: aggregates beside.

    Returns:
        The attributes of `CellCount` as columns, then the other aggregates.
    """
    return rows.groupBy("at", "within", "cell").agg(
        F.min("value").alias("low"),
        F.max("value").alias("high"),
        F.count_if("counts").alias("ties"),
        F.count(F.lit(1)).alias("all_ties"),
        *more,
    )


def cell_count(row: Any) -> CellCount:
    """A collected row of `counts_by_cell`."""
    # Spark groups the two zeros as one, and shows either.
    low, high = (None if value is None else value + 0.0 for value in (row["low"], row["high"]))
    return CellCount(row["at"], row["within"], row["cell"], low, high, int(row["ties"]), int(row["all_ties"]))


def cells_of_all(counts: Sequence[CellCount], after: int, within: str) -> list[CellCount]:
    """Cells of all groups together, as one group.

    Args:
        counts: by group.
        after: so many places further on is the request that asks for the whole.
        within: name of the group of all.
    """
    together: dict[tuple[int, int | None], list[CellCount]] = {}
    for one in counts:
        together.setdefault((one.at, one.cell), []).append(one)
    found = []
    for (at, cell), mine in together.items():
        lows, highs = ([end for end in ends if end is not None] for ends in _ends(mine))
        ties, every = (sum(sizes) for sizes in zip(*((one.ties, one.all_ties) for one in mine), strict=True))
        low, high = min(lows, default=None), max(highs, default=None)
        found.append(CellCount(at + after, within, cell, low, high, ties, every))
    return found


def _ends(cells: Sequence[CellCount]) -> tuple[list[float | None], list[float | None]]:
    return [one.low for one in cells], [one.high for one in cells]
