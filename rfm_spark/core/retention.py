"""Which runs keep their rows: all of the last days, and of the time before the last one of each month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Literal

from pydantic import Field, field_validator

from rfm_spark.core.runs import RunRow, previous_of, with_rows
from rfm_spark.core.strict import Strict


class RetentionConfig(Strict):
    """How long runs keep their rows, once `rfm-spark maintain` looks; it changes no result."""

    daily: int = Field(35, ge=1, description="Days up to the newest as-of date of which every run keeps its rows.")
    monthly: int | Literal["forever"] = Field(
        "forever",
        description="Months, that of the newest as-of date among them, of which the last date's current run does.",
    )

    batches: int = Field(
        30, ge=2, description="Batches of a source that are folded into one, once every run of `daily` days had them."
    )

    @field_validator("monthly", mode="before")
    @classmethod
    def _months(cls, given: Any) -> Any:
        if given != "forever" and (not isinstance(given, int) or isinstance(given, bool) or given < 0):
            raise ValueError("give a number of months from 0 on, or forever")
        return given


def retained(runs: Sequence[RunRow], retention: RetentionConfig, as_of: date) -> list[RunRow]:
    """Runs of a segmentation that keep their rows.

    Every run of the last `daily` days, and of dates later than as_of; before these the current run of the last as-of
    date of each month. The newest date's current run always does, and the run it was compared with: the next ones
    need them.

    Args:
        runs: all complete ones of the segmentation, oldest as-of date first, the newest run of a date last.
        retention: as configured.
        as_of: what days and months are counted back from.

    Returns:
        Those of them that have their rows, and keep them, in the same order.
    """
    current = with_rows({run.as_of: run for run in runs})
    # In the order of dates, so that the last one of a month wins.
    monthly = {_month(day): run.run_id for day, run in sorted(current.items())}
    after = None if retention.monthly == "forever" else _month(as_of) - retention.monthly
    kept = {run_id for month, run_id in monthly.items() if after is None or month > after}
    if current:
        newest = current[max(current)]
        previous = previous_of(current, newest.as_of)
        kept |= {newest.run_id, newest.previous_run_id or "", previous.run_id if previous is not None else ""}
    first_day = as_of - timedelta(days=retention.daily)
    return [run for run in runs if run.has_rows and (run.as_of > first_day or run.run_id in kept)]


def _month(day: date) -> int:
    return day.year * 12 + day.month
