"""Which rules name segments, as a user writes it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from rfm_spark.core.strict import Strict


class SegmentsConfig(Strict):
    """The rule map: the name of a shipped one, or the path of a YAML file."""

    rules: str = "rf_grid"
    new_within_days: int = Field(90, ge=1)
    confirm_runs: int = Field(
        1, ge=1, le=60, description="confirmed_segment changes when a segment has held for so many runs."
    )

    def named(self, config: Any) -> dict[str, Any]:
        """The rules, checked against bins and stages."""
        from rfm_spark.capabilities.segments.load import checked_rule_map, stored_rule_map

        return {"rule_map": stored_rule_map(checked_rule_map(config))}


SETTINGS = {"segments": SegmentsConfig}
