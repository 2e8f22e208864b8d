"""The registry of customer columns: what a row of `segments` has, and who fills it.

Rules, features of clusters, checks of the configuration, `explain`, the history of segments and the reference in the
docs read it; a capability declares its columns in its `columns.py`, and nobody else lists them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rfm_spark.core.errors import PlanError
from rfm_spark.core.registry import capabilities, given

CUSTOMERS = "segments"
Transform = Literal["none", "log1p"]
Values = Literal["score", "mean", "whole", "cents", "real", "text"]
# Bounded by nature: a logarithm would only bend them.
_BOUNDED = ("_rate", "_r_score", "_f_score", "_m_score")
_COUNTS = ("BIGINT", "INT")


@dataclass(frozen=True)
class Tracked:
    """How moves of a customer between values of a column are told, from one run to the next.

    Attributes:
        previous: column with the value in the run before.
        cause: column that says why it is another one now.
        under_earlier: column of a customer's row, not stored, with the value that they would have under what the run
            before knew of everybody; a row without it would have today's.
    """

    previous: str
    cause: str
    under_earlier: str


@dataclass(frozen=True)
class CustomerColumn:
    """One column of a customer's row.

    Attributes:
        name: as users read it.
        kind: SQL type.
        comment: what it holds.
        values: what a rule may compare it with; None where rules can't name it.
        words: how a rule on it reads aloud.
        unit: what follows a number of it.
        low: smallest value.
        high: largest value.
        transform: as a feature of clusters; None where it can't be one.
        stage: what has to run for it to be filled; None for what every run fills.
        absent: value of customers of whom the stage knows nothing; None for null.
        interval: kind of `segment_history` whose intervals it makes.
        is_amount: whether it is money, of which that of several currencies has no common limit.
        is_watched: whether drift watches how many customers have which value, or how a number is spread.
        tracked: how moves between its values are told; None where they are not.
        stored: False for a word of rules that is no column.
        older_words: values that older versions wrote, and today's.
    """

    name: str
    kind: str
    comment: str
    values: Values | None = None
    words: str = ""
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    transform: Transform | None = None
    stage: str | None = None
    absent: int | float | bool | str | None = None
    interval: str | None = None
    is_amount: bool = False
    is_watched: bool = False
    tracked: Tracked | None = None
    stored: bool = True
    older_words: tuple[tuple[str, str], ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether its values are spread, not counted one by one."""
        return self.kind == "DOUBLE"

    @property
    def ddl(self) -> tuple[str, str, str]:
        """Name, type and comment, as tables have them."""
        return self.name, self.kind, self.comment


def behaviour_column(
    name: str, kind: str, comment: str, stage: str, *, absent: int | float | bool | str | None = None,
    older_words: tuple[tuple[str, str], ...] = (),
) -> CustomerColumn:  # fmt: skip
    """A column of what customers do beside buying: what rules and clusters can do with it follows from its type.

    Args:
        name: as users read it.
        kind: SQL type.
        comment: what it holds.
        stage: what has to run for it.
        absent: value of customers of whom the stage knows nothing.
        older_words: of a text, values that older versions wrote, and today's.
    """
    words = name.replace("_", " ")
    if kind == "STRING":
        return CustomerColumn(name, kind, comment, "text", words, stage=stage, absent=absent, older_words=older_words)
    if kind not in (*_COUNTS, "DOUBLE"):
        return CustomerColumn(name, kind, comment, stage=stage, absent=absent)
    values: Values = "whole" if kind in _COUNTS else "real"
    high = 1.0 if values == "real" and name.endswith("_rate") else math.inf
    transform: Transform = "none" if name.endswith(_BOUNDED) else "log1p"
    return CustomerColumn(
        name, kind, comment, values, words, low=0, high=high, transform=transform, stage=stage, absent=absent
    )


def customer_columns() -> Mapping[str, CustomerColumn]:
    """Every column of all capabilities, by name, words of rules among them.

    Raises:
        PlanError: two capabilities give the same column.
    """
    return _gathered(capabilities())


def customer_ddl() -> tuple[tuple[str, str, str], ...]:
    """Name, type and comment of the columns that are stored."""
    return tuple(column.ddl for column in customer_columns().values() if column.stored)


def tracked_columns(running: Collection[str]) -> dict[str, Tracked]:
    """Columns whose moves are told, by name, of stages that run.

    Args:
        running: stages.
    """
    return {
        column.name: column.tracked
        for column in customer_columns().values()
        if column.tracked is not None and column.stage in running
    }


def stages(document: Mapping[str, object]) -> frozenset[str]:
    """The stages that run under a configuration, as it is stored."""
    return frozenset(stage for _, found in given("config", "STAGES") for stage, runs in found.items() if runs(document))


def remedies() -> dict[str, str]:
    """How each stage that is off is switched on, in words."""
    return {stage: words for _, found in given("config", "REMEDIES") for stage, words in found.items()}


def all_stages() -> frozenset[str]:
    """Every stage there is."""
    return frozenset(stage for _, found in given("config", "STAGES") for stage in found)


@lru_cache
def _gathered(_: tuple[str, ...]) -> Mapping[str, CustomerColumn]:
    found: dict[str, CustomerColumn] = {}
    whose: dict[str, str] = {}
    for capability, columns in given("columns", "COLUMNS"):
        for column in columns:
            if column.name in found:
                raise PlanError(
                    f"capabilities {whose[column.name]} and {capability} both give the column {column.name}; rename one"
                )
            found[column.name], whose[column.name] = column, capability
    return found
