"""Tables of older versions in today's words: as they are read, and when a run brings them up to date."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.renames import Renamed
from rfm_spark.core.table import Table
from rfm_spark.lake.location import quoted

if TYPE_CHECKING:
    from rfm_spark.lake.tables import Tables


@dataclass(frozen=True)
class Dialect:
    """What differs between the SQL of Spark and of `deltalake`.

    Attributes:
        text: makes a literal.
        has_key: condition that a map `value` has the key `older`.
        other_key: the map with `word` in its place.
    """

    text: Callable[[str], str]
    has_key: str
    other_key: str


@dataclass(frozen=True)
class Change:
    """What becomes of one column, in a change that finds nothing to do when it is made again.

    Attributes:
        column: that gets the values.
        is_map: whether words are keys of a map; otherwise they are texts.
        source: column that null values are filled from; None for none.
        words: older and today's.
    """

    column: str
    is_map: bool
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
        Change(one.column, _is_map(kinds[one.column]), one.was if one.was in have else None, one.words)
        for one in table.renames
        if one.column in have or one.was in have
    )
    return [one for one in found if one.source is not None or one.words]


def bring_up(tables: Tables, table: Table, have: Collection[str]) -> None:
    """Add what a table of an older version lacks, and put today's words in.

    Args:
        tables: of its lake.
        table: as it is today.
        have: columns that it had.
    """
    missing = [column for column in table.columns if column[0] not in have]
    if missing:
        tables.change(table.name, missing, {})
    changes = changes_of(table, have)
    if changes:
        tables.update(table.name, changes)


def update_of(change: Change, dialect: Dialect) -> tuple[str, str]:
    """The value of a column, and the condition on rows that it changes, as SQL."""
    value, conditions = quoted(change.column), []
    if change.source is not None:
        source = quoted(change.source)
        # Of a map deltalake pushes only its keys down.
        inside = "map_keys({})" if change.is_map else "{}"
        conditions.append(f"{inside.format(value)} IS NULL AND {inside.format(source)} IS NOT NULL")
        value = f"coalesce({value}, {source})"
    for older, word in (map(dialect.text, pair) for pair in change.words):
        if change.is_map:
            conditions.append(dialect.has_key.format(value=value, older=older))
            value = dialect.other_key.format(value=value, older=older, word=word)
        else:
            conditions.append(f"{value} = {older}")
            value = f"CASE WHEN {value} = {older} THEN {word} ELSE {value} END"
    return value, " OR ".join(f"({one})" for one in conditions)


def with_older_words(values: dict[str, list[Any]], renames: Iterable[Renamed]) -> dict[str, list[Any]]:
    """Values that columns are looked up by, and what older versions wrote for them."""
    words = {one.column: one.words for one in renames}
    return {
        column: [*wanted, *(old for old, new in words.get(column, ()) if new in wanted)]
        for column, wanted in values.items()
    }


def with_older_names(columns: Iterable[str], renames: Iterable[Renamed]) -> list[str]:
    """Columns that are asked for, and what older versions called them."""
    older = {one.column: one.was for one in renames if one.was is not None}
    return [name for column in columns for name in (column, older.get(column)) if name is not None]


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
        values[one.column] = _reworded(value, dict(one.words), is_map=_is_map(kinds[names[0]]))
    return rows.withColumns(values).drop(*old) if values else rows


def _reworded(value: Column, words: dict[str, str], *, is_map: bool) -> Column:
    def today(text: Column) -> Column:
        found = text
        for older, word in words.items():
            found = F.when(text == older, F.lit(word)).otherwise(found)
        return found

    if not words:
        return value
    return F.transform_keys(value, lambda key, _: today(key)) if is_map else today(value)


def _is_map(kind: str) -> bool:
    return kind.startswith("MAP")
