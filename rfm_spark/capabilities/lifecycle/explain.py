"""What `explain` says of a customer's stage."""

from __future__ import annotations

from rfm_spark.capabilities.lifecycle.words import STAGE_MEANINGS
from rfm_spark.core.explaining import PublishedCustomer


def stage_lines(customer: PublishedCustomer) -> list[str]:
    """Their stage, the silence since their last order, and the gap that is expected; nothing where stages are off."""
    row = customer.row
    stage, gap = row.get("lifecycle_stage"), row.get("expected_gap_days")
    if stage is None:
        return []
    silence = f"the last order is {row['recency_days']} days ago"
    if gap is None:
        limits = customer.document["lifecycle"]["days"]
        rhythm = f"lapsing after {limits['lapsing']} days, lapsed after {limits['lapsed']}"
    else:
        limits = customer.document["lifecycle"]["gaps"]
        rhythm = (
            f"one is expected every {gap:.1f}: lapsing after {limits['lapsing'] * gap:.0f} days, lapsed after "
            f"{limits['lapsed'] * gap:.0f}"
        )
    before, cause = row.get("previous_lifecycle_stage"), row.get("lifecycle_cause")
    moved = f"; {before} in the run before ({cause})" if before is not None and before != stage else ""
    return [f"  stage      {stage}: {STAGE_MEANINGS[stage]}; {silence}, {rhythm}{moved}"]


EXPLAIN = (stage_lines,)
