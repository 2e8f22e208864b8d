"""What a customer's row says of their stage."""

from __future__ import annotations

from rfm_spark.core.columns import CustomerColumn, Tracked

_STAGE = "lifecycle"
UNDER_EARLIER = "lifecycle_stage_under_earlier"

COLUMNS = (
    CustomerColumn(
        "expected_gap_days", "DOUBLE",
        "Days expected between two of their orders, shrunk to the population's; null with fixed days", "real",
        "expected gap", " days", low=0, stage=_STAGE,
    ),
    CustomerColumn(
        "lifecycle_stage", "STRING", "Stage by the rhythm of their orders; prospects are in table prospects", "text",
        "stage", stage=_STAGE, interval="stage", is_watched=True,
        tracked=Tracked("previous_lifecycle_stage", "lifecycle_cause", UNDER_EARLIER),
    ),
    CustomerColumn(
        "previous_lifecycle_stage", "STRING", "Stage in the previous run; null for a customer who was not in it",
        stage=_STAGE,
    ),
    CustomerColumn(
        "lifecycle_cause", "STRING", "Why the stage is another than in the previous run, as in lifecycle_transitions",
        stage=_STAGE,
    ),
)  # fmt: skip
