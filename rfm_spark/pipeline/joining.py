"""What events and messages tell of a customer, beside what they bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.engagement.config import EngagementConfig
from rfm_spark.capabilities.rfm.config import MEASURES, RfmConfig, Scoring
from rfm_spark.capabilities.rfm.cuts import COLUMN_OF, as_rows, quantile_cuts, with_scores
from rfm_spark.capabilities.rfm.scores import score_code
from rfm_spark.core.columns import customer_columns
from rfm_spark.pipeline.context import RunContext

_PREFIX = "engagement_"
# Columns of engagement that are scored, by the measure whose rules they follow.
_SCORED = {"r": "engagement_recency_days", "f": "engagement_frequency", "m": "engagement_value"}


def with_behaviour(run: RunContext, scored: DataFrame) -> DataFrame:
    """Scored customers with the columns that events and messages give them.

    Who has no events has counts of 0 and unknown rates; who has no messages is `insufficient`.
    """
    if not run.behaviour:
        return scored
    joined = scored
    for frame in run.behaviour:
        joined = joined.join(frame, "customer_id", "left")
    filled = joined.withColumns(_filled(joined.columns))
    return _with_engagement_scores(run, filled) if run.config.part(EngagementConfig).rfm is not None else filled


def _filled(there: Sequence[str]) -> dict[str, Column]:
    absent = {name: column.absent for name, column in customer_columns().items() if column.absent is not None}
    return {name: F.coalesce(F.col(name), F.lit(value)) for name, value in absent.items() if name in there}


def _with_engagement_scores(run: RunContext, customers: DataFrame) -> DataFrame:
    """The three scores; who never interacted has the lowest."""
    known = customers.withColumns(
        {
            "engagement_frequency": F.coalesce("engagement_frequency", F.lit(0).cast("bigint")),
            "engagement_value": F.coalesce("engagement_value", F.lit(0.0)),
        }
    )
    scoring = Scoring(
        bins=run.config.part(RfmConfig).scoring.bins, relative_error=run.config.part(RfmConfig).scoring.relative_error
    )
    measures = {COLUMN_OF[measure]: F.col(column) for measure, column in _SCORED.items()}
    narrow = known.select("customer_id", *(value.alias(name) for name, value in measures.items()))
    active = run.hold(narrow.where(F.col(COLUMN_OF["r"]).isNotNull()))
    cut_sets, _ = quantile_cuts(active, scoring)
    run.engagement_cuts = [_renamed(row) for row in as_rows(cut_sets)]
    names = {f"{measure}_score": f"{_PREFIX}{measure}_score" for measure in MEASURES}
    scores = with_scores(active, cut_sets).select(
        "customer_id", *(F.col(theirs).alias(ours) for theirs, ours in names.items())
    )
    lowest = {name: F.coalesce(F.col(name), F.lit(1)) for name in names.values()}
    return (
        known.join(scores, "customer_id", "left")
        .withColumns(lowest)
        .withColumn("engagement_rfm_code", score_code(scoring.bins, _PREFIX))
    )


def _renamed(row: Mapping[str, Any]) -> dict[str, Any]:
    measure = next(m for m, column in COLUMN_OF.items() if column == row["measure"])
    return {**row, "measure": _SCORED[measure]}
