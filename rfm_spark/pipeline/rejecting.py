"""Rejects of a run beside those of the run before."""

from __future__ import annotations

from pyspark.sql import DataFrame

from rfm_spark.core.reading.rejects import with_first_seen
from rfm_spark.core.schemas import REJECTS
from rfm_spark.pipeline.context import RunContext


def first_seen(run: RunContext, found: DataFrame) -> DataFrame:
    """Rejected rows with the run that rejected each of them first; see `core.reading.rejects.with_first_seen`."""
    before = run.before
    if before is None or not run.store.exists(REJECTS.name):
        return with_first_seen(found, None, run.run_id, None)
    return with_first_seen(found, run.of_run(REJECTS.name, before.run_id), run.run_id, before.run_id)
