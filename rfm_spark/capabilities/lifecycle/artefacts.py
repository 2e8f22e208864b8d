"""What the steps of stages give."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from rfm_spark.capabilities.lifecycle.columns import UNDER_EARLIER
from rfm_spark.capabilities.lifecycle.config import LifecycleConfig
from rfm_spark.capabilities.lifecycle.rhythm import Rhythm
from rfm_spark.capabilities.lifecycle.stages import Terms, lifecycle_stage
from rfm_spark.capabilities.lifecycle.tables import PROSPECTS
from rfm_spark.pipeline.artefact import Artefact, CustomerProjection, in_table


@dataclass(frozen=True, kw_only=True)
class Stages(CustomerProjection):
    """What tells the stage of a customer.

    Attributes:
        config: limits.
        rhythm: of the population; None where days are fixed, or nobody bought on two days.
        earlier: the rhythm of the run before.
        has_earlier: whether there is a run before that told stages.
    """

    config: LifecycleConfig
    rhythm: Rhythm | None
    earlier: Rhythm | None = None
    has_earlier: bool = False

    def project(self, customers: DataFrame) -> DataFrame:
        """The rows with expected_gap_days, lifecycle_stage, and the stage under the rhythm of the run before."""
        today = Terms(self.config, self.rhythm)
        then = Terms(self.config, self.earlier) if self.has_earlier else today
        return customers.withColumns(
            {
                "expected_gap_days": today.gap,
                "lifecycle_stage": lifecycle_stage(today),
                UNDER_EARLIER: lifecycle_stage(then),
            }
        )


@dataclass(frozen=True, kw_only=True)
class Prospects(Artefact):
    """Customers without an order.

    Attributes:
        prospects: rows of table `prospects`.
        moved: how many there are by stage in the previous run and cause.
    """

    prospects: DataFrame = in_table(PROSPECTS)
    moved: tuple[tuple[str | None, str | None, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class StageMoves(Artefact):
    """How many customers are at each stage, and who moved, is told."""
