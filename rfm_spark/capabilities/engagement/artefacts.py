"""What the steps of engagement give."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from rfm_spark.capabilities.drift.artefacts import TrackedVolumes, WatchedRates
from rfm_spark.capabilities.engagement.customers import customer_columns
from rfm_spark.capabilities.engagement.tables import ENGAGEMENT, ENGAGEMENT_SCORES, RESPONSES
from rfm_spark.capabilities.rfm.artefacts import CutPoints
from rfm_spark.pipeline.artefact import CustomerColumns, in_table, live


@dataclass(frozen=True, kw_only=True)
class Engagement(CustomerColumns, WatchedRates, TrackedVolumes):
    """How customers take messages.

    Attributes:
        engagement: rows of table `engagement`.
        responses: rows of table `responses`; None where no scores are made of them.
        made: the columns, as they were made; None where another process made them.
    """

    engagement: DataFrame = in_table(ENGAGEMENT)
    responses: DataFrame | None = in_table(RESPONSES)
    made: DataFrame | None = live()

    @property
    def columns(self) -> DataFrame:
        """customer_id, the tier over all channels and per channel, and rates over all."""
        return customer_columns(self.engagement) if self.made is None else self.made


@dataclass(frozen=True, kw_only=True)
class EngagementScores(CustomerColumns, CutPoints):
    """Scores of engagement, as those of purchases are made.

    Attributes:
        scores: rows of table `engagement_scores`.
    """

    scores: DataFrame = in_table(ENGAGEMENT_SCORES)

    @property
    def columns(self) -> DataFrame:
        """customer_id, three measures, three scores and their code."""
        return self.scores
