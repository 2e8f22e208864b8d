"""What the step of loyalty gives."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from rfm_spark.pipeline.artefact import CustomerColumns, in_table
from tests.loyalty.tables import POINTS


@dataclass(frozen=True, kw_only=True)
class Loyalty(CustomerColumns):
    """Points of customers."""

    points: DataFrame = in_table(POINTS)

    @property
    def columns(self) -> DataFrame:
        return self.points.select("customer_id", "points")
