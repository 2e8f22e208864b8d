"""Percentiles looked up in a table of exact ranks."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import IntegralType

from rfm_spark.core.distribution import WHOLE, Rank
from rfm_spark.core.parts import PART, doubles, with_part

# Whole numbers up to here are looked up by position (ten years of days); others are searched.
DIRECT = 4_000


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
    scopes = sorted({rank.within for look in lookups.values() for rank in look.ranks})
    parted = scopes not in ([], [WHOLE])
    searched = {name: look for name, look in lookups.items() if look.ranks and not _is_direct(frame, look)}
    # Tables of all scopes are one after the other in an array: a scope is looked up once a customer, not in each round.
    begins = with_part(frame, {scope: at for at, scope in enumerate(scopes)}) if parted else frame
    first = F.col(PART) if parted else F.lit(0)
    rounds = max((_rounds(look) for look in searched.values()), default=0)
    placed = _searched(begins, searched, scopes, first, rounds) if searched else begins
    added = {
        name: _by_place(name, look, scopes, 2**rounds) if name in searched
        else _by_position(look, scopes, first) if look.ranks else _nothing()
        for name, look in lookups.items()
    }  # fmt: skip
    return placed.withColumns(added).drop(*(_at(name) for name in searched), PART)


def percentile(value: float, look: Lookup) -> float:
    """The percentile of one value, from ranks of one group."""
    return _percentiles([value], look)[0]


def _percentiles(values: Iterable[float], look: Lookup) -> list[float]:
    edges, (exact, between) = _values(look), _tables(look)
    places = ((value, bisect.bisect_left(edges, value)) for value in values)
    hits = ((at, at < len(edges) and edges[at] == value) for value, at in places)
    return [exact[at] if hit else between[at] for at, hit in hits]


def _is_direct(frame: DataFrame, look: Lookup) -> bool:
    whole = isinstance(frame.schema[look.column].dataType, IntegralType)
    values = _values(look)
    return whole and min(values) >= 0 and max(values) <= DIRECT


def _by_position(look: Lookup, scopes: Sequence[str], first: Column) -> Column:
    def table(mine: Lookup) -> list[float]:
        return _percentiles(range(int(mine.ranks[-1].value) + 1), mine)

    size = int(max(rank.value for rank in look.ranks)) + 1
    value = F.col(look.column).cast("int")
    found = F.get(_one_after_the_other(look, scopes, table, size), first * F.lit(size) + value)
    # Beyond the last rank of all is no value of today's.
    return F.when((value >= 0) & (value < size), found)


def _rounds(look: Lookup) -> int:
    """So many halvings find any place among the ranks of a scope, and the one after the last."""
    return math.ceil(math.log2(max(len(mine.ranks) for mine in look.by_scope.values()) + 1))


def _searched(
    frame: DataFrame, lookups: Mapping[str, Lookup], scopes: Sequence[str], first: Column, rounds: int
) -> DataFrame:
    """Binary search, one projection a round: a single expression would repeat the rounds before it."""
    size = 2**rounds
    placed = frame.withColumns({_at(name): first * F.lit(size) for name in lookups})
    edges = {name: _one_after_the_other(look, scopes, _values, size, math.inf) for name, look in lookups.items()}
    for step in (2**power for power in range(rounds - 1, -1, -1)):
        halved = {}
        for name, look in lookups.items():
            at = F.col(_at(name))
            further = F.col(look.column).cast("double") > F.get(edges[name], at + F.lit(step - 1))
            halved[_at(name)] = F.when(further, at + F.lit(step)).otherwise(at)
        placed = placed.withColumns(halved)
    return placed


def _by_place(name: str, look: Lookup, scopes: Sequence[str], size: int) -> Column:
    def table(made: Callable[[Lookup], list[float]], filler: float = 0.0) -> Column:
        return _one_after_the_other(look, scopes, made, size, filler)

    value, at = F.col(look.column).cast("double"), F.col(_at(name))
    hit = value == F.get(table(_values, math.inf), at)
    exact, between = table(lambda mine: _tables(mine)[0]), table(lambda mine: _tables(mine)[1])
    return F.when(hit, F.get(exact, at)).when(value.isNotNull(), F.get(between, at))


def _one_after_the_other(
    look: Lookup, scopes: Sequence[str], made: Callable[[Lookup], list[float]], size: int, filler: float = 0.0
) -> Column:
    """Tables of all scopes in one array, each as long as the others."""
    mine = look.by_scope
    parts = (made(mine[scope]) if scope in mine else [] for scope in scopes)
    return doubles([value for part in parts for value in (*part, *([filler] * (size - len(part))))])


def _values(look: Lookup) -> list[float]:
    return [rank.value for rank in look.ranks]


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


def _nothing() -> Column:
    return F.lit(None).cast("double")
