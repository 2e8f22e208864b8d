"""What the step of records of customers gives."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from rfm_spark.capabilities.customers.scopes import with_scope
from rfm_spark.pipeline.artefact import Artefact, live

# Whoever measures customers parts them.
__all__ = ["CustomerAttributes", "with_scope"]


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
