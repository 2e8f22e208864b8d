"""Tables of older versions in today's words: as they are read, and when a run brings them up to date."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.renames import Renamed
from rfm_spark.core.table import Table
from rfm_spark.lake.location import quoted

Shape = Literal["text", "items", "keys"]


@dataclass(frozen=True)
class Change:
    """What becomes of one column, in a change that finds nothing to do when it is made again.

    Attributes:
        column: that gets the values.
        shape: where words stand in a value: the text itself, an item of an array, a key of a map.
        source: column that null values are filled from; None for none.
        words: older and today's.
    """

    column: str
    shape: Shape
    source: str | None = None
    words: tuple[tuple[str, str], ...] = ()


def changes_of(table: Table, have: Collection[str]) -> list[Change]:
    """What is to be done to a table that an older version wrote.

    Args:
        table: as it is today.
        have: columns that the table had.
    """
    kinds = {name: kind for name, kind, _ in table.columns}
    found = (
        Change(one.column, _shape(kinds[one.column]), one.was if one.was in have else None, one.words)
        for one in table.renames
        if one.column in have or one.was in have
    )
    return [one for one in found if one.source is not None or one.words]


def in_spark(change: Change) -> tuple[str, str]:
    """The value of a column, and the condition on rows that it changes, in Spark's SQL."""
    value, conditions = quoted(change.column), []
    if change.source is not None:
        conditions.append(f"{value} IS NULL AND {quoted(change.source)} IS NOT NULL")
        value = f"coalesce({value}, {quoted(change.source)})"
    for older, word in (map(literal, pair) for pair in change.words):
        if change.shape == "text":
            conditions.append(f"{value} = {older}")
            value = f"if({value} = {older}, {word}, {value})"
        elif change.shape == "items":
            conditions.append(f"array_contains({value}, {older})")
            value = f"transform({value}, item -> if(item = {older}, {word}, item))"
        else:
            conditions.append(f"map_contains_key({value}, {older})")
            value = f"transform_keys({value}, (key, _) -> if(key = {older}, {word}, key))"
    return value, " OR ".join(f"({one})" for one in conditions)


def in_datafusion(change: Change) -> tuple[str, str]:
    """The same in the SQL of `deltalake`."""
    value, conditions = f'"{change.column}"', []
    if change.source is not None:
        # Whole maps are no predicate that it can push down.
        inside = "map_keys({})" if change.shape == "keys" else "{}"
        source = f'"{change.source}"'
        conditions.append(f"{inside.format(value)} IS NULL AND {inside.format(source)} IS NOT NULL")
        value = f"coalesce({value}, {source})"
    for older, word in (map(literal, pair) for pair in change.words):
        if change.shape == "text":
            conditions.append(f"{value} = {older}")
            value = f"CASE WHEN {value} = {older} THEN {word} ELSE {value} END"
        elif change.shape == "items":
            conditions.append(f"array_has({value}, {older})")
            value = f"array_replace_all({value}, {older}, {word})"
        else:
            conditions.append(f"array_has(map_keys({value}), {older})")
            value = f"map(array_replace_all(map_keys({value}), {older}, {word}), map_values({value}))"
    return value, " OR ".join(f"({one})" for one in conditions)


def literal(text: str) -> str:
    """A text without backslashes as a literal of either SQL."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def with_older_words(values: dict[str, list[Any]], renames: Iterable[Renamed]) -> dict[str, list[Any]]:
    """Values that columns are looked up by, and what older versions wrote for them."""
    words = {one.column: one.words for one in renames}
    return {
        column: [*wanted, *(old for old, new in words.get(column, ()) if new in wanted)]
        for column, wanted in values.items()
    }


def completed(table: Table | None, rows: DataFrame) -> DataFrame:
    """Rows of a table in today's words, with the columns that an older lake lacks as nulls."""
    if table is None:
        return rows
    there = set(rows.columns)
    new = {column: F.lit(None).cast(kind.lower()) for column, kind, _ in table.columns if column not in there}
    return in_todays_words(rows.withColumns(new) if new else rows, table.renames)


def in_todays_words(rows: DataFrame, renames: Iterable[Renamed]) -> DataFrame:
    """Rows that may be of an older version, without its columns and words."""
    there = set(rows.columns)
    kinds = {field.name: field.dataType.simpleString().upper() for field in rows.schema.fields} if renames else {}
    values: dict[str, Column] = {}
    old: list[str] = []
    for one in renames:
        names = [name for name in (one.column, one.was) if name in there]
        if not names or (names == [one.column] and not one.words):
            continue
        value = F.coalesce(*(F.col(name) for name in names)) if len(names) > 1 else F.col(names[0])
        old += [name for name in names if name == one.was]
        values[one.column] = _reworded(value, dict(one.words), _shape(kinds[names[0]])) if one.words else value
    return rows.withColumns(values).drop(*old) if values else rows


def _reworded(value: Column, words: dict[str, str], shape: Shape) -> Column:
    def today(text: Column) -> Column:
        found = text
        for older, word in words.items():
            found = F.when(text == older, F.lit(word)).otherwise(found)
        return found

    if shape == "keys":
        return F.transform_keys(value, lambda key, _: today(key))
    return F.transform(value, today) if shape == "items" else today(value)


def _shape(kind: str) -> Shape:
    return "items" if kind.startswith("ARRAY") else "keys" if kind.startswith("MAP") else "text"
