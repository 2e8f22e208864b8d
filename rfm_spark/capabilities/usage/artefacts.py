"""What the step of usage gives."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from rfm_spark.capabilities.purchases.artefacts import Measures, Purchases
from rfm_spark.pipeline.artefact import live


@dataclass(frozen=True, kw_only=True)
class UsageMeasures(Measures):
    """Measures of which at least one is none of purchases.

    Attributes:
        frame: a row per customer who is scored.
    """

    instead_of = Purchases
    frame: DataFrame | None = live()

    @property
    def purchased(self) -> DataFrame:
        """Customers who are scored."""
        if self.frame is None:
            raise LookupError("measures of usage are put together anew by every run")
        return self.frame
