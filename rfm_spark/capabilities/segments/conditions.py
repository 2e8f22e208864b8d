"""What rules range over: columns of a customer, conditions on them, and how both read aloud."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rfm_spark.core.columns import CustomerColumn, customer_columns
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.renames import renamed_value
from rfm_spark.core.strict import Strict

PARAMETERS = ("new_within_days",)
LARGEST_BOUND = 10**15


def usable() -> Mapping[str, CustomerColumn]:
    """Columns that rules may name."""
    return {name: column for name, column in customer_columns().items() if column.values is not None}


class Range(Strict):
    """Inclusive limits of a numeric column, at least one of them; a text limit is the name of a parameter."""

    min: int | float | str | None = None
    max: int | float | str | None = None

    def limits(self, params: Mapping[str, float]) -> tuple[float | None, float | None]:
        """Both limits as numbers, None where open; ConfigError where a named parameter has no value."""
        missing = [bound for bound in (self.min, self.max) if isinstance(bound, str) and bound not in params]
        if missing:
            raise ConfigError("rule map", [f"no value is given for the parameter {missing[0]}"])
        low, high = (params[bound] if isinstance(bound, str) else bound for bound in (self.min, self.max))
        return low, high


Condition = Range | tuple[str, ...]


def meets(column: str, condition: Condition, value: Any, params: Mapping[str, float]) -> bool:
    """Whether one value fulfils one condition; None and NaN never do."""
    if value is None or value != value:
        return False
    if isinstance(condition, tuple):
        return value in condition
    low, high = condition.limits(params)
    here = exact(column, value)
    return (low is None or here >= exact(column, low)) and (high is None or here <= exact(column, high))


def exact(column: str, value: float | Decimal) -> float | Decimal:
    """A value as it is compared with others of its column."""
    # Money is DECIMAL in the table; as doubles, 0.10 and 0.1 need not be equal.
    return Decimal(str(value)) if customer_columns()[column].values == "cents" else value


def condition_text(column: str, condition: Condition, params: Mapping[str, float]) -> str:
    """One condition in plain words, such as "tenure up to 90 days"."""
    words, unit = customer_columns()[column].words, customer_columns()[column].unit
    if isinstance(condition, tuple):
        return f"{words} {' or '.join(condition)}"
    limits = (params.get(limit, limit) if isinstance(limit, str) else limit for limit in (condition.min, condition.max))
    low, high = (f"{limit:.15g}" if isinstance(limit, (int, float)) else limit for limit in limits)
    if low is None or high is None:
        return f"{words} {f'up to {high}' if low is None else f'at least {low}'}{unit}"
    return f"{words} {low if low == high else f'{low} to {high}'}{unit}"


def condition_of(column: str, value: Any) -> Condition:
    """A condition as it is written in a rule map: a word or words, a number, [lowest, highest] or {min: …, max: …}.

    Raises:
        ValueError: no column a rule can use, or nothing it can be compared with.
    """
    if column not in usable():
        raise ValueError(f"{column} is not a column a rule can use (known: {', '.join(usable())})")
    if customer_columns()[column].values == "text":
        words = [value] if isinstance(value, str) else value
        if not isinstance(words, (list, tuple)) or not words or not all(isinstance(w, str) and w for w in words):
            raise ValueError(f"{column} is text: give a word or a list of words, not {value!r}")
        return tuple(renamed_value(words, dict(customer_columns()[column].older_words)))
    low = high = value
    if isinstance(value, dict) and set(value) <= {"min", "max"}:
        low, high = value.get("min"), value.get("max")
    elif isinstance(value, (list, tuple)) and len(value) == 2:
        low, high = value
    if (low is None and high is None) or not all(_is_bound(bound) for bound in (low, high)):
        forms = f"a number, [lowest, highest] or {{min: …, max: …}}, each a number or {' or '.join(PARAMETERS)}"
        raise ValueError(f"{column}: give {forms}, not {value!r}")
    numbers = [bound for bound in (low, high) if isinstance(bound, (int, float))]
    if numbers != sorted(numbers):
        raise ValueError(f"{column}: {low} to {high} is upside down; the lowest comes first")
    digits = {"score": 0, "cents": 2}.get(str(customer_columns()[column].values))
    if digits is not None and any(Decimal(str(n)) != round(Decimal(str(n)), digits) for n in numbers):
        raise ValueError(f"{column} takes {'amounts of two decimals' if digits else 'whole scores'}, not {value!r}")
    return Range(min=low, max=high)


def note_older_words(column: str, value: Any, context: Any) -> None:
    """Leave a sentence on each word of an older version in the context of a validation, where somebody reads it."""
    given = [value] if isinstance(value, str) else value if isinstance(value, (list, tuple)) else []
    for old, new in customer_columns()[column].older_words if context is not None else ():
        if old in given:
            context["notices"].append(f"{column} {old} is called {new} now; the older word is still read")


def _is_bound(value: Any) -> bool:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return abs(value) < LARGEST_BOUND
    return value is None or value in PARAMETERS
