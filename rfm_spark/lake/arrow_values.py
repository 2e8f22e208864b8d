"""Values of Python as pyarrow takes them for columns of Spark's types."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any


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
