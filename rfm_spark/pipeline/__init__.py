"""The main job: the stages of a run in order, and running them under the lake's protocol."""

from rfm_spark.core.backfill import backfill_dates
from rfm_spark.pipeline.runner import Outcome, late_dates, outdated_dates, run
from rfm_spark.pipeline.stages import STAGES

__all__ = ["STAGES", "Outcome", "backfill_dates", "late_dates", "outdated_dates", "run"]
