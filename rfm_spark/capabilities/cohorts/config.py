"""What a configuration says of cohorts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from pydantic import Field

from rfm_spark.core.strict import Strict


class CohortsConfig(Strict):
    """Who began together, and what of them is looked at."""

    came_later = True

    enabled: bool = Field(False, description="Cohorts of customers, and what became of them.")
    period: Literal["month", "week"] = Field("month", description="Length of a period; a week begins on Monday.")
    start: Literal["first_order", "first_event"] = Field(
        "first_order", description="What makes a customer begin; with first_event, events make them active, too."
    )
    existing_days: int = Field(
        30, ge=0, le=3660,
        description="Who begins so soon after the data do may have been there before: existing at start. 0: nobody.",
    )  # fmt: skip

    def problems(self, stages: Collection[str]) -> list[str]:
        """Cohorts by events that no source tells of."""
        if self.enabled and self.start == "first_event" and "interactions" not in stages:
            return ["cohorts.start is first_event, which needs sources.events"]
        return []

    def problems_with(self, sources: Mapping[str, Any]) -> list[str]:
        """Cohorts by orders without any."""
        if self.enabled and self.start == "first_order" and "transactions" not in sources:
            return ["cohorts.start is first_order, which needs sources.transactions; take first_event"]
        return []


SETTINGS = {"cohorts": CohortsConfig}
STAGES: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "cohorts": lambda document: bool((document.get("cohorts") or {}).get("enabled"))
}
REMEDIES = {"cohorts": "set cohorts.enabled: true"}
