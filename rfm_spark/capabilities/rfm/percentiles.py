"""Percentiles looked up in a table of exact ranks."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import IntegralType

from rfm_spark.core.distribution import GRID, WHOLE, Rank
from rfm_spark.core.table import SCOPE_COLUMN

# Whole numbers up to here are looked up by position (ten years of days); others are searched.
DIRECT = 4_000
_ROUNDS = math.ceil(math.log2(GRID + 100))


@dataclass(frozen=True)
class Lookup:
    """One percentile to look up.

    Attributes:
        column: measure in the frame.
        ranks: its exact ranks, ascending; where they are of several groups, these are scopes of the frame.
        lower_is_better: as for recency.
    """

    column: str
    ranks: Sequence[Rank]
    lower_is_better: bool = False

    @property
    def by_scope(self) -> Mapping[str, Lookup]:
        """The same for the customers of each group."""
        parted: dict[str, list[Rank]] = {}
        for rank in self.ranks:
            parted.setdefault(rank.within, []).append(rank)
        return {scope: replace(self, ranks=mine) for scope, mine in parted.items()}


def with_percentiles(frame: DataFrame, lookups: Mapping[str, Lookup]) -> DataFrame:
    """Add percentiles: 100 × (share strictly worse + half the share tied), to within 0.05 points.

    Args:
        frame: any rows with the measures, and scope where ranks are of scopes.
        lookups: new column to what it ranks.

    Returns:
        The frame with one DOUBLE column, 0 to 100, per entry (null for a null measure, or without ranks).
    """
    searched = {name: look for name, look in lookups.items() if look.ranks and not _is_direct(frame, look)}
    placed = _searched(frame, searched) if searched else frame
    added = {
        name: _by_place(name, look) if name in searched else _by_position(look) if look.ranks else _nothing()
        for name, look in lookups.items()
    }
    return placed.withColumns(added).drop(*(_at(name) for name in searched))


def percentile(value: float, look: Lookup) -> float:
    """The percentile of one value, from ranks of one group."""
    ranks, n = look.ranks, look.ranks[0].all_n
    place = bisect.bisect_left([rank.value for rank in ranks], value)
    exact, between = _tables(look)
    hit = place < len(ranks) and ranks[place].value == value
    return exact[place] if hit else between[place] if n else 0.0


def _is_direct(frame: DataFrame, look: Lookup) -> bool:
    whole = isinstance(frame.schema[look.column].dataType, IntegralType)
    values = [rank.value for rank in look.ranks]
    return whole and min(values) >= 0 and max(values) <= DIRECT


def _by_position(look: Lookup) -> Column:
    def table(mine: Lookup) -> list[float]:
        return [percentile(value, mine) for value in range(int(mine.ranks[-1].value) + 1)]

    return F.get(_of_scope(look, table), F.col(look.column).cast("int"))


def _searched(frame: DataFrame, lookups: Mapping[str, Lookup]) -> DataFrame:
    """Binary search, one projection a round: a single expression would repeat the rounds before it."""
    placed = frame.withColumns({_at(name): F.lit(0) for name in lookups})
    size = 2**_ROUNDS

    def padded(mine: Lookup) -> list[float]:
        return [*(rank.value for rank in mine.ranks), *([math.inf] * (size - len(mine.ranks)))]

    edges = {name: _of_scope(look, padded) for name, look in lookups.items()}
    for step in (2**power for power in range(_ROUNDS - 1, -1, -1)):
        rounds = {}
        for name, look in lookups.items():
            at = F.col(_at(name))
            further = F.col(look.column).cast("double") > F.get(edges[name], at + F.lit(step - 1))
            rounds[_at(name)] = F.when(further, at + F.lit(step)).otherwise(at)
        placed = placed.withColumns(rounds)
    return placed


def _by_place(name: str, look: Lookup) -> Column:
    value, at = F.col(look.column).cast("double"), F.col(_at(name))
    hit = value == F.get(_of_scope(look, lambda mine: [rank.value for rank in mine.ranks]), at)
    exact, between = _of_scope(look, lambda mine: _tables(mine)[0]), _of_scope(look, lambda mine: _tables(mine)[1])
    return F.when(hit, F.get(exact, at)).when(value.isNotNull(), F.get(between, at))


def _of_scope(look: Lookup, table: Callable[[Lookup], list[float]]) -> Column:
    """A table of the customer's scope; the one there is where customers are not parted."""
    tables = {scope: _doubles(table(mine)) for scope, mine in look.by_scope.items()}
    if list(tables) == [WHOLE]:
        return tables[WHOLE]
    pairs = (part for scope, found in tables.items() for part in (F.lit(scope), found))
    return F.try_element_at(F.create_map(*pairs), F.col(SCOPE_COLUMN))


def _tables(look: Lookup) -> tuple[list[float], list[float]]:
    ranks, n = look.ranks, look.ranks[0].all_n
    exact = [100 * (rank.all_below + rank.all_ties / 2) / n for rank in ranks]
    ends = [0, *(rank.all_below + rank.all_ties for rank in ranks)]
    starts = [*(rank.all_below for rank in ranks), n]
    between = [100 * (low + high) / 2 / n for low, high in zip(ends, starts, strict=True)]
    if look.lower_is_better:
        return [100 - share for share in exact], [100 - share for share in between]
    return exact, between


def _at(name: str) -> str:
    return f"{name}_at"


def _doubles(values: Sequence[float]) -> Column:
    # Parsed once, when the plan is optimised: an expression of thousands of literals takes seconds to be analysed.
    return F.split(F.lit(",".join(repr(float(value)) for value in values)), ",").cast("array<double>")


def _nothing() -> Column:
    return F.lit(None).cast("double")
