"""What a customer's row says of their events, over the main window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rfm_spark.capabilities.events.tables import INTERACTION_COLUMNS
from rfm_spark.core.columns import behaviour_column

_NOTHING = {"BIGINT": 0, "INT": 0}

COLUMNS = (
    *(
        behaviour_column(
            *column, "interactions", absent=0.0 if column[0] == "intent_score" else _NOTHING.get(column[1])
        )
        for column in INTERACTION_COLUMNS
    ),
    behaviour_column(
        "weekly_sessions", "DOUBLE", "Sessions of the last 28 days ÷ 4; null where that window is not counted",
        "weekly_sessions", absent=0.0,
    ),
    behaviour_column("features_used", "BIGINT", "Features used in the main window, each once", "features", absent=0),
)  # fmt: skip


def column_sources(_: Mapping[str, Any]) -> dict[str, str]:
    """Source that each column is made from, whatever the stored configuration."""
    return {column.name: "events" for column in COLUMNS}
