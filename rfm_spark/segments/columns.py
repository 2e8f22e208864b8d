"""What rules range over: columns of a customer, conditions on them, and how both read aloud."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from rfm_spark.core.config import MEASURES
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.interaction_tables import ENGAGEMENT_COLUMNS, ENGAGEMENT_RFM_COLUMNS, INTERACTION_COLUMNS
from rfm_spark.core.strict import Strict

PARAMETERS = ("new_within_days",)
LARGEST_BOUND = 10**15


@dataclass(frozen=True)
class Usable:
    """A column a rule may name: how it reads aloud, which values it takes and which stage fills it."""

    words: str
    kind: Literal["score", "mean", "whole", "cents", "real", "text"]
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    stage: str | None = None


def _of_interactions() -> dict[str, Usable]:
    """Columns that events and messages fill, as rules may name them."""
    found: dict[str, Usable] = {}
    for columns, stage in (
        (INTERACTION_COLUMNS, "interactions"), (ENGAGEMENT_COLUMNS, "engagement"),
        (ENGAGEMENT_RFM_COLUMNS, "engagement.rfm"),
    ):  # fmt: skip
        for name, kind, _ in columns:
            words = name.replace("_", " ")
            if kind in ("BIGINT", "INT"):
                found[name] = Usable(words, "whole", low=0, stage=stage)
            elif kind == "DOUBLE":
                high = 1.0 if name.endswith("_rate") else math.inf
                found[name] = Usable(words, "real", low=0, high=high, stage=stage)
            elif kind == "STRING":
                found[name] = Usable(words, "text", stage=stage)
    return found


COLUMNS: Mapping[str, Usable] = {
    **{measure: Usable(measure.upper(), "score", low=1) for measure in MEASURES},
    "fm": Usable("FM", "mean", low=1),
    "recency_days": Usable("recency", "whole", " days", low=0),
    "frequency": Usable("frequency", "whole", low=0),
    "monetary": Usable("monetary", "cents"),
    **{f"{measure}_pct": Usable(f"{measure.upper()} percentile", "real", low=0, high=100) for measure in MEASURES},
    **{f"{measure}_z": Usable(f"{measure.upper()} z-score", "real") for measure in MEASURES},
    "rfm_weighted": Usable("weighted score", "real", low=1),
    "tenure_days": Usable("tenure", "whole", " days", low=0),
    "value_tier": Usable("value tier", "text"),
    "cluster_id": Usable("cluster", "whole", low=0, stage="clusters"),
    "cluster_name": Usable("cluster name", "text", stage="clusters"),
    "cluster_distance": Usable("distance to the cluster centre", "real", low=0, stage="clusters"),
    "second_distance": Usable("distance to the second centre", "real", low=0, stage="clusters"),
    "lifecycle_stage": Usable("lifecycle stage", "text", stage="lifecycle"),
    "engagement_tier": Usable("engagement tier", "text", stage="engagement"),
    **_of_interactions(),
    "p_alive": Usable("probability of being alive", "real", low=0, high=1, stage="predict.clv"),
    "expected_orders": Usable("expected orders", "real", low=0, stage="predict.clv"),
    "clv": Usable("customer lifetime value", "real", stage="predict.clv"),
    "churn_probability": Usable("churn probability", "real", low=0, high=1, stage="predict.churn"),
}


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
    return Decimal(str(value)) if COLUMNS[column].kind == "cents" else value


def condition_text(column: str, condition: Condition, params: Mapping[str, float]) -> str:
    """One condition in plain words, such as "tenure up to 90 days"."""
    words, unit = COLUMNS[column].words, COLUMNS[column].unit
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
    if column not in COLUMNS:
        raise ValueError(f"{column} is not a column a rule can use (known: {', '.join(COLUMNS)})")
    if COLUMNS[column].kind == "text":
        words = [value] if isinstance(value, str) else value
        if not isinstance(words, (list, tuple)) or not words or not all(isinstance(w, str) and w for w in words):
            raise ValueError(f"{column} is text: give a word or a list of words, not {value!r}")
        return tuple(words)
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
    digits = {"score": 0, "cents": 2}.get(COLUMNS[column].kind)
    if digits is not None and any(Decimal(str(n)) != round(Decimal(str(n)), digits) for n in numbers):
        raise ValueError(f"{column} takes {'amounts of two decimals' if digits else 'whole scores'}, not {value!r}")
    return Range(min=low, max=high)


def _is_bound(value: Any) -> bool:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return abs(value) < LARGEST_BOUND
    return value is None or value in PARAMETERS
