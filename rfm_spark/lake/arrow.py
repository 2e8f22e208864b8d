"""Columns and values between Spark, pyarrow and `deltalake`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from pyspark.sql.types import StructType


def delta_schema(columns: Sequence[tuple[str, str, str]]) -> Any:
    """Columns (name, SQL type, comment) as `deltalake` has them."""
    from deltalake import Schema

    ddl = ", ".join(f"`{name}` {kind}" for name, kind, _ in columns)
    document: Any = StructType.fromDDL(ddl).jsonValue()
    for field, (_, _, comment) in zip(document["fields"], columns, strict=True):
        field["metadata"] = {"comment": comment}
    return Schema.from_json(json.dumps(document))


def to_arrow(value: Any, kind: Any) -> Any:
    """What pyarrow takes for a value of Spark's: maps as pairs, numbers of their own kind."""
    import pyarrow.types as kinds

    if value is None:
        return None
    if kinds.is_map(kind):
        return [(key, to_arrow(item, kind.item_type)) for key, item in value.items()]
    if kinds.is_list(kind):
        return [to_arrow(item, kind.value_type) for item in value]
    if kinds.is_struct(kind):
        return {field.name: to_arrow(value[field.name], field.type) for field in kind}
    if kinds.is_decimal(kind):
        return Decimal(value).quantize(Decimal(1).scaleb(-kind.scale), ROUND_HALF_UP)
    if kinds.is_timestamp(kind) and value.tzinfo is None:
        raise ValueError(f"{value} has no time zone")
    if kinds.is_integer(kind):
        return int(value)
    return float(value) if kinds.is_floating(kind) else value


def from_arrow(value: Any, kind: Any) -> Any:
    """What Spark gives for a value that pyarrow read: maps as such, times in UTC."""
    import pyarrow.types as kinds

    if value is None:
        return None
    if kinds.is_map(kind):
        return {key: from_arrow(item, kind.item_type) for key, item in value}
    if kinds.is_list(kind):
        return [from_arrow(item, kind.value_type) for item in value]
    if kinds.is_struct(kind):
        return {field.name: from_arrow(value[field.name], field.type) for field in kind}
    if not kinds.is_timestamp(kind):
        return value
    return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)
