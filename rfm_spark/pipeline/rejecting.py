"""Rejects of a run beside those of the run before."""

from __future__ import annotations

from pyspark.sql import DataFrame

from rfm_spark.core.reading.rejects import with_first_seen
from rfm_spark.core.schemas import REJECTS
from rfm_spark.pipeline.environment import Environment


def first_seen(environment: Environment, found: DataFrame) -> DataFrame:
    """Rejected rows with the run that rejected each of them first; see `core.reading.rejects.with_first_seen`."""
    run = environment.run
    if run.before is None or not environment.exists(REJECTS.name):
        return with_first_seen(found, None, run.run_id, None)
    return with_first_seen(found, environment.of_runs(REJECTS.name, [run.before.run_id]), run.run_id, run.before.run_id)
