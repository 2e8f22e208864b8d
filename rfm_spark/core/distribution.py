"""Exact ranks without a global sort, in two passes: rows per cell, then rows per value of the cells that matter.

Cells only say where values have to be told apart, so their width never reaches a result. No task holds more than the
distinct values of a cell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, Row, SparkSession, Window
from pyspark.sql import functions as F

from rfm_spark.core.cells import CellCount, cell_count, cells_of_all, counts_by_cell, fine_cell
from rfm_spark.core.stats import Moments, moments_of

# A percentile's error is at most half of what lies between two kept ranks: 0.05 points.
GRID = 1000
# Coarseness of cells counted by group: 3 % wide.
GROUPED = 23
# The group of those who are in none, and of all together.
WHOLE = ""
_OFFSET = "struct<at: int, within: string, cell: bigint, before: bigint, all_before: bigint, n: bigint, all_n: bigint>"


class Offset(NamedTuple):
    """A cell that matters: rows before it, and in the whole group; of those that shape cuts, and of all."""

    at: int
    within: str
    cell: int | None
    before: int
    all_before: int
    n: int
    all_n: int


@dataclass(frozen=True)
class Rank:
    """How many rows lie below a value and at it.

    Attributes:
        within: group the ranks are taken in.
        value: the value.
        below: rows strictly below it, of those that shape cuts.
        ties: rows equal to it, of those that shape cuts.
        n: all rows that shape cuts.
        all_below: rows strictly below it, of all rows.
        all_ties: rows equal to it, of all rows.
        all_n: all rows.
    """

    within: str
    value: float
    below: int
    ties: int
    n: int
    all_below: int
    all_ties: int
    all_n: int


@dataclass(frozen=True)
class QuantileRequest:
    """One distribution to take.

    Attributes:
        name: how its ranks are found again.
        value: the measure.
        bins: number of scores, whose cuts are among the kept ranks.
        population: rows that shape cuts.
        within: group in which ranks are taken.
        grid: also keep the ranks percentiles need.
        wanted: which of the cuts are asked for, 1 the lowest; None for all.
        coarse: of `cells.fine_cell`; more for many groups, so that cells stay few.
    """

    name: str
    value: Column
    bins: int
    population: Column
    within: Column
    grid: bool = True
    wanted: tuple[int, ...] | None = None
    coarse: int = 0

    def is_held(self, below: int, ties: int, n: int, all_below: int, all_ties: int, all_n: int) -> bool:
        """Whether a cut (or a step of the grid) that is asked for lies among these rows."""
        if self.wanted is None:
            held = _crosses(below, ties, n, self.bins)
        else:
            held = any(below < -(-step * n // self.bins) <= below + ties for step in self.wanted)
        return held or (self.grid and _crosses(all_below, all_ties, all_n, GRID))


def exact_ranks(frame: DataFrame, requests: Sequence[QuantileRequest]) -> dict[str, list[Rank]]:
    """Exact ranks of the values that hold a cut (or a step of the percentile grid).

    Args:
        frame: one row per customer; read at most twice.
        requests: distributions to take.

    Returns:
        Per request, ranks by group and ascending value; at most `GRID` + bins of them per group.
    """
    return ranks_in_cells(frame, requests, [cell_count(row) for row in _exploded(frame, requests).collect()])


def ranks_and_moments(
    frame: DataFrame,
    requests: Sequence[QuantileRequest],
    columns: Mapping[str, tuple[Column, int]],
    *,
    whole: bool = False,
) -> tuple[dict[str, list[Rank]], dict[str, dict[str, Moments]]]:
    """Ranks as of `exact_ranks`, and moments as of `stats.exact_moments`, from the same passes.

    Args:
        frame: one row per customer.
        requests: distributions to take.
        columns: for each request, by name, what moments are taken of and its units per 1.
        whole: whether the ranks that hold a cut of all rows, whatever their group, are also asked for; their group is
            `WHOLE`.

    Returns:
        Ranks per request, and per request the moments of each group.
    """
    rows = _exploded(frame, requests, columns).collect()
    counts, asked = [cell_count(row) for row in rows], list(requests)
    if whole:
        asked += [replace(request, within=F.lit(WHOLE), grid=False) for request in requests]
        counts += cells_of_all(counts, len(requests), WHOLE)
    return ranks_in_cells(frame, asked, counts), _moments_of_groups(rows, requests, columns)


def _moments_of_groups(
    rows: Sequence[Row], requests: Sequence[QuantileRequest], columns: Mapping[str, tuple[Column, int]]
) -> dict[str, dict[str, Moments]]:
    sums: dict[tuple[int, str], list[int]] = {}
    for row in rows:
        mine = sums.setdefault((row["at"], row["within"]), [0, 0, 0])
        for at, part in enumerate(("n", "total", "squares")):
            mine[at] += int(row[part] or 0)
    moments: dict[str, dict[str, Moments]] = {request.name: {} for request in requests}
    for (at, within), (n, total, squares) in sorted(sums.items()):
        name = requests[at].name
        moments[name][within] = moments_of(n, total, squares, columns[name][1])
    return moments


def ranks_in_cells(
    frame: DataFrame, requests: Sequence[QuantileRequest], counts: Sequence[CellCount]
) -> dict[str, list[Rank]]:
    """Exact ranks as of `exact_ranks`, where the rows per cell are known; a pass over the rows of cells that matter.

    Args:
        frame: one row per customer.
        requests: distributions to take.
        counts: of every cell that has rows, by the place of its request.
    """
    ranks: dict[str, list[Rank]] = {request.name: [] for request in requests}
    unsettled: list[Offset] = []
    ordered = sorted(counts, key=lambda one: (one.at, one.within, *one.place))
    for (at, _), cells in groupby(ordered, key=lambda one: (one.at, one.within)):
        for one, offset in _held(requests[at], list(cells)):
            if one.low is not None and one.is_one_value:
                rank = Rank(
                    one.within,
                    one.low,
                    offset.before,
                    one.ties,
                    offset.n,
                    offset.all_before,
                    one.all_ties,
                    offset.all_n,
                )
                ranks[requests[at].name].append(rank)
            else:
                unsettled.append(offset)
    if unsettled:
        for row in _ranked(frame, requests, unsettled).collect():
            ranks[requests[row[0]].name].append(Rank(*row[1:]))
    return {name: sorted(kept, key=lambda rank: (rank.within, rank.value)) for name, kept in ranks.items()}


def order_statistic(ranks: Sequence[Rank], step: int, steps: int) -> float:
    """The value at the place ⌈step · n / steps⌉ (inverse ECDF), from ranks kept for so many steps; at least one."""
    counted = [rank for rank in ranks if rank.ties]
    place = -(-step * counted[0].n // steps)
    return next(rank.value for rank in counted if rank.below + rank.ties >= place)


def _exploded(
    frame: DataFrame, requests: Sequence[QuantileRequest], columns: Mapping[str, tuple[Column, int]] | None = None
) -> DataFrame:
    """Rows per cell of all requests, and with columns the sums that moments are made of."""
    wholes = {
        name: F.round(value * F.lit(unit)).cast("decimal(19,0)") for name, (value, unit) in (columns or {}).items()
    }
    rows = frame.select(F.explode(_each(requests, wholes, range(len(requests)))).alias("one")).select("one.*")
    if columns is None:
        return counts_by_cell(rows)
    whole = F.col("whole")
    return counts_by_cell(
        rows,
        F.count(whole).alias("n"),
        F.sum(whole).alias("total"),
        F.sum((whole * whole).cast("decimal(38,0)")).alias("squares"),
    )


def _each(requests: Sequence[QuantileRequest], wholes: Mapping[str, Column], places: Sequence[int]) -> Column:
    parts = []
    for at in places:
        request = requests[at]
        value = request.value.cast("double")
        fields = {
            "at": F.lit(at), "within": request.within, "cell": fine_cell(value, request.coarse), "value": value,
            "counts": F.coalesce(request.population, F.lit(False)),
        }  # fmt: skip
        if wholes:
            fields["whole"] = wholes.get(request.name, F.lit(None).cast("decimal(19,0)"))
        parts.append(F.struct(*(column.alias(name) for name, column in fields.items())))
    return F.array(*parts)


def _held(request: QuantileRequest, cells: Sequence[CellCount]) -> Iterator[tuple[CellCount, Offset]]:
    """Cells of one group in which something is asked for, with the rows before them and in the whole group."""
    n, all_n = sum(one.ties for one in cells), sum(one.all_ties for one in cells)
    before, all_before = 0, 0
    for one in cells:
        # A missing value holds nothing, and comes first.
        if one.cell is not None and request.is_held(before, one.ties, n, all_before, one.all_ties, all_n):
            yield one, Offset(one.at, one.within, one.cell, before, all_before, n, all_n)
        before, all_before = before + one.ties, all_before + one.all_ties


def _ranked(frame: DataFrame, requests: Sequence[QuantileRequest], offsets: Sequence[Offset]) -> DataFrame:
    """Ranks of the values of some cells, counted once per value."""
    known = _as_frame(frame.sparkSession, offsets)
    # What is settled need not be read again.
    places = sorted({offset.at for offset in offsets})
    rows = frame.select(F.explode(_each(requests, {}, places)).alias("one")).select("one.*")
    cell = ["at", "within", "cell"]
    # Counted once per value before they are sorted: a value that very many have is no load for one task.
    values = (
        rows.join(F.broadcast(known), cell, "inner")
        .groupBy(*cell, "value")
        .agg(
            F.count_if("counts").alias("ties"),
            F.count(F.lit(1)).alias("all_ties"),
            *(F.max(name).alias(name) for name in ("before", "all_before", "n", "all_n")),
        )
    )
    lower = Window.partitionBy(*cell).orderBy("value").rowsBetween(Window.unboundedPreceding, -1)
    ranked = values.select(
        "at",
        "within",
        "value",
        (F.col("before") + F.coalesce(F.sum("ties").over(lower), F.lit(0))).alias("below"),
        "ties",
        "n",
        (F.col("all_before") + F.coalesce(F.sum("all_ties").over(lower), F.lit(0))).alias("all_below"),
        "all_ties",
        "all_n",
    )
    kept = F.lit(False)
    for at in places:
        crosses = _crossing("below", "ties", "n", requests[at].bins)
        if requests[at].grid:
            crosses = crosses | _crossing("all_below", "all_ties", "all_n", GRID)
        kept = kept | ((F.col("at") == at) & crosses)
    return ranked.where(kept)


def _as_frame(spark: SparkSession, offsets: Sequence[Offset]) -> DataFrame:
    # Rows that Python sends are a stage of their own, which takes a second where nothing was sent before.
    text = F.from_json(F.lit(json.dumps([one._asdict() for one in offsets])), f"array<{_OFFSET}>")
    return spark.range(0, 1, 1, 1).select(F.inline(text))


def _crosses(below: int, ties: int, n: int, steps: int) -> bool:
    # A value holds a cut when a multiple of n / steps falls into (below, below + ties].
    return n > 0 and (below + ties) * steps // n > below * steps // n


def _crossing(below: str, ties: str, n: str, steps: int) -> Column:
    """As `_crosses`, of columns."""
    upto = F.expr(f"(({below} + {ties}) * {steps}) div nullif({n}, 0)")
    return F.coalesce(upto > F.expr(f"({below} * {steps}) div nullif({n}, 0)"), F.lit(False))
