"""Whole rows as hashes: equal rows have equal ones, and rows that differ anywhere have others."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructType, VariantType

_PIECE = (1 << 28) - 1
_NESTED = (ArrayType, MapType, StructType, VariantType)
# All digits of a time, which JSON would cut to milliseconds.
_JSON = {
    "ignoreNullFields": "false",
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}


def hashable(values: Sequence[tuple[Column, DataType]]) -> list[Column]:
    """Columns whose `xxhash64` tells rows apart.

    Spark's hash passes over nulls, and over where an array or struct ends: [1, null] is [1] to it, and [[1], [2]] is
    [[1, 2]]. So nested values are hashed as JSON, and which values are null belongs to the row.

    Args:
        values: of a row, each with its type.

    Returns:
        The arguments of one `xxhash64`.
    """
    plain = [F.to_json(value, _JSON) if isinstance(kind, _NESTED) else value for value, kind in values]
    return [*plain, F.array(*(value.isNull() for value, _ in values))]


def summed_hashes(content: Sequence[Column]) -> tuple[Column, Column]:
    """Two sums that rows of the same content have in common, in whatever order they come, and hardly any others.

    Of pieces of 28 bits: their sums stay within BIGINT for 30 billion rows.

    Args:
        content: plain columns; which of them are null belongs to a row.
    """
    hashed = F.xxhash64(*content, F.array(*(value.isNull() for value in content)))
    piece = F.lit(_PIECE).cast("bigint")
    return F.sum(hashed.bitwiseAND(piece)), F.sum(F.shiftrightunsigned(hashed, 28).bitwiseAND(piece))


def as_fingerprint(low: int | None, high: int | None) -> str:
    """Both sums as a text; null, of no rows, is 0."""
    return f"{low or 0:x}.{high or 0:x}"
