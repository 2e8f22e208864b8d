"""Where the points are, and from how many on somebody is a regular."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field

from rfm_spark.core.reading.places import Where
from rfm_spark.core.strict import Strict


class PointsSource(Where):
    """Points of customers, one row per booking."""

    columns: dict[str, str] = Field(description="customer_id and points.")


class LoyaltyConfig(Strict):
    """What is made of points."""

    regular_from: int = Field(100, ge=1, description="Points that make a regular.")


OPTIONAL_SOURCES = {"points": PointsSource}
SETTINGS = {"loyalty": LoyaltyConfig}
STAGES: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "loyalty": lambda document: bool(document["sources"].get("points"))
}
