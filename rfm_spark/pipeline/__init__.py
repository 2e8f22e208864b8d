"""Steps, artefacts, plan, runner and account of a run; it knows no capability by name."""

from rfm_spark.core.backfill import backfill_dates
from rfm_spark.pipeline.outcome import Outcome
from rfm_spark.pipeline.runner import late_dates, look_at_plan, outdated_dates, run

__all__ = ["Outcome", "backfill_dates", "late_dates", "look_at_plan", "outdated_dates", "run"]
