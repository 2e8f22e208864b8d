"""What a configuration says of groups that every run compares."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import Field, model_validator

from rfm_spark.core.columns import customer_columns
from rfm_spark.core.registry import given
from rfm_spark.core.strict import Strict


class PairConfig(Strict):
    """Two groups: names of segments, clusters or stages, or conditions on `segments`."""

    first: str = Field(min_length=1, description="Such as at_risk, or a condition on the columns of segments.")
    second: str = Field(min_length=1, description="Such as champions.")
    where: str | None = Field(None, description="Condition that customers of both meet.")

    @model_validator(mode="after")
    def _two(self) -> PairConfig:
        if self.first == self.second:
            raise ValueError("first and second are the same group")
        return self


class GroupsConfig(Strict):
    """Groups of customers whose behaviour every run compares."""

    came_later = True

    compare: tuple[PairConfig, ...] = Field((), max_length=10, description="Pairs of groups.")

    def problems(self, stages: Collection[str]) -> list[str]:
        """Groups of whom no source tells what they do."""
        homes = {name for _, sources_of in given("columns", "column_sources") for name in sources_of({})}
        filled = (column for column in customer_columns().values() if column.name in homes and column.stage in stages)
        if self.compare and next(filled, None) is None:
            return ["groups.compare needs a source of what customers do: events, messages or subscriptions"]
        return []


SETTINGS = {"groups": GroupsConfig}
STAGES: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "groups": lambda document: bool((document.get("groups") or {}).get("compare"))
}
REMEDIES = {"groups": "name pairs in groups.compare"}
