"""What the steps of records of customers give."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from rfm_spark.capabilities.customers.scopes import with_scope
from rfm_spark.pipeline.artefact import Artefact, live

# Whoever measures customers parts them.
__all__ = ["CustomerAttributes", "CustomerRecords", "with_scope"]


@dataclass(frozen=True, kw_only=True)
class CustomerRecords(Artefact):
    """Who is on record.

    Attributes:
        frame: customer_id, once each, and the attributes that part customers.
    """

    frame: DataFrame | None = live()

    @property
    def made(self) -> DataFrame:
        """The rows."""
        if self.frame is None:
            raise LookupError("records of customers are read anew by every run")
        return self.frame


@dataclass(frozen=True, kw_only=True)
class CustomerAttributes(Artefact):
    """What parts customers into scopes.

    Attributes:
        frame: of `CustomerRecords`.
    """

    frame: DataFrame | None = live()
