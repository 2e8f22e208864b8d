"""What a configuration says of value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field

from rfm_spark.core.strict import Strict


class ValueConfig(Strict):
    """Where revenue comes from, and what of it may be lost."""

    came_later = True

    enabled: bool = Field(False, description="Concentration of revenue, and value at risk by segment and stage.")


SETTINGS = {"value": ValueConfig}
STAGES: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "value": lambda document: bool((document.get("value") or {}).get("enabled"))
}
REMEDIES = {"value": "set value.enabled: true"}
