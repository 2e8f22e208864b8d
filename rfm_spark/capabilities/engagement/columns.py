"""What a customer's row says of how they take messages, over all channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rfm_spark.capabilities.engagement.tables import ENGAGEMENT_COLUMNS, ENGAGEMENT_RFM_COLUMNS
from rfm_spark.capabilities.engagement.words import OLDER_TIERS
from rfm_spark.core.columns import CustomerColumn, behaviour_column

_STAGE = "engagement"
_NOTHING: dict[str, int | bool] = {"BIGINT": 0, "INT": 0, "BOOLEAN": False}
# Who never interacted has the lowest scores.
_INACTIVE: dict[str, int | float] = {
    "engagement_frequency": 0, "engagement_value": 0.0, **{f"engagement_{m}_score": 1 for m in "rfm"},
}  # fmt: skip

COLUMNS = (
    CustomerColumn(
        "engagement_tier", "STRING", "Tier over all channels; null without messages", "text", "engagement tier",
        stage=_STAGE, absent="insufficient", interval="tier", is_watched=True, older_words=OLDER_TIERS,
    ),
    *(behaviour_column(*column, _STAGE, absent=_NOTHING.get(column[1]), older_words=OLDER_TIERS)
      for column in ENGAGEMENT_COLUMNS),
    *(behaviour_column(*column, "engagement.rfm", absent=_INACTIVE.get(column[0]))
      for column in ENGAGEMENT_RFM_COLUMNS),
)  # fmt: skip


def column_sources(settings: Mapping[str, Any]) -> dict[str, str]:
    """Source that each column is made from, under a stored configuration: scores of engagement are of either."""
    of = ((settings.get("engagement") or {}).get("rfm") or {}).get("of")
    source = "events" if of == "interactions" else "messages"
    scores = {name: source for name, _, _ in ENGAGEMENT_RFM_COLUMNS}
    return {column.name: "messages" for column in COLUMNS} | scores
