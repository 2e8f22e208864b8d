"""The step of loyalty."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import functions as F

from rfm_spark.core.config import Config
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.step import step
from tests.loyalty.artefacts import Loyalty
from tests.loyalty.config import LoyaltyConfig, PointsSource
from tests.loyalty.tables import POINTS


@dataclass(frozen=True)
class PointSettings:
    source: PointsSource
    regular_from: int

    @classmethod
    def of(cls, config: Config) -> PointSettings | None:
        source = config.find(PointsSource)
        return None if source is None else cls(source, config.part(LoyaltyConfig).regular_from)


@step("Points", "Spark reads bookings", sources=("points",), writes=(POINTS,))
def add_up(environment: Environment, settings: PointSettings) -> Loyalty:
    """How many points does each customer have?"""
    columns = settings.source.columns
    rows = environment.source("points").frame.select(
        F.col(columns["customer_id"]).alias("customer_id"), F.col(columns["points"]).alias("booked")
    )
    points = rows.groupBy("customer_id").agg(F.sum("booked").alias("points"))
    environment.write(POINTS, points)
    regulars = points.where(F.col("points") >= settings.regular_from).count()
    return Loyalty(account=Account(rows={"loyalty.regulars": regulars}, dealt_with=regulars), points=points)


STEPS = (add_up,)
