"""What the step of records of customers gives."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from rfm_spark.capabilities.customers.records import records_counted, validated_customers
from rfm_spark.capabilities.customers.scopes import with_scope
from rfm_spark.pipeline.artefact import Artefact, live

# Whoever looks for those without an order asks who is on record; whoever measures customers parts them.
__all__ = ["CustomerAttributes", "records_counted", "validated_customers", "with_scope"]


@dataclass(frozen=True, kw_only=True)
class CustomerAttributes(Artefact):
    """Who is on record, and what parts them into scopes.

    Attributes:
        names: of the attributes; none where nothing does.
        frame: customer_id, once each, and the attributes, STRING.
    """

    names: tuple[str, ...]
    frame: DataFrame | None = live()

    @property
    def made(self) -> DataFrame:
        """The rows."""
        if self.frame is None:
            raise LookupError("attributes of customers are read anew by every run")
        return self.frame
