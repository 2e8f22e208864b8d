"""SQL as `deltalake` takes it in predicates and updates of tables of this machine."""

from __future__ import annotations

from collections.abc import Collection

from rfm_spark.lake.rewording import Dialect


def is_in(column: str, values: Collection[str]) -> str:
    """A predicate: a column has one of these texts."""
    return f"{column} IN ({', '.join(_text(value) for value in sorted(values))})"


def _text(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


DIALECT = Dialect(
    _text, "array_has(map_keys({value}), {older})",
    "map(array_replace_all(map_keys({value}), {older}, {word}), map_values({value}))",
)  # fmt: skip
