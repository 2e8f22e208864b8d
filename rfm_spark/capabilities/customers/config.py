"""What a configuration says of records of customers: where they are, and how their columns map to ours."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field, model_validator

from rfm_spark.core.reading.mapping import FILTERED
from rfm_spark.core.reading.places import Where, unread_column
from rfm_spark.core.scopes import CURRENCY
from rfm_spark.core.strict import Strict

CUSTOMER_COLUMNS = ("customer_id", "created_ts")
_NAME = r"[a-z][a-z0-9_]{0,62}"


class CustomersSource(Where):
    """Records of customers, one or more per customer; those without an order are prospects."""

    came_later = True

    columns: dict[str, str] = Field(description="ours: theirs, a column name or a scalar SQL expression.")
    attributes: dict[str, str] = Field(
        default_factory=dict, description="ours: theirs, of what rfm.scope may part customers by, such as country."
    )
    simulated: bool = Field(False, description="Invented data; shown everywhere.")

    def stored(self) -> dict[str, Any]:
        """Without attributes where there are none: runs of before knew none."""
        document = super().stored()
        return document if self.attributes else {key: one for key, one in document.items() if key != "attributes"}

    @model_validator(mode="after")
    def _columns_fit(self) -> CustomersSource:
        found = [
            unread_column(name, "customers", CUSTOMER_COLUMNS) for name in self.columns if name not in CUSTOMER_COLUMNS
        ]
        if "customer_id" not in self.columns:
            found.append("columns.customer_id is missing")
        found += [
            f"attributes.{name}: give a name of small letters, digits and underscores that is no column of ours"
            for name in self.attributes
            if not re.fullmatch(_NAME, name) or name in (*CUSTOMER_COLUMNS, CURRENCY, FILTERED)
        ]
        if found:
            raise ValueError("; ".join(found))
        return self


OPTIONAL_SOURCES: dict[str, type[Strict]] = {"customers": CustomersSource}
