"""Two groups in every column of behaviour: counted in one pass, compared, adjusted for their number, and ranked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from scipy.stats import false_discovery_control

from rfm_spark.capabilities.groups.effects import Effect, cliffs_delta, risk_difference
from rfm_spark.capabilities.groups.naming import NobodyError, Pair
from rfm_spark.core.cells import fine_cell, shallow_cell
from rfm_spark.core.columns import CustomerColumn, customer_columns, stages
from rfm_spark.core.registry import given

FALSE_DISCOVERIES = 0.05
# Of fewer customers an interval says nothing.
FEWEST = 5
MOST_VALUES = 50
MOST_FEATURES = 200
FEATURE = "feature"
_NUMBERS = ("INT", "BIGINT", "DOUBLE")
_FIRST, _SECOND, _BOTH = "first", "second", "both"


@dataclass(frozen=True)
class Counted:
    """Customers of both groups by value of a column.

    Attributes:
        column: its name.
        is_number: whether values are cells of numbers, or texts.
        sides: per group customers by value, those without one left out.
        values: per cell its lowest value.
    """

    column: str
    is_number: bool
    sides: tuple[Mapping[Any, int], Mapping[Any, int]]
    values: Mapping[Any, float]


def behaviour_columns(document: Mapping[str, Any]) -> list[CustomerColumn]:
    """Columns of what customers do: those made from a source of their own, of stages that run.

    Args:
        document: the stored configuration.
    """
    homes: dict[str, str] = {}
    for _, sources_of in given("columns", "column_sources"):
        homes |= sources_of(document)
    running = stages(document)
    return [
        column
        for column in customer_columns().values()
        if column.stored and column.name in homes and column.stage in running and _is_compared(column)
    ]


@dataclass(frozen=True)
class Sides:
    """Both groups counted.

    Attributes:
        columns: customers by value of each.
        sizes: of the groups.
        adopted: by feature, customers of each group who used it.
    """

    columns: Sequence[Counted]
    sizes: tuple[int, int] = (0, 0)
    adopted: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def counted(
    customers: DataFrame, pair: Pair, known: Sequence[CustomerColumn], key: str, adoption: DataFrame | None = None
) -> Sides:
    """Customers of both groups by value of each column, in one pass, and by the features they used, in another.

    Left out are columns that define the groups, and texts of so many values that they are names rather than kinds.

    Raises:
        NobodyError: somebody is in both groups, or too few are in one.
    """
    columns = _compared(customers, pair, known)
    rows = _rows(customers, pair, columns).collect()
    sizes = {row["side"]: row["customers"] for row in rows if row["at"] == len(columns)}
    if sizes.get(_BOTH):
        ends = f"{pair.names[0]} and {pair.names[1]}"
        problem = f"{sizes[_BOTH]:,} customers are in both {ends}; compare groups that part them"
        raise NobodyError(key, [problem])
    for side, name in zip((_FIRST, _SECOND), pair.names, strict=True):
        if sizes.get(side, 0) < FEWEST:
            raise NobodyError(key, [f"{name} has {sizes.get(side, 0)} customers; it takes {FEWEST} to compare a group"])
    sides: dict[int, dict[str, dict[Any, int]]] = defaultdict(lambda: {_FIRST: {}, _SECOND: {}})
    values: dict[int, dict[Any, float]] = defaultdict(dict)
    for row in rows:
        if row["at"] == len(columns):
            continue
        cell = row["cell"] if row["text"] is None else row["text"]
        sides[row["at"]][row["side"]][cell] = row["customers"]
        if row["text"] is None:
            values[row["at"]][cell] = min(row["low"], values[row["at"]].get(cell, row["low"]))
    found = [
        Counted(column.name, is_number(column), (sides[at][_FIRST], sides[at][_SECOND]), values[at])
        for at, column in enumerate(columns)
    ]
    adopted = {} if adoption is None else _adopted(customers, pair, adoption)
    return Sides(found, (sizes[_FIRST], sizes[_SECOND]), adopted)


def _compared(customers: DataFrame, pair: Pair, known: Sequence[CustomerColumn]) -> list[CustomerColumn]:
    columns = [column for column in known if column.name not in pair.columns]
    texts = [column.name for column in columns if column.kind == "STRING"]
    if not texts:
        return columns
    counts = customers.agg(*(F.approx_count_distinct(name).alias(name) for name in texts)).collect()[0].asDict()
    return [column for column in columns if counts.get(column.name, 0) <= MOST_VALUES]


def difference_rows(found: Sides, names: tuple[str, str], where: str | None) -> list[dict[str, Any]]:
    """Rows of table `group_differences`: those that count first, the largest effect first."""
    rows = [row for one in found.columns for row in (_number(one) if one.is_number else _shares(one))]
    rows += _features(found)
    adjusted = false_discovery_control([row["p_value"] for row in rows], method="bh") if rows else []
    for row, q_value in zip(rows, adjusted, strict=True):
        row |= {"q_value": float(q_value), "differs": bool(q_value <= FALSE_DISCOVERIES)}
    rows.sort(key=lambda row: (not row["differs"], -abs(row["effect"]), row["column_name"], row["value"] or ""))
    return [
        {
            "first_group": names[0], "second_group": names[1], "condition": where, "place": at, **row,
            "hypothesis": hypothesis(row, names) if row["differs"] else None,
        }
        for at, row in enumerate(rows, 1)
    ]  # fmt: skip


def hypothesis(row: Mapping[str, Any], names: tuple[str, str]) -> str:
    """What a difference suggests to try, as a question: groups that differ tell of no cause."""
    first, column = names[0], f"`{row['column_name']}`"
    if row["column_name"] == FEATURE:
        points = f"{abs(row['effect']) * 100:.0f} points {'less' if row['effect'] < 0 else 'more'}"
        asked = "does guidance to it raise 30-day retention" if row["effect"] < 0 else "is it what keeps them from more"
        return f"{first} adopt `{row['value']}` {points}: {asked}?"
    if row["measure"] == "risk_difference":
        points = f"{abs(row['effect']) * 100:.0f} points {'less' if row['effect'] < 0 else 'more'} often"
        what = column if row["value"] in ("true", "false") else f"{column} {row['value']}"
        stem = f"{first} are {points} {what}" if row["value"] != "false" else f"{first} are {points} without {column}"
        return f"{stem}: would changing that move them towards {names[1]}?"
    more = "less" if row["effect"] < 0 else "more"
    stem = f"{first} have {more} {column} (Cliff's delta {row['effect']:+.2f})"
    return f"{stem}: would changing that move them towards {names[1]}?"


def _adopted(customers: DataFrame, pair: Pair, adoption: DataFrame) -> dict[str, tuple[int, int]]:
    """Customers of each group by feature they used; of many features those that most use."""
    marked = customers.select("customer_id", _side(pair).alias("side")).where("side IS NOT NULL")
    used = adoption.select("customer_id", FEATURE).join(marked, "customer_id")
    sides = (F.count_if(F.col("side") == side).alias(side) for side in (_FIRST, _SECOND))
    counts = used.groupBy(FEATURE).agg(*sides, F.count(F.lit(1)).alias("both"))
    most = counts.orderBy(F.col("both").desc(), FEATURE).limit(MOST_FEATURES).collect()
    return {row[FEATURE]: (row[_FIRST], row[_SECOND]) for row in sorted(most)}


def _features(found: Sides) -> list[dict[str, Any]]:
    rows = []
    for feature, used in found.adopted.items():
        (first, second), (n, m) = used, found.sizes
        effect = risk_difference((first, n), (second, m))
        rows.append(_row(FEATURE, feature, "risk_difference", found.sizes, (first / n, second / m), effect))
    return rows


def is_number(column: CustomerColumn) -> bool:
    """Whether a column has numbers, money among them."""
    return column.kind in _NUMBERS or column.kind.startswith("DECIMAL")


def _is_compared(column: CustomerColumn) -> bool:
    return is_number(column) or column.kind == "BOOLEAN" or (column.kind == "STRING" and column.values == "text")


def _rows(customers: DataFrame, pair: Pair, columns: Sequence[CustomerColumn]) -> DataFrame:
    side = _side(pair)
    nothing = (F.lit(None).cast("double"), F.lit(None).cast("string"))
    cells = [_value(F.lit(len(columns)), *nothing)]
    for at, column in enumerate(columns):
        if is_number(column):
            number = F.col(column.name).cast("double")
            cells.append(_value(F.lit(at), F.when(~F.isnan(number), number), nothing[1]))
        else:
            cells.append(_value(F.lit(at), nothing[0], F.col(column.name).cast("string")))
    marked = customers.select(side.alias("side"), F.explode(F.array(*cells)).alias("one")).where("side IS NOT NULL")
    there = (F.col("one.at") == len(columns)) | F.col("one.number").isNotNull() | F.col("one.text").isNotNull()
    return (
        marked.where(there)
        .groupBy(
            "side", F.col("one.at").alias("at"), shallow_cell(fine_cell(F.col("one.number"))).alias("cell"),
            F.col("one.text").alias("text"),
        )
        .agg(F.count(F.lit(1)).alias("customers"), F.min("one.number").alias("low"))
    )  # fmt: skip


def _side(pair: Pair) -> Column:
    return F.when(pair.first & pair.second, _BOTH).when(pair.first, _FIRST).when(pair.second, _SECOND)


def _value(at: Column, number: Column, text: Column) -> Column:
    return F.struct(at.alias("at"), number.alias("number"), text.alias("text"))


def _number(found: Counted) -> list[dict[str, Any]]:
    sizes = [sum(side.values()) for side in found.sides]
    if min(sizes) < FEWEST:
        return []
    cells = sorted({*found.sides[0], *found.sides[1]})
    first, second = (np.array([side.get(cell, 0) for cell in cells], dtype=np.int64) for side in found.sides)
    typical = [found.values[cells[int(np.searchsorted(np.cumsum(side), (side.sum() + 1) // 2))]]
               for side in (first, second)]  # fmt: skip
    return [_row(found.column, None, "cliffs_delta", sizes, typical, cliffs_delta(first, second))]


def _shares(found: Counted) -> list[dict[str, Any]]:
    sizes = [sum(side.values()) for side in found.sides]
    if min(sizes) < FEWEST:
        return []
    values = sorted({*found.sides[0], *found.sides[1]})
    # The shares of two values say the same twice.
    if len(values) == 2:
        values = values[1:]
    rows = []
    for value in values if len({*found.sides[0], *found.sides[1]}) > 1 else []:
        first, second = (side.get(value, 0) for side in found.sides)
        effect = risk_difference((first, sizes[0]), (second, sizes[1]))
        typical = [first / sizes[0], second / sizes[1]]
        rows.append(_row(found.column, value, "risk_difference", sizes, typical, effect))
    return rows


def _row(
    column: str, value: str | None, measure: str, sizes: Sequence[int], typical: Sequence[float], effect: Effect
) -> dict[str, Any]:
    return {
        "column_name": column,
        "value": value,
        "measure": measure,
        "first_customers": sizes[0],
        "second_customers": sizes[1],
        "first_typical": typical[0],
        "second_typical": typical[1],
        "effect": effect.value,
        "low": effect.low,
        "high": effect.high,
        "p_value": effect.p_value,
    }
