"""Customers counted by all that anybody asks of them in one pass, so that a table of customers is read once for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType

from rfm_spark.core.cells import CellCount, cell_count, fine_cell, shallow_cell
from rfm_spark.core.distribution import GROUPED, QuantileRequest, Rank, ranks_in_cells
from rfm_spark.core.table import ALL
from rfm_spark.core.typical import Quantiles, from_ranks, quantile_requests

QUARTERS = 4
# What rows of the counts tell of.
_ALL, _VALUES, _CROSSED, _CELLS, _WITHIN = "all", "values", "crossed", "cells", "within"
_KEYS = ("kind", "name", "first", "second", "third", "cell")
_NO_NUMBER = -1
PART = "part"
# Between a scope and a group, and before the name of what is asked for within scopes.
_APART, _PARTED = "\u001f", "parted/"


@dataclass(frozen=True)
class Wanted:
    """What is asked of customers.

    Attributes:
        categories: columns whose values are counted.
        crossed: by name, two or three columns whose values are counted together.
        numbers: columns whose cells are counted; NaN and infinite values are missing.
        quarters: by column that parts customers, the columns whose lower quarters are asked for; who has no value of
            the first is left out.
        sums: by name, whole or DECIMAL numbers that are added up for each count.
        by: column, without nulls, whose values part customers into scopes, each of which is counted apart; None for
            none.
        apart: numbers and sums that have no meaning over all scopes, such as amounts of several currencies.
    """

    categories: Sequence[str] = ()
    crossed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    numbers: Sequence[str] = ()
    quarters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sums: Mapping[str, Column] = field(default_factory=dict)
    by: str | None = None
    apart: frozenset[str] = frozenset()

    @property
    def keys(self) -> list[str]:
        """All columns by whose values customers are counted."""
        return list(dict.fromkeys([*self.categories, *(name for names in self.crossed.values() for name in names)]))

    @property
    def counted(self) -> list[str]:
        """All numbers whose cells are counted."""
        return list(dict.fromkeys([*self.numbers, *(name for names in self.quarters.values() for name in names)]))


@dataclass(frozen=True)
class Count:
    """Customers who have the same values.

    Attributes:
        of: the values as text; None for a missing one.
        customers: how many.
        sums: by name, of `Wanted.sums`; None where nobody has a value.
    """

    of: tuple[str | None, ...]
    customers: int
    sums: Mapping[str, Any]


class CountedCustomers:
    """Counts of customers; the pass is made when the first of them is asked for."""

    def __init__(self, customers: DataFrame, wanted: Wanted) -> None:
        """Bind to the rows of customers and to what will be asked."""
        self._customers, self._wanted = customers, wanted
        self._scope, self._whole = ALL, self

    @cached_property
    def scopes(self) -> tuple[str, ...]:
        """All customers, and the scopes that part them."""
        known = {row[PART] for row in self._whole.collected if row[PART] is not None}
        return (ALL, *sorted(known))

    def of(self, scope: str) -> CountedCustomers:
        """The same of the customers of one scope, from the same pass."""
        found = CountedCustomers(self._customers, self._wanted)
        found._scope, found._whole = scope, self._whole
        return found

    def values(self, column: str) -> list[Count]:
        """Customers by the value of a category."""
        return [self._count(row, 1) for row in self._of(_VALUES, column)]

    def crossed(self, name: str) -> list[Count]:
        """Customers by the values of columns that are crossed under a name."""
        width = len(self._wanted.crossed[name])
        return [self._count(row, width) for row in self._of(_CROSSED, name)]

    def cells(self, column: str) -> dict[int | None, int]:
        """Customers by the cell of a number, of `cells.shallow_cell`; None for those without a value."""
        return {row["cell"]: int(row["customers"]) for row in self._of(_CELLS, column)}

    def quarters(self, group: str) -> Quantiles:
        """The three lower quarters by group, as text, and column; one more pass, over the cells that hold them all."""
        return self._whole.all_quarters[self._scope, group]

    @cached_property
    def collected(self) -> list[dict[str, Any]]:
        """The counts; those of each scope, where scopes part customers."""
        rows = count_rows(self._customers, self._wanted).collect()
        return [{PART: None, **row.asDict()} for row in rows]

    @cached_property
    def all_quarters(self) -> Mapping[tuple[str, str], Quantiles]:
        """By scope and group."""
        steps = tuple(range(1, QUARTERS))
        requests, counts = list[QuantileRequest](), list[CellCount]()
        for group, columns in self._wanted.quarters.items():
            for is_parted in (False, True) if self._wanted.by else (False,):
                asked = [column for column in columns if is_parted or column not in self._wanted.apart]
                at = {column: len(requests) + i for i, column in enumerate(asked)}
                start = f"{_PARTED if is_parted else ''}{group}/"
                for one in quantile_requests(group, asked, steps, QUARTERS):
                    within = self._within(group) if is_parted else one.within
                    requests.append(replace(one, name=f"{start}{one.name}", within=within))
                for scope in self.scopes[1:] if is_parted else (ALL,):
                    # Rows of no group have no place in one.
                    mine = self.of(scope)._of(_WITHIN, group)
                    rows = (row for row in mine if row["second"] in at and row["first"] is not None)
                    counts += [cell_count(self._as_cell(row, at[row["second"]], is_parted)) for row in rows]
        ranks = ranks_in_cells(self._customers, requests, counts)
        return {
            (scope, group): self._quantiles(scope, group, columns, ranks)
            for group, columns in self._wanted.quarters.items()
            for scope in self.scopes
        }

    def _quantiles(
        self, scope: str, group: str, columns: Sequence[str], ranks: Mapping[str, Sequence[Rank]]
    ) -> Quantiles:
        steps = tuple(range(1, QUARTERS))
        if scope == ALL:
            asked = [column for column in columns if f"{group}/{column}" in ranks]
            return from_ranks({column: ranks[f"{group}/{column}"] for column in asked}, steps, QUARTERS)
        start = f"{scope}{_APART}"
        mine = {
            column: [
                replace(rank, within=rank.within.removeprefix(start))
                for rank in ranks[f"{_PARTED}{group}/{column}"]
                if rank.within.startswith(start)
            ]
            for column in columns
        }
        return from_ranks(mine, steps, QUARTERS)

    def _within(self, group: str) -> Column:
        return F.concat(F.col(self._wanted.by or ""), F.lit(_APART), F.col(group).cast("string"))

    @cached_property
    def _mine(self) -> Sequence[Mapping[str, Any]]:
        rows = self._whole.collected
        if self._scope != ALL:
            return [row for row in rows if row[PART] == self._scope]
        return _added_up(rows, self._wanted.apart) if self._wanted.by else rows

    def _of(self, kind: str, name: str) -> Iterator[Mapping[str, Any]]:
        return (row for row in self._mine if row["kind"] == kind and row["name"] == name)

    def _count(self, row: Mapping[str, Any], width: int) -> Count:
        values = tuple(row[name] for name in ("first", "second", "third")[:width])
        return Count(values, int(row["customers"]), {name: row[f"sum_{name}"] for name in self._wanted.sums})

    @staticmethod
    def _as_cell(row: Mapping[str, Any], at: int, is_parted: bool) -> Mapping[str, Any]:
        present = 0 if row["cell"] is None else int(row["customers"])
        within = f"{row[PART]}{_APART}{row['first']}" if is_parted else row["first"]
        return {
            "at": at, "within": within, "cell": row["cell"], "low": row["low"], "high": row["high"],
            "ties": present, "all_ties": row["customers"],
        }  # fmt: skip


def _added_up(rows: Sequence[Mapping[str, Any]], apart: frozenset[str]) -> list[dict[str, Any]]:
    """Counts of all scopes together."""
    never = {f"sum_{name}" for name in apart}
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        kept = found.setdefault(tuple(row[key] for key in _KEYS), {**row, PART: None, "customers": 0, **_nothing(row)})
        kept["customers"] += row["customers"]
        for name, value in row.items():
            if value is not None and name not in (*_KEYS, PART, "customers", *never):
                best = {"low": min, "high": max}.get(name, _sum)
                kept[name] = value if kept[name] is None else best(kept[name], value)
    return list(found.values())


def _nothing(row: Mapping[str, Any]) -> dict[str, None]:
    return {name: None for name in row if name not in (*_KEYS, PART, "customers")}


def _sum(first: Any, second: Any) -> Any:
    return first + second


def count_rows(customers: DataFrame, wanted: Wanted) -> DataFrame:
    """All counts, as a few thousand rows: customers by all that parts them, then these counts by what is asked."""
    numbers, keys = wanted.counted, wanted.keys
    groups = list(wanted.quarters)
    one = [F.struct(F.lit(_NO_NUMBER).alias("at"), _none("bigint").alias("cell"), _none("double").alias("value"))]
    for at, name in enumerate(numbers):
        value = F.col(name).cast("double")
        one.append(F.struct(F.lit(at).alias("at"), fine_cell(value).alias("cell"), value.alias("value")))
    columns = list(dict.fromkeys([*keys, *groups]))
    parts = [] if wanted.by is None else [PART]
    whole = F.col("one.at") == _NO_NUMBER
    rows = customers.select(
        F.explode(F.array(*one)).alias("one"),
        *(F.col(wanted.by or "").alias(part) for part in parts),
        *(F.col(name).alias(f"key_{name}") for name in columns),
        *(value.alias(f"sum_{name}") for name, value in wanted.sums.items()),
    )
    # The row of a number is parted by as little as its cells are asked for by.
    parted = {name: F.col(f"key_{name}") if name in groups else F.when(whole, F.col(f"key_{name}")) for name in columns}
    first = rows.groupBy(
        *parts, F.col("one.at").alias("at"), F.col("one.cell").alias("cell"),
        *(column.alias(f"key_{name}") for name, column in parted.items()),
    ).agg(
        F.count(F.lit(1)).alias("customers"), F.min("one.value").alias("low"), F.max("one.value").alias("high"),
        *(F.sum(F.when(whole, F.col(f"sum_{name}"))).alias(f"sum_{name}") for name in wanted.sums),
    )  # fmt: skip
    texts = first.withColumns({f"key_{name}": _text(customers, name) for name in columns})
    spread = texts.select(
        *parts, F.explode(_kinds(wanted, numbers)).alias("of"), "customers", "low", "high", *_sums(wanted)
    )
    return spread.groupBy(*parts, *(F.col(f"of.{name}").alias(name) for name in _KEYS)).agg(
        F.sum("customers").alias("customers"), F.min("low").alias("low"), F.max("high").alias("high"),
        *(F.sum(name).alias(name) for name in _sums(wanted)),
    )  # fmt: skip


def _kinds(wanted: Wanted, numbers: Sequence[str]) -> Column:
    """What the counts of one group of customers are counts of."""
    of_all = [_kind(_ALL, "", [])]
    of_all += [_kind(_VALUES, name, [F.col(f"key_{name}")]) for name in wanted.categories]
    of_all += [
        _kind(_CROSSED, name, [F.col(f"key_{column}") for column in columns])
        for name, columns in wanted.crossed.items()
    ]
    found = F.when(F.col("at") == _NO_NUMBER, F.array(*of_all))
    for at, name in enumerate(numbers):
        mine = []
        if name in wanted.numbers:
            finite = ~F.isnan("high") & (F.abs("high") < F.lit(float("inf"))) & (F.abs("low") < F.lit(float("inf")))
            mine.append(_kind(_CELLS, name, [], F.when(finite, shallow_cell(F.col("cell")))))
        for group, columns in wanted.quarters.items():
            if name in columns:
                cell = F.shiftright("cell", GROUPED)
                mine.append(_kind(_WITHIN, group, [F.col(f"key_{group}"), F.lit(name)], cell))
        found = found.when(F.col("at") == at, F.array(*mine))
    return found


def _kind(kind: str, name: str, values: Sequence[Column], cell: Column | None = None) -> Column:
    padded = [*values, *[_none("string")] * (3 - len(values))]
    parts = (F.lit(kind), F.lit(name), *padded, _none("bigint") if cell is None else cell)
    return F.struct(*(part.alias(key) for part, key in zip(parts, _KEYS, strict=True)))


def _text(customers: DataFrame, name: str) -> Column:
    text = F.col(f"key_{name}").cast("string")
    return F.initcap(text) if isinstance(customers.schema[name].dataType, BooleanType) else text


def _sums(wanted: Wanted) -> list[str]:
    return [f"sum_{name}" for name in wanted.sums]


def _none(kind: str) -> Column:
    return F.lit(None).cast(kind)
