"""What a customer's row says of their points."""

from __future__ import annotations

from rfm_spark.core.columns import behaviour_column

COLUMNS = (behaviour_column("points", "BIGINT", "Points booked", "loyalty", absent=0),)
